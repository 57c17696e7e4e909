"""What a person may choose: which names, which settings, what becomes of the originals, of `.gitignore`, and a report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from crash_disk import read_tree
from migration_world import EVENT, NAMES, lines, make_legacy, migrate, outside, workspace
from projects import Project
from whole_world import CONFIG, MISTAKE, origin_session, put

from orchestrator_mcp.errors import ForeignStoreError, InvalidInputError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.migration import Action, Choices, MigrationResult
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.gitignore import contain_gitignore, gitignore_diff
from orchestrator_mcp.services.migration import import_legacy, migrate_state, rollback
from orchestrator_mcp.services.migration import migrate as run_migration
from orchestrator_mcp.services.migration_report import check_report, write_report
from orchestrator_mcp.services.workspace import open_workspace

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def choose(project: Path, *, dry_run: bool = False, **choices: Any) -> MigrationResult:
    return run_migration(workspace(project), Choices(**choices), dry_run=dry_run)


@pytest.mark.parametrize(
    ("choices", "moved"),
    [
        ({"include": ("*.json",)}, {NAMES[0]}),
        ({"include": (".workflow_*",), "exclude": ("*feedback*",)}, set(NAMES[:3])),
        ({"exclude": (".workflow_*",)}, {"logs/feedback.jsonl"}),
        ({"include": ("logs/*",)}, {"logs/feedback.jsonl"}),
    ],
)
def test_patterns_choose_the_names(project: Path, choices: dict[str, tuple[str, ...]], moved: set[str]) -> None:
    put(project, "logs/feedback.jsonl", lines(MISTAKE))
    everything = {*NAMES, "logs/feedback.jsonl"}
    result = choose(project, **choices)
    assert {name for name in everything if not (project / name).exists()} == moved
    assert {one.path for one in result.left_alone if "on request" in one.why} == everything - moved


def test_what_is_left_out_may_be_unsafe(project: Path) -> None:
    (project / NAMES[0]).unlink()
    (project / NAMES[0]).symlink_to("/etc/passwd")
    assert choose(project, exclude=(NAMES[0],)).action is Action.MIGRATED
    assert (project / NAMES[0]).is_symlink()


def test_kept_originals_stay_and_are_not_taken_twice(project: Path) -> None:
    before = outside(project)
    result = choose(project, stays=True)
    assert outside(project) == before
    assert not result.legacy_detected
    assert choose(project).action is Action.NOTHING_TO_DO
    assert "taken over before" in choose(project, dry_run=True).left_alone[0].why
    assert list(workspace(project).legacy.sources()) == [], "a review does not read them a second time"
    rollback(workspace(project))
    assert outside(project) == before
    assert workspace(project).sessions.list_sessions() == []


OLD_CONFIG = """\
test_command: "true"
build_command: 7
min_frequency: 9
min_workflows: 4
feedback_sync: true
reviews: {a: 1}
weird_thing: s3cret
engine: nonsense
variables: {docs_dir: other, more: x}
"""


def test_settings_become_ours_by_name(tmp_path: Path) -> None:
    put(tmp_path, ".orchestrator.yaml", OLD_CONFIG.encode())
    result = migrate(tmp_path)
    assert yaml.safe_load((tmp_path / ".orchestrator/config.yaml").read_bytes()) == {
        "min_frequency": 9,
        "min_workflows": 4,
        "variables": {"test_command": "true", "build_command": "7", "docs_dir": "other", "more": "x"},
    }
    assert result.warnings == [
        "Old settings not taken over (only you set that, with `orchestrator config set --global`): feedback_sync.",
        "Old settings not taken over (not known here, or of no use): reviews, weird_thing, engine.",
    ]
    assert open_workspace({}, tmp_path).config.min_frequency == 9


def test_a_config_that_is_there_wins_key_by_key_and_keeps_its_comments(tmp_path: Path) -> None:
    workspace(tmp_path).store()
    put(tmp_path, ".orchestrator/config.yaml", CONFIG, 0o600)
    put(tmp_path, ".orchestrator.yaml", OLD_CONFIG.encode())
    put(tmp_path, ".orchestra.yaml", b"test_command: false\ntests_dir: t\n")
    result = migrate(tmp_path)
    data = (tmp_path / ".orchestrator/config.yaml").read_bytes()
    assert data.startswith(b"# mine\nmin_frequency: 5\n")
    variables = {"docs_dir": "doc", "test_command": "true", "build_command": "7", "more": "x", "tests_dir": "t"}
    assert yaml.safe_load(data) == {"min_frequency": 5, "min_workflows": 4, "variables": variables}
    assert "says otherwise): min_frequency, variables.docs_dir." in result.warnings[-1]
    rollback(workspace(tmp_path))
    assert (tmp_path / ".orchestrator/config.yaml").read_bytes() == CONFIG


def test_a_config_that_nobody_can_merge_into_is_left_as_it_is(tmp_path: Path) -> None:
    workspace(tmp_path).store()
    put(tmp_path, ".orchestrator/config.yaml", b"{min_frequency: 5}\n", 0o600)
    put(tmp_path, ".orchestrator.yaml", b"min_workflows: 4\n")
    result = migrate(tmp_path)
    assert (tmp_path / ".orchestrator/config.yaml").read_bytes() == b"{min_frequency: 5}\n"
    assert "only an editor" in result.warnings[0]


def test_another_prd_state_is_kept_unless_the_old_one_is_preferred(tmp_path: Path) -> None:
    old = {"prd_id": "p", "prd_title": "T", "prd_file": "/x", "tasks": []}
    for prefer, used in ((None, "mine"), ("old", "T")):
        root = tmp_path / str(prefer)
        root.mkdir()
        workspace(root).store()
        put(root, ".orchestrator/prd/prd_state.json", b'{"prd_title":"mine"}', 0o600)
        put(root, ".claude/prd_state.json", json.dumps(old).encode())
        result = choose(root, prefer=prefer)
        assert json.loads((root / ".orchestrator/prd/prd_state.json").read_bytes())["prd_title"] == used
        assert any("differs" in said for said in result.conflicts) is (prefer is None)
        rollback(workspace(root))
        assert (root / ".orchestrator/prd/prd_state.json").read_bytes() == b'{"prd_title":"mine"}'
        assert json.loads((root / ".claude/prd_state.json").read_bytes()) == old


@pytest.mark.parametrize("imported", [False, True])
def test_a_prd_state_that_loses_where_it_stays_is_copied(tmp_path: Path, imported: bool) -> None:
    old = json.dumps({"prd_id": "p", "prd_title": "T", "prd_file": "/x", "tasks": []}).encode()
    root, source = tmp_path / "here", tmp_path / ("there" if imported else "here")
    workspace(root).store()
    put(root, ".orchestrator/prd/prd_state.json", b'{"prd_title":"mine"}', 0o600)
    put(source, ".claude/prd_state.json", old)
    result = import_legacy(workspace(root), source) if imported else choose(root, stays=True)
    assert (root / result.files[0].to).read_bytes() == old
    assert "kept in the backup" in result.conflicts[0]
    assert ("--force-from-old" in result.conflicts[0]) is not imported, "an import has no such option"
    assert workspace(root).legacy.detected() is False


def test_settings_that_stay_are_copied_too_as_only_some_are_taken_over(tmp_path: Path) -> None:
    put(tmp_path, ".orchestrator.yaml", OLD_CONFIG.encode())
    result = choose(tmp_path, stays=True)
    kept = tmp_path / ".orchestrator/migration_backup" / str(result.session_id) / "kept/.orchestrator.yaml"
    assert kept.read_text("utf-8") == OLD_CONFIG


SEVEN = (
    ".workflow_state.json", ".workflow_log.jsonl", ".workflow_checkpoints/", "/.workflow_feedback.jsonl",
    ".workflow_tool_feedback.jsonl", ".workflow_sessions/", ".orchestrator/sessions/",
)  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_seven_ignored_patterns_become_one(project: Path, end: str) -> None:
    mine = ["# mine", "  spaced  ", "*.pyc", "", "!keep", "\xe9"]
    text = end.join([mine[0], *SEVEN[:3], mine[1], *SEVEN[3:], *mine[2:]]).encode("latin-1")
    put(project, ".gitignore", text, 0o640)
    planned = choose(project, dry_run=True).gitignore
    assert planned.count("\n-") == 7
    assert (project / ".gitignore").read_bytes() == text
    assert choose(project).gitignore == planned
    assert (project / ".gitignore").read_bytes() == text, "it is only offered"
    assert contain_gitignore(workspace(project))
    wanted = end.join([mine[0], ".orchestrator/", *mine[1:]]).encode("latin-1")
    assert (project / ".gitignore").read_bytes() == wanted
    assert (project / ".gitignore").stat().st_mode & 0o777 == 0o640
    assert not contain_gitignore(workspace(project))


def test_what_still_lies_there_stays_ignored(tmp_path: Path) -> None:
    put(tmp_path, ".workflow_sessions/x.jsonl", b"{}")
    put(tmp_path, ".workflow_log.jsonl", lines(EVENT))
    put(tmp_path, ".gitignore", b".workflow_sessions/\n.workflow_log.jsonl\n.orchestrator\n")
    migrate(tmp_path)
    contain_gitignore(workspace(tmp_path))
    assert (tmp_path / ".gitignore").read_bytes() == b".workflow_sessions/\n.orchestrator\n"


def test_a_gitignore_that_is_a_link_is_left_alone(project: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere", b".workflow_state.json\n")
    (project / ".gitignore").symlink_to(tmp_path / "elsewhere")
    migrate(project)
    assert gitignore_diff(workspace(project)) == ""
    assert not contain_gitignore(workspace(project))
    assert (tmp_path / "elsewhere").read_bytes() == b".workflow_state.json\n"


def test_a_report_says_what_was_done_and_replaces_only_a_report(project: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = migrate(project)
    write_report(report, result)
    assert MigrationResult.model_validate_json(report.read_bytes()) == result
    write_report(report, result)
    for other in (b"{}", b"[]", b"text"):
        report.write_bytes(other)
        with pytest.raises(InvalidInputError, match="is not a report of a migration"):
            check_report(report)
    report.unlink()
    report.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError):
        write_report(report, result)
    with pytest.raises(InvalidInputError, match="There is no folder"):
        check_report(tmp_path / "none" / "x.json")


def run(project: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words]
    environment = os.environ | environ
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_command_line_takes_them_all(project: Path) -> None:
    put(project, ".gitignore", b".workflow_state.json\n.workflow_log.jsonl\n")
    report = project.parent / "report.json"
    words = [
        "migrate",
        "--include",
        ".workflow_*",
        "--exclude",
        "*process*",
        "--force-from-new",
        "--report",
        str(report),
    ]
    done = run(project, *words, "--gitignore", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["action"] == "migrated"
    assert json.loads(report.read_bytes()) == result
    assert (project / ".gitignore").read_bytes() == b".orchestrator/\n"
    assert (project / NAMES[5]).exists()
    report.write_bytes(b"mine")
    refused = run(project, "migrate", "--report", str(report))
    assert refused.returncode == 1
    assert "is not a report" in refused.stderr
    assert (project / NAMES[5]).exists(), "it was asked before anything was moved"


@pytest.mark.parametrize("value", ["", "0", "no", "1"])
def test_auto_migration_happens_at_the_first_write_and_only_if_a_person_asked(project: Path, value: str) -> None:
    before = outside(project)
    environ = {"ORCHESTRATOR_AUTO_MIGRATE": value}
    assert run(project, "review", "--all", **environ).returncode == 0
    assert outside(project) == before, "a read moves nothing"
    words = ["failure", "log", "--context", "It broke", "--feedback", "Mend it", "--category", "api", "--json"]
    logged = run(project, *words, **environ)
    assert logged.returncode == 0, logged.stderr
    assert ("were migrated" in logged.stderr) is (value == "1")
    assert (set(outside(project)) == {"src.py"}) is (value == "1")
    assert json.loads(logged.stdout)["legacy_detected"] is (value != "1")


def test_a_clone_cannot_ask_for_it(project: Path) -> None:
    workspace(project).store()
    put(project, ".orchestrator/config.yaml", b"auto_migrate: true\n", 0o600)
    there = open_workspace({}, project)
    log_failure(there, context="It broke", feedback="Mend it", category="api")
    assert (project / NAMES[0]).exists()


def test_auto_migration_tells_what_it_met(project: Path, capsys: Any) -> None:
    there = workspace(project)
    there.store()
    session = there.sessions.create_session()
    other = json.loads((project / NAMES[0]).read_bytes()) | {"status": "completed"}
    there.paths.for_session(session).state_file().write_text(json.dumps(other))
    there = open_workspace({"ORCHESTRATOR_AUTO_MIGRATE": "1"}, project)
    log_failure(there, context="It broke", feedback="Mend it", category="api")
    said = capsys.readouterr().err
    assert f"different state in session {session}" in said
    assert "no entry of ours" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--force"], "--rollback"),
        (["--rollback", "--exclude", "x", "--keep-legacy"], "--exclude, --keep-legacy"),
        (["--rollback", "--force-from-old"], "--force-from-old"),
        (["--rollback", "--gitignore"], "--gitignore"),
    ],
)
def test_options_that_do_not_go_together_are_refused(project: Path, words: list[str], named: str) -> None:
    before = read_tree(project)
    refused = run(project, "migrate", *words)
    assert refused.returncode == 1
    assert named in refused.stderr
    assert read_tree(project) == before


def test_a_rollback_says_what_it_brought_back(project: Path) -> None:
    assert run(project, "migrate").returncode == 0
    told = run(project, "migrate", "--rollback").stdout
    assert told.count(NAMES[0]) == 1
    assert "are where they were" in told
    assert run(project, "migrate", "--keep-legacy").stdout.startswith("Took over"), "nothing was moved"
    told = run(project, "migrate", "--rollback").stdout
    assert told == "Took 1 session away.\nThe copies are gone. What they were copied from was not touched.\n"


def test_auto_migration_that_is_not_safe_does_not_stop_the_write(project: Path, capsys: Any) -> None:
    os.link(project / NAMES[0], project / "twin")
    there = open_workspace({"ORCHESTRATOR_AUTO_MIGRATE": "1"}, project)
    log_failure(there, context="It broke", feedback="Mend it", category="api")
    assert "were not migrated: Nothing was moved" in capsys.readouterr().err
    assert (project / NAMES[1]).exists()


def test_an_older_orchestrators_folder_is_read_until_it_is_migrated(tmp_path: Path) -> None:
    origin_session(tmp_path)
    put(tmp_path, ".orchestrator/current", b"b8de435a")
    before = read_tree(tmp_path)
    project = Project(tmp_path)
    with pytest.raises(ForeignStoreError, match="orchestrator migrate"):
        log_failure(project.person(), context="a", feedback="b", category="api")
    with pytest.raises(ForeignStoreError, match="orchestrator migrate"):
        project.agent().session_id()
    assert project.person().sessions.get_current_session() is None
    assert {name: entry for name, entry in read_tree(tmp_path).items() if name in before} == before
    assert migrate_state(project.person(), dry_run=False).action is Action.MIGRATED
    there = project.person()
    log_failure(there, context="a", feedback="b", category="api")
    assert len(there.read(Failure).records) == 1


@pytest.mark.parametrize(
    "strange", ["sessions/task-7/x.json", "sessions/deadbeef/meta.json", "rules/x.md", "config.yaml", "sessions/x.db"]
)
def test_one_strange_name_makes_the_folder_anothers(tmp_path: Path, strange: str) -> None:
    origin_session(tmp_path)
    put(tmp_path, f".orchestrator/{strange}", b"{}")
    before = read_tree(tmp_path)
    with pytest.raises(ForeignStoreError, match="another tool"):
        migrate(tmp_path)
    assert read_tree(tmp_path) == before


def test_a_link_above_a_common_name_is_reported_and_stops_nothing(project: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/feedback.jsonl", lines(MISTAKE))
    (project / "logs").symlink_to(tmp_path / "elsewhere")
    result = migrate(project)
    assert result.action is Action.MIGRATED
    assert [one.why for one in result.left_alone] == ["it lies behind a symbolic link; links are not followed"]
    assert (tmp_path / "elsewhere/feedback.jsonl").exists()
