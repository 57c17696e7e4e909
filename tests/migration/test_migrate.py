"""What a migration does, and what it refuses: real files, real folders."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_disk import read_tree
from migration_world import EVENT, NAMES, STATE, TOOL, lines, make_legacy, workspace

from orchestrator_mcp.analysis.anonymize import verify_anonymization
from orchestrator_mcp.errors import MigrationError, ReadOnlyError
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.migration import Action, MigrationResult
from orchestrator_mcp.services import migration as service
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage import migration as disk

DATA = Path(os.environ.get("ORCHESTRATOR_TEST_DATA") or Path(__file__).parents[2].parent / "shared" / "data") / "legacy"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no legacy samples; set ORCHESTRATOR_TEST_DATA")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def migrate(project: Path) -> MigrationResult:
    return migrate_state(workspace(project), dry_run=False)


def session_of(project: Path, result: MigrationResult) -> Path:
    return project / ".orchestrator" / "sessions" / str(result.session_id)


def outside(project: Path) -> dict[str, tuple[str, int, int | None, bytes]]:
    return {name: entry for name, entry in read_tree(project).items() if not name.startswith(".orchestrator")}


def test_a_dry_run_is_the_default_and_writes_nothing(project: Path) -> None:
    before = read_tree(project)
    plan = migrate_state(workspace(project))
    assert plan.action is Action.PLAN
    assert plan.legacy_detected
    assert [file.from_ for file in plan.files][:2] == list(NAMES[:2])
    assert plan.files[0].to == ".orchestrator/sessions/<new>/state.json"
    assert plan.files[0].sha256 == hashlib.sha256((project / NAMES[0]).read_bytes()).hexdigest()
    assert plan.bytes == sum(file.bytes for file in plan.files)
    assert plan.free_bytes
    assert "dry_run=false" in plan.next_step
    assert read_tree(project) == before


def test_state_log_and_checkpoints_arrive_byte_for_byte(project: Path) -> None:
    before = outside(project)
    result = migrate(project)
    session = session_of(project, result)
    there = read_tree(session)
    for old, new in ((NAMES[0], "state.json"), (NAMES[1], "log.jsonl"), (NAMES[2], "checkpoints")):
        for name, (kind, mode, mtime, data) in before.items():
            if name == old or name.startswith(f"{old}/"):
                assert there[new + name[len(old) :]] == (
                    kind,
                    mode | (0o600 if kind == "file" else 0o700) if kind == "file" else 0o700,
                    mtime,
                    data,
                )
    assert result.action is Action.MIGRATED
    assert not result.legacy_detected
    assert set(outside(project)) == {"src.py"}
    assert workspace(project).sessions.read(str(result.session_id)).migrated_from == str(project)
    assert workspace(project).sessions.get_current_session() == result.session_id


def test_there_and_back_restores_everything(project: Path) -> None:
    before = outside(project)
    migrate(project)
    result = rollback(workspace(project))
    assert result.action is Action.ROLLED_BACK
    assert result.legacy_detected
    assert outside(project) == before
    store = project / ".orchestrator"
    assert not list((store / "sessions").iterdir())
    assert not list((store / "migration_backup").iterdir())
    assert not (store / ".migration_complete").exists()
    assert rollback(workspace(project)).action is Action.NOTHING_TO_DO


@needs_data
def test_a_real_project_goes_there_and_back_byte_for_byte(tmp_path: Path) -> None:
    project = tmp_path / "real"
    shutil.copytree(DATA / "workflow_project", project)
    os.chmod(project, 0o755)
    os.chmod(project / NAMES[2], 0o755)
    (project / NAMES[2] / "empty").mkdir()
    os.chmod(project / NAMES[2], 0o555)
    before = outside(project)
    result = migrate(project)
    assert (session_of(project, result) / "log.jsonl").read_bytes() == before[NAMES[1]][3]
    assert (session_of(project, result) / "state.json").read_bytes() == before[NAMES[0]][3]
    assert set(outside(project)) == {"workflow.yaml"}
    rollback(workspace(project))
    assert outside(project) == before


@needs_data
@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("workflow_state__AlexGithubs_autonomous-dev-stack.json", ".workflow_state.json"),
        ("orchestrator_state__fbalino_baton.json", ".workflow_state.json"),
        ("logs_feedback__mchuster_DataOps-Agent.jsonl", ".workflow_feedback.jsonl"),
    ],
)
def test_foreign_files_of_the_same_name_are_left_alone(tmp_path: Path, sample: str, name: str) -> None:
    shutil.copy(DATA / "foreign" / sample, tmp_path / name)
    before = read_tree(tmp_path)
    result = migrate(tmp_path)
    assert result.action is Action.NOTHING_TO_DO
    assert [(one.path, one.why) for one in result.left_alone] == [(name, "its content is another tool's")]
    assert outside(tmp_path) == before


def test_a_foreign_checkpoint_folder_is_left_alone(project: Path) -> None:
    shutil.rmtree(project / NAMES[2])
    (project / NAMES[2]).mkdir()
    (project / NAMES[2] / "a.json").write_text("{}")
    result = migrate(project)
    assert NAMES[2] in [one.path for one in result.left_alone]
    assert (project / NAMES[2] / "a.json").exists()


def test_leftovers_are_named_and_not_touched(project: Path) -> None:
    for name in (".workflow_feedback.jsonl.migrated", ".workflow_migration_in_progress", ".workflow_custom"):
        (project / name).write_text("x")
    result = migrate(project)
    assert [one.path for one in result.left_alone] == [
        ".workflow_custom", ".workflow_feedback.jsonl.migrated", ".workflow_migration_in_progress",
    ]  # fmt: skip
    assert (project / ".workflow_migration_in_progress").exists()


def test_feedback_becomes_our_records(project: Path) -> None:
    result = migrate(project)
    there = workspace(project)
    process = there.read(ProcessFeedback, result.session_id).records
    assert [one.workflow_id for one in process] == ["wf_94a0f102", "wf_2", "wf_3"]
    first, second, third = process
    assert first.project_errors == ["npm ENOENT"]
    assert first.parallel_agents_used is False
    assert second.mode == "interactive"
    assert second.parallel_agents_used is True
    assert (second.model_extra or {})["notes"] == "n"
    assert third.session_id == result.session_id
    assert third.model_extra == {"legacy_session_id": "old", "favourite": {"a": 1}}
    assert there.read(ToolFeedback, result.session_id).bad_lines == 0
    assert result.warnings == ["1 feedback lines are no entries; they are kept in *.quarantine."]
    quarantine = session_of(project, result) / "feedback" / "process.jsonl.quarantine"
    assert json.loads(quarantine.read_bytes())["bytes_b64"] == "bm90IGpzb24="


def test_tool_feedback_is_made_anonymous_again(project: Path) -> None:
    result = migrate(project)
    data = (session_of(project, result) / "feedback" / "tool.jsonl").read_bytes()
    assert verify_anonymization(data) == []
    for leak in (b"bob", b"acme", b"SECRET_PHASE", b"wf_94a0f102", b"b0aaee28"):
        assert leak not in data
    of_a, of_tool = workspace(project).read(ToolFeedback, result.session_id).records
    assert of_a.workflow_id_hash
    assert of_a.duration_seconds == 61
    assert of_tool.workflow_id_hash is None
    assert of_tool.repo_type == "python"
    assert "write_tests" in of_tool.items_skipped


@pytest.mark.parametrize(
    "line",
    [b"[]", b"{}", b'{"timestamp":"no"}', b"\xff\xfe", b'{"timestamp":"2026-01-01","x":NaN}', b'{"timestamp":' + b"[" * 5000, b"7" * 5000,
     b'{"timestamp":"2026-01-01","x":"' + b"y" * 200_000 + b'"}', b'{"timestamp":{}}', b'{"timestamp":"0001-01-01T00:00:00+23:00"}'],
    ids=lambda line: line[:20].decode("latin-1"),
)  # fmt: skip
def test_no_line_of_feedback_is_lost_or_fatal(tmp_path: Path, line: bytes) -> None:
    (tmp_path / NAMES[3]).write_bytes(lines(TOOL | {"task": "t"}) + line + b"\n")
    result = migrate(tmp_path)
    folder = session_of(tmp_path, result) / "feedback"
    assert len((folder / "process.jsonl.quarantine").read_bytes().splitlines()) == 1
    assert len((folder / "process.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize("value", [None, True, 7, 1e308, "text", "\ud800", [], ["a", 1], {"a": {"b": 1}}, "x" * 5000])
@pytest.mark.parametrize(
    "name", ["mode", "task", "learnings", "phases", "duration_seconds", "errors_summary", "multi_agents", "parallel_agents_used",
             "items_skipped", "items_skipped_pct", "answers", "repo_type", "orchestrator_version", "id", "rev", "inferred"]
)  # fmt: skip
def test_any_value_in_any_field_gives_a_record(tmp_path: Path, name: str, value: object) -> None:
    entry = TOOL | {"task": "t", "workflow_id": "wf_1", name: value}
    (tmp_path / NAMES[3]).write_bytes(json.dumps(entry).encode() + b"\n")
    result = migrate(tmp_path)
    there = workspace(tmp_path)
    assert len(there.read(ProcessFeedback, result.session_id).records) == 1
    assert verify_anonymization((session_of(tmp_path, result) / "feedback" / "tool.jsonl").read_bytes()) == []


def test_secrets_are_redacted_where_we_rewrite_and_pointed_out_where_we_copy(project: Path) -> None:
    (project / NAMES[1]).write_bytes(lines(EVENT | {"message": "password hunter2"}))
    (project / NAMES[5]).write_bytes(lines({"timestamp": "2026-01-01", "task": "hunter2", "mode": "auto"}))
    result = migrate(project)
    assert b"hunter2" not in (session_of(project, result) / "feedback" / "process.jsonl").read_bytes()
    assert b"hunter2" in (session_of(project, result) / "log.jsonl").read_bytes()
    assert any("look like secrets" in warning for warning in result.warnings)


def test_a_second_run_finds_nothing(project: Path) -> None:
    migrate(project)
    before = read_tree(project)
    assert migrate(project).action is Action.NOTHING_TO_DO
    assert read_tree(project) == before


def test_nothing_to_migrate_makes_no_store(tmp_path: Path) -> None:
    result = migrate(tmp_path)
    assert result.action is Action.NOTHING_TO_DO
    assert read_tree(tmp_path) == {}


def test_what_the_old_tool_writes_afterwards_becomes_a_second_session(project: Path) -> None:
    first = migrate(project)
    (project / NAMES[1]).write_bytes(lines(EVENT))
    second = migrate(project)
    assert second.session_id != first.session_id
    assert len(workspace(project).sessions.list_sessions()) == 2
    assert rollback(workspace(project)).session_id == second.session_id
    with pytest.raises(MigrationError, match=r"a \.workflow_log\.jsonl stands where"):
        rollback(workspace(project))
    assert workspace(project).sessions.list_sessions() == [first.session_id]


def test_a_different_state_of_the_same_workflow_is_a_conflict_and_both_are_kept(project: Path) -> None:
    there = workspace(project)
    there.store()
    mine = there.sessions.create_session()
    there.sessions.set_current_session(mine)
    there.paths.for_session(mine).state_file().write_text(json.dumps(STATE | {"status": "completed"}))
    assert [mine in one for one in migrate_state(there).conflicts] == [True]
    result = migrate(project)
    assert mine in result.conflicts[0]
    assert there.sessions.get_current_session() == mine
    assert json.loads(there.paths.for_session(str(result.session_id)).state_file().read_bytes()) == STATE


def test_the_same_state_is_no_conflict(project: Path) -> None:
    there = workspace(project)
    there.store()
    mine = there.sessions.create_session()
    there.paths.for_session(mine).state_file().write_text(json.dumps(STATE | {"_revision": 3}))
    assert migrate_state(there).conflicts == []


def test_read_only_plans_and_refuses(project: Path) -> None:
    before = read_tree(project)
    assert migrate_state(workspace(project, read_only=True)).action is Action.PLAN
    with pytest.raises(ReadOnlyError):
        migrate_state(workspace(project, read_only=True), dry_run=False)
    with pytest.raises(ReadOnlyError):
        rollback(workspace(project, read_only=True))
    assert read_tree(project) == before


def _symlink(project: Path) -> None:
    (project / NAMES[0]).rename(project / "real.json")
    (project / NAMES[0]).symlink_to("real.json")


def _hard_link(project: Path) -> None:
    os.link(project / NAMES[1], project / "twin")


def _fifo(project: Path) -> None:
    (project / NAMES[3]).unlink()
    os.mkfifo(project / NAMES[3])


def _link_inside(project: Path) -> None:
    (project / NAMES[2] / "deep" / "link").symlink_to("/etc")


def _fifo_inside(project: Path) -> None:
    os.mkfifo(project / NAMES[2] / "deep" / "pipe")


def _not_a_folder(project: Path) -> None:
    shutil.rmtree(project / NAMES[2])
    (project / NAMES[2]).write_text("x")


def _foreign_owner(project: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(project / NAMES[0], 12345, -1)


def _odd_name(project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project / NAMES[2]) + b"/\xff")).mkdir()


@pytest.mark.parametrize(
    "spoil", [_symlink, _hard_link, _fifo, _link_inside, _fifo_inside, _not_a_folder, _foreign_owner, _odd_name]
)
def test_what_is_unsafe_stops_everything(project: Path, spoil: Callable[[Path], None]) -> None:
    spoil(project)
    before = {name: entry[:3] for name, entry in read_tree_without_content(project).items()}
    plan = migrate_state(workspace(project))
    assert "cannot be migrated" in plan.next_step
    with pytest.raises(MigrationError, match=r"^Nothing was moved\. .*cannot be migrated: .*\. "):
        migrate(project)
    after = {name: entry[:3] for name, entry in read_tree_without_content(project).items()}
    assert {name: entry for name, entry in after.items() if not name.startswith(".orchestrator")} == before
    assert not (project / ".orchestrator" / "sessions").exists()


def read_tree_without_content(root: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            info = os.lstat(Path(folder) / name)
            found[str((Path(folder) / name).relative_to(root))] = (info.st_mode, info.st_mtime_ns, info.st_size)
    return found


def test_too_little_space_stops_everything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "free_bytes", lambda _folder: 1000)
    before = outside(project)
    with pytest.raises(MigrationError, match="free bytes and there are 1,000"):
        migrate(project)
    assert outside(project) == before


@pytest.mark.parametrize("change", ["append", "replace", "touch", "new checkpoint", "remove"])
def test_a_change_while_copying_aborts_and_says_so(project: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    real = disk.build

    def slow(*args: Any) -> dict[str, str]:
        hashes = real(*args)
        log = project / NAMES[1]
        if change == "append":
            log.write_bytes(log.read_bytes() + b"more\n")
        elif change == "replace":
            log.rename(project / "old")
            log.write_bytes((project / "old").read_bytes())
        elif change == "touch":
            os.utime(log)
        elif change == "new checkpoint":
            (project / NAMES[2] / "cp_2.json").write_text("{}")
        else:
            log.unlink()
        return hashes

    monkeypatch.setattr(disk, "build", slow)
    with pytest.raises(MigrationError, match="End the tool that writes them"):
        migrate(project)
    assert (project / NAMES[0]).exists()
    store = project / ".orchestrator"
    assert not (store / "sessions").exists()
    assert not list((store / "tmp").iterdir())
    monkeypatch.undo()
    assert migrate(project).action is Action.MIGRATED


def test_a_line_written_after_the_copy_stays_in_sight(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = disk.commit

    def late(*args: Any) -> None:
        real(*args)
        (project / NAMES[1]).write_bytes((project / NAMES[1]).read_bytes() + b"late\n")

    monkeypatch.setattr(disk, "commit", late)
    result = migrate(project)
    assert any("was written again" in warning for warning in result.warnings)
    assert (project / NAMES[1]).read_bytes().endswith(b"late\n")
    assert result.legacy_detected


def test_rollback_refuses_to_hide_what_was_written_since(project: Path) -> None:
    before = outside(project)
    result = migrate(project)
    log = session_of(project, result) / "log.jsonl"
    log.write_bytes(log.read_bytes() + b"\n" + lines(EVENT))
    kept = log.read_bytes()
    with pytest.raises(MigrationError, match=r"was written to since\. Use --force"):
        rollback(workspace(project))
    forced = rollback(workspace(project), force=True)
    assert outside(project) == before
    backup = project / ".orchestrator" / "migration_backup" / str(result.session_id)
    assert (backup / "session" / "log.jsonl").read_bytes() == kept
    assert "It is kept in" in forced.warnings[-1]
    assert migrate(project).action is Action.MIGRATED


def test_a_forced_rollback_puts_aside_what_stands_in_the_way(project: Path) -> None:
    before = outside(project)
    migrate(project)
    (project / NAMES[0]).write_text("mine")
    forced = rollback(workspace(project), force=True)
    assert outside(project) == before
    aside = list(project.glob(".orchestrator/migration_backup/*/displaced/*"))
    assert [path.read_text() for path in aside] == ["mine"]
    assert str(aside[0]) in forced.warnings[0]


def test_a_linked_work_tree_is_migrated_into_the_main_store(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    make_legacy(linked)
    before = read_tree(linked)
    result = migrate_state(workspace(main, linked), dry_run=False)
    assert session_of(main, result).is_dir()
    assert set(read_tree(linked)) == {"src.py"}
    assert rollback(workspace(main)).action is Action.NOTHING_TO_DO
    assert rollback(workspace(main, linked)).action is Action.ROLLED_BACK
    assert read_tree(linked) == before


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system at /dev/shm")
def test_originals_on_another_file_system_go_there_and_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    far = Path("/dev/shm") / f"orchestrator-test-{os.getpid()}"
    request.addfinalizer(lambda: shutil.rmtree(far, ignore_errors=True))
    make_legacy(far)
    if far.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("both folders are on one file system")
    os.chmod(far / NAMES[2], 0o555)
    before = read_tree(far)
    migrate_state(workspace(tmp_path, far), dry_run=False)
    assert set(read_tree(far)) == {"src.py"}
    rollback(workspace(tmp_path, far))
    assert read_tree(far) == before


def test_a_project_that_was_moved_can_still_be_rolled_back(project: Path) -> None:
    before = outside(project)
    migrate(project)
    moved = project.rename(project.with_name("moved"))
    rollback(workspace(moved))
    assert outside(moved) == before


def test_umask_does_not_matter(project: Path) -> None:
    old = os.umask(0o077)
    try:
        before = outside(project)
        migrate(project)
        os.umask(0)
        rollback(workspace(project))
        assert outside(project) == before
        assert (project / ".orchestrator").stat().st_mode & 0o077 == 0
    finally:
        os.umask(old)
