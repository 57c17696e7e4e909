"""Trees that were made to harm: nothing outside is read, changed or followed, and an error is a sentence."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from crash_disk import read_tree
from migration_world import EVENT, NAMES, STATE, lines, make_legacy, migrate, outside, workspace
from whole_world import ORIGIN, PRD, make_whole, origin_session, put

from orchestrator_mcp.cli.notice import NOTICE
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage.migration import recover

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


def _link(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).symlink_to(root.parent / "outside")


def _pipe(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(root / name)


def _folder(root: Path, name: str) -> None:
    (root / name / "x").mkdir(parents=True)


def _huge(root: Path, name: str) -> None:
    put(root, name, b"")
    os.truncate(root / name, 1 << 40)


def _deep(root: Path, name: str) -> None:
    put(root, name, b'{"phases":' + b"[" * 200_000)


COMMON = (
    "logs/feedback.jsonl", "skills/a/logs/feedback.jsonl", "telemetry/agent_invocations.jsonl", ".claude/prd_state.json",
    ".orchestrator.yaml", ".orchestrator/state.json", ".orchestrator/log.jsonl", ".orchestrator/checkpoints",
    ".orchestrator/feedback", ORIGIN,
)  # fmt: skip


@pytest.mark.parametrize("name", COMMON)
@pytest.mark.parametrize("make", [_link, _pipe, _folder, _huge, _deep])
def test_a_strange_thing_under_a_common_name_stops_nothing(
    tmp_path: Path, make: Callable[[Path, str], None], name: str
) -> None:
    put(tmp_path, "outside", lines(EVENT))
    root = tmp_path / "project"
    root.mkdir()
    make(root, name)
    there = workspace(root)
    if name == ORIGIN:
        with pytest.raises(OrchestratorError, match="belongs to another tool"):
            migrate_state(there, dry_run=False)
        return
    put(root, NAMES[1], lines(EVENT))
    result = migrate_state(there, dry_run=False)
    assert [file.from_ for file in result.files] == [NAMES[1]]
    assert os.path.lexists(root / name)
    assert (tmp_path / "outside").read_bytes() == lines(EVENT)


@pytest.mark.parametrize("inside", ["checkpoints/link", "feedback/pipe", "log.jsonl"])
def test_a_strange_thing_inside_an_older_session_stops_everything(tmp_path: Path, inside: str) -> None:
    origin_session(tmp_path)
    path = tmp_path / ORIGIN / inside
    path.unlink(missing_ok=True)
    os.mkfifo(path) if "pipe" in inside else path.symlink_to("/etc/passwd")
    with pytest.raises(OrchestratorError, match=r"cannot be migrated: .*--exclude"):
        migrate(tmp_path)
    assert path.exists() or path.is_symlink()
    assert not list((tmp_path / ".orchestrator").glob("migration_backup/*"))


@pytest.mark.parametrize(
    "change",
    [
        {"originals": [{"path": "src.py", "kind": "file", "mode": 0o644, "mtime_ns": 1, "size": 8, "sha256": "x"}]},
        {"originals": [{"path": "logs/../src.py", "kind": "file", "mode": 0o644, "mtime_ns": 1}]},
        {"originals": [{"path": ".claude/settings.json", "kind": "file", "mode": 0o644, "mtime_ns": 1}]},
        {"originals": [{"path": ".orchestrator/sessions/01m7y6e3m9y6syec7w7ybzrxfz", "kind": "folder", "mode": 0o755, "mtime_ns": 1}]},
        {"around": [{"path": "src", "kind": "folder", "mode": 0o777, "mtime_ns": 1}]},
        {"placements": [{"to": "../src.py", "sha256": "x", "replaces": None}]},
        {"placements": [{"to": "secrets/redaction.key", "sha256": "x", "replaces": None}]},
        {"placements": [{"to": "meta.json", "sha256": "x", "replaces": None}]},
        {"placements": [{"to": "sessions/x/../../meta.json", "sha256": "x", "replaces": None}]},
        {"placements": [{"to": "sessions/../..", "sha256": None}]},
        {"current": "../../x"},
    ],
    ids=lambda change: json.dumps(change)[:60],
)  # fmt: skip
def test_a_manifest_that_came_with_a_clone_moves_nothing_else(tmp_path: Path, change: dict[str, object]) -> None:
    put(tmp_path, NAMES[1], lines(EVENT))
    result = migrate(tmp_path)
    put(tmp_path, "src.py", b"print()\n")
    backup = tmp_path / ".orchestrator" / "migration_backup" / str(result.session_id)
    for prepared in ("meta.json", "secrets/redaction.key"):
        put(backup, f"prepared/{prepared}", b"evil")
    manifest = json.loads((backup / "manifest.json").read_bytes()) | change
    (backup / "manifest.json").unlink()
    put(backup, "pending.json", json.dumps(manifest).encode(), 0o600)
    before = outside(tmp_path)
    meta = (tmp_path / ".orchestrator/meta.json").read_bytes()
    there = workspace(tmp_path)
    there.store()
    warnings = recover(there.paths, there.locks)
    assert any("was not written for this work tree" in warning for warning in warnings)
    assert outside(tmp_path) == before
    assert (tmp_path / ".orchestrator/meta.json").read_bytes() == meta


def test_a_config_that_was_set_while_it_waited_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace(tmp_path).store()
    put(tmp_path, ".orchestrator.yaml", b"min_workflows: 4\n")
    config, real = tmp_path / ".orchestrator/config.yaml", disk.commit

    def late(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        config.write_bytes(b"min_workflows: 7\n")

    monkeypatch.setattr(disk, "commit", late)
    result = migrate(tmp_path)
    assert "config.yaml was changed meanwhile" in result.warnings[0]
    assert config.read_bytes() == b"min_workflows: 7\n"
    rollback(workspace(tmp_path))
    assert config.read_bytes() == b"min_workflows: 7\n"
    assert (tmp_path / ".orchestrator.yaml").read_bytes() == b"min_workflows: 4\n"


def test_a_config_that_was_set_since_is_kept_when_it_is_taken_back(tmp_path: Path) -> None:
    put(tmp_path, ".orchestrator.yaml", b"min_workflows: 4\n")
    migrate(tmp_path)
    config = tmp_path / ".orchestrator/config.yaml"
    config.write_bytes(b"min_workflows: 7\n")
    with pytest.raises(OrchestratorError, match=r"config\.yaml was changed since"):
        rollback(workspace(tmp_path))
    (warning,) = rollback(workspace(tmp_path), force=True).warnings
    assert not config.exists()
    assert Path(warning.rsplit(" ", 1)[1].rstrip(".")).read_bytes() == b"min_workflows: 7\n"


def test_folders_that_version_control_dropped_are_made_again(tmp_path: Path) -> None:
    put(tmp_path, ".claude/prd_state.json", json.dumps(PRD).encode())
    os.chmod(tmp_path / ".claude", 0o750)
    os.utime(tmp_path / ".claude", ns=(1, 1_600_000_000_123_456_789))
    before = outside(tmp_path)
    migrate(tmp_path)
    (tmp_path / ".claude").rmdir()
    rollback(workspace(tmp_path))
    assert outside(tmp_path) == before


def test_of_many_threads_that_migrate_everything_one_does(tmp_path: Path) -> None:
    make_whole(tmp_path / "p")
    make_legacy(tmp_path / "p")
    found: list[Action] = []
    threads = [
        threading.Thread(target=lambda: found.append(migrate_state(workspace(tmp_path / "p"), dry_run=False).action))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [Action.MIGRATED, *[Action.NOTHING_TO_DO] * 3]
    assert len(list((tmp_path / "p/.orchestrator/migration_backup").iterdir())) == 1


def test_a_state_with_an_endless_difference_is_told_briefly(tmp_path: Path) -> None:
    there = workspace(tmp_path)
    there.store()
    session = there.sessions.create_session()
    ours = STATE | {f"field_{'x' * n}": "x" * 1000 for n in range(20)} | {"\x1b[31m": 1}
    there.paths.for_session(session).state_file().write_text(json.dumps(ours))
    put(tmp_path, NAMES[0], json.dumps(STATE).encode())
    said = migrate(tmp_path).conflicts[0]
    assert len(said) < 600
    assert "15 other fields" in said


def test_the_notice_is_a_box_with_straight_sides() -> None:
    box = NOTICE.splitlines()
    assert {len(line) for line in box} == {62}
    assert (box[0][0], box[0][-1], box[-1][0], box[-1][-1]) == ("╔", "╗", "╚", "╝")
    assert all(line[0] + line[-1] in {"║║", "╠╣"} for line in box[1:-1])
    assert all(line.isprintable() for line in box)


def test_nothing_of_the_tree_is_read_through_a_link_that_stands_for_the_root(tmp_path: Path) -> None:
    make_legacy(tmp_path / "real")
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    before = read_tree(tmp_path / "real")
    assert migrate_state(workspace(tmp_path / "alias")).action is Action.PLAN
    assert read_tree(tmp_path / "real") == before
