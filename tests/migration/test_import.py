"""Imports: copied from anywhere, nothing changed there, and once is enough."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crash_disk import read_tree
from migration_world import EVENT, NAMES, lines, make_legacy, migrate, session_of, workspace
from test_old_records import NOTES, RUN, SHORT_RUN
from whole_world import MISTAKE, origin_session, put

from orchestrator_mcp.errors import MigrationError, NotFoundError, ReadOnlyError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.services.migration import import_legacy, migrate_state, rollback
from orchestrator_mcp.services.workspace import open_workspace

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "source")
    origin_session(tmp_path / "source")
    put(tmp_path / "source", "logs/feedback.jsonl", lines(MISTAKE))
    put(tmp_path / "source", ".learnings/ERRORS.md", NOTES.encode())
    return tmp_path / "source"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_an_import_copies_and_changes_nothing_where_it_comes_from(source: Path, project: Path) -> None:
    before = read_tree(source)
    plan = import_legacy(workspace(project), source, dry_run=True)
    assert (plan.action, read_tree(project)) == (Action.PLAN, {})
    result = import_legacy(workspace(project), source)
    assert read_tree(source) == before
    assert result.action is Action.IMPORTED
    there = workspace(project)
    assert there.sessions.list_sessions() == sorted(result.sessions)
    assert {there.sessions.read(one).migrated_from for one in result.sessions} == {"import"}
    assert (session_of(project, result) / "log.jsonl").read_bytes() == before[NAMES[1]][3]
    assert {one.context for one in there.read(Failure).records} >= {"Wrong name", "Blocks all interpreters"}
    assert there.sessions.get_current_session() is None, "an import decides nothing about where one works"


def test_a_second_import_does_nothing(source: Path, project: Path) -> None:
    import_legacy(workspace(project), source)
    before = read_tree(project)
    shutil.move(source, source.with_name("elsewhere"))
    again = import_legacy(workspace(project), source.with_name("elsewhere"))
    assert again.action is Action.NOTHING_TO_DO
    assert again.next_step == "There is nothing to import that is not here already."
    assert read_tree(project) == before


def test_what_was_imported_is_not_migrated_too_nor_the_other_way_round(source: Path, project: Path) -> None:
    import_legacy(workspace(source), source)
    assert migrate(source).action is Action.NOTHING_TO_DO
    make_legacy(project)
    migrate(project)
    backup = next((project / ".orchestrator/migration_backup").iterdir()) / "originals"
    assert import_legacy(workspace(project), backup).action is Action.NOTHING_TO_DO


def test_an_import_is_taken_back_like_a_migration(source: Path, project: Path) -> None:
    before = read_tree(source)
    import_legacy(workspace(project), source)
    assert rollback(workspace(project)).action is Action.ROLLED_BACK
    assert workspace(project).sessions.list_sessions() == []
    assert read_tree(source) == before
    assert import_legacy(workspace(project), source).action is Action.IMPORTED


@pytest.mark.parametrize(
    ("named", "context"), [("logs", "Wrong name"), ("logs/feedback.jsonl", "Wrong name"), (".learnings", "Blocks all interpreters"),
                           (".learnings/ERRORS.md", "Blocks all interpreters")]
)  # fmt: skip
def test_a_folder_or_a_single_file_can_be_named(source: Path, project: Path, named: str, context: str) -> None:
    result = import_legacy(workspace(project), source / named)
    assert len(result.files) == 1
    assert workspace(project).read(Failure).records[0].context == context


def test_the_real_project_is_imported_from_where_nobody_can_write(project: Path, shared_data: Path) -> None:
    legacy = shared_data / "legacy" / "workflow_project"
    result = import_legacy(workspace(project), legacy)
    assert (session_of(project, result) / "log.jsonl").read_bytes() == (legacy / NAMES[1]).read_bytes()
    assert import_legacy(workspace(project), legacy).action is Action.NOTHING_TO_DO


def test_runs_that_were_rewritten_since_are_told_and_not_doubled(source: Path, project: Path) -> None:
    path = put(source, "telemetry/agent_invocations.jsonl", lines(RUN, SHORT_RUN))
    import_legacy(workspace(project), source)
    path.write_bytes(lines(RUN | {"duration_seconds": 9}, SHORT_RUN, SHORT_RUN | {"invocation_id": "inv_2"}))
    result = import_legacy(workspace(project), source)
    found = workspace(project).read(Invocation).records
    assert sorted(one.invocation_id for one in found) == ["3f2a-9c", "inv_1767873600000_ab12", "inv_2"]
    assert result.warnings == ["Agent runs that were here already and say something else now stay as they are: 1."]


def test_notes_that_went_on_are_not_doubled(source: Path, project: Path) -> None:
    import_legacy(workspace(project), source / ".learnings")
    changed = NOTES.replace("resolved", "promoted") + "\n## [ERR-20260408-001] one more\n"
    put(source, ".learnings/ERRORS.md", changed.encode())
    result = import_legacy(workspace(project), source / ".learnings")
    assert [one.context for one in workspace(project).read(Failure, result.session_id).records] == ["one more"]


def test_what_is_hostile_is_not_followed(source: Path, project: Path, tmp_path: Path) -> None:
    put(tmp_path, "secret", lines(EVENT))
    (source / NAMES[1]).unlink()
    (source / NAMES[1]).symlink_to(tmp_path / "secret")
    with pytest.raises(MigrationError, match="links are not followed"):
        import_legacy(workspace(project), source)
    assert not (project / ".orchestrator/sessions").exists()
    assert not list((project / ".orchestrator/migration_backup").glob("*"))


def test_an_import_needs_something_and_a_place_to_write(source: Path, project: Path) -> None:
    with pytest.raises(NotFoundError):
        import_legacy(workspace(project), source / "nowhere")
    with pytest.raises(ReadOnlyError):
        import_legacy(workspace(project, read_only=True), source)
    empty = source.parent / "empty"
    empty.mkdir()
    put(source.parent, "notes.txt", b"mine")
    put(source.parent, "other/ERRORS.md", b"mine")
    for strange in (empty, source.parent / "notes.txt", source.parent / "other"):
        with pytest.raises(NotFoundError, match=r"is known here.*\.workflow_state\.json.*\.learnings/ERRORS\.md"):
            import_legacy(workspace(project), strange)
    with pytest.raises(NotFoundError, match=r"ERRORS\.md: its content is another tool's"):
        import_legacy(workspace(project), source.parent / "other")
    assert read_tree(project) == {}


def test_a_log_of_any_size_is_read_line_by_line(source: Path, project: Path) -> None:
    blank = b" " * (64 << 20) + b"\n"
    put(source, "logs/feedback.jsonl", lines(*[MISTAKE] * 20) + blank + lines(MISTAKE | {"context": "The last"}))
    assert import_legacy(workspace(project), source / "logs", dry_run=True).action is Action.PLAN
    import_legacy(workspace(project), source / "logs")
    found = [one.context for one in workspace(project).read(Failure).records]
    assert found == ["Wrong name"] * 20 + ["The last"]


def test_telemetry_elsewhere_is_copied_and_stays(project: Path, tmp_path: Path) -> None:
    put(tmp_path, "far/agent_invocations.jsonl", lines(RUN, SHORT_RUN))
    put(project, NAMES[1], lines(EVENT))
    before = read_tree(tmp_path / "far")
    there = open_workspace({"OAK_TELEMETRY_DIR": str(tmp_path / "far")}, project)
    result = migrate_state(there, dry_run=False)
    assert len(there.read(Invocation, result.session_id).records) == 2
    assert read_tree(tmp_path / "far") == before
    assert not (project / NAMES[1]).exists()
    assert migrate_state(there, dry_run=False).action is Action.NOTHING_TO_DO
    rollback(there)
    assert (project / NAMES[1]).exists()
    assert read_tree(tmp_path / "far") == before


def test_the_command_line_imports(source: Path, project: Path) -> None:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "import-legacy", str(source), "--json"]
    done = subprocess.run(command, cwd=project, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["action"] == "imported"
    again = subprocess.run(command[:-1], cwd=project, env=os.environ, capture_output=True, text=True, check=False)
    assert again.stdout.startswith("Nothing to do.")
