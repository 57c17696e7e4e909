"""The old tool goes on writing, or version control brings its files back: what is new is taken, and nothing twice."""

import json
import os
import shutil
from pathlib import Path

import pytest
from migration_world import EVENT, NAMES, PROCESS, STATE, TOOL, lines, make_legacy, migrate, session_of, workspace
from whole_world import MISTAKE, origin_session, put

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.records.migration import Action, Choices, MigrationResult, Prefer
from orchestrator_mcp.services.migration import migrate as run_migration
from orchestrator_mcp.services.migration import migrate_state, rollback

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    put(tmp_path / "project", "logs/feedback.jsonl", lines(MISTAKE))
    return tmp_path / "project"


def brought_back(project: Path, session_id: str | None) -> None:
    """As `git checkout` does: the content as it was, with new times."""
    originals = project / ".orchestrator" / "migration_backup" / str(session_id) / "originals"
    for path in sorted(originals.rglob("*")):
        target = project / path.relative_to(originals)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            shutil.copyfile(path, target)
        else:
            target.mkdir(exist_ok=True)


def test_what_comes_back_unchanged_is_known_and_says_so(project: Path) -> None:
    first = migrate(project)
    brought_back(project, first.session_id)
    there = workspace(project)
    assert not there.legacy.detected()
    again = migrate_state(there, dry_run=False)
    assert again.action is Action.NOTHING_TO_DO
    assert {one.why for one in again.left_alone} == {"all that it holds was taken over before"}
    assert {one.path for one in again.left_alone} == {*NAMES, "logs/feedback.jsonl"}
    assert there.sessions.list_sessions() == [first.session_id]


def test_of_a_file_that_grew_only_the_new_lines_are_taken(project: Path) -> None:
    first = migrate(project)
    brought_back(project, first.session_id)
    new = lines(EVENT | {"message": "new"})
    with (project / NAMES[1]).open("ab") as file:
        file.write(b'"}\n' + new)  # the torn line is finished first
    with (project / NAMES[5]).open("ab") as file:
        file.write(b"\n" + lines(PROCESS | {"task": "another"}))
    with (project / "logs/feedback.jsonl").open("ab") as file:
        file.write(lines(MISTAKE | {"context": "another"}))
    put(project, f"{NAMES[2]}/cp_2.json", b'{"checkpoint_id": "cp_2", "workflow_id": "wf_2"}')
    assert workspace(project).legacy.detected()
    second = migrate(project)
    folder = session_of(project, second)
    assert (folder / "log.jsonl").read_bytes() == b'{"torn"}\n' + new
    assert [one.task for one in workspace(project).read(ProcessFeedback, second.session_id).records] == ["another"]
    assert [one.context for one in workspace(project).read(Failure, second.session_id).records] == ["another"]
    assert [path.name for path in (folder / "checkpoints").rglob("*.json")] == ["cp_2.json"]
    assert not (folder / "state.json").exists()
    whole = b"".join((session_of(project, one) / "log.jsonl").read_bytes() for one in (first, second))
    assert whole.count(b"\n") == 4, "each line once, and the torn one as it was and whole"


def test_a_third_migration_knows_both_before_it(project: Path) -> None:
    first = migrate(project)
    brought_back(project, first.session_id)
    put(project, NAMES[4], lines(TOOL, TOOL | {"mode": "interactive"}))
    second = migrate(project)
    brought_back(project, first.session_id)
    brought_back(project, second.session_id)
    assert migrate(project).action is Action.NOTHING_TO_DO
    put(project, NAMES[4], lines(TOOL, TOOL | {"mode": "interactive"}, TOOL | {"duration_seconds": 5}))
    third = migrate(project)
    assert (session_of(project, third) / "feedback/tool.jsonl").read_bytes().count(b"\n") == 1


def test_a_log_that_was_edited_is_known_line_by_line(project: Path) -> None:
    put(project, "logs/feedback.jsonl", lines(MISTAKE, MISTAKE | {"context": "second"}))
    migrate(project)
    put(project, "logs/feedback.jsonl", lines(MISTAKE | {"context": "third"}, MISTAKE | {"context": "second"}))
    second = migrate(project)
    assert [one.context for one in workspace(project).read(Failure, second.session_id).records] == ["third"]


def test_a_state_that_the_old_tool_went_on_with_is_a_conflict(project: Path) -> None:
    first = migrate(project)
    put(project, NAMES[0], json.dumps(STATE | {"status": "completed"}).encode())
    put(project, NAMES[1], lines(EVENT | {"event_type": "workflow_completed"}))
    second = migrate(project)
    assert f"different state in session {first.session_id}" in second.conflicts[0]
    assert json.loads((session_of(project, first) / "state.json").read_bytes()) == STATE
    assert (session_of(project, second) / "log.jsonl").exists()


def test_what_was_rolled_back_is_taken_again(project: Path) -> None:
    migrate(project)
    rollback(workspace(project))
    assert workspace(project).legacy.detected()
    assert migrate(project).action is Action.MIGRATED


def test_an_older_session_that_comes_back_is_known(tmp_path: Path) -> None:
    origin_session(tmp_path)
    first = migrate(tmp_path)
    brought_back(tmp_path, first.session_id)
    assert migrate(tmp_path).action is Action.NOTHING_TO_DO
    log = tmp_path / ".orchestrator/sessions/b8de435a/log.jsonl"
    log.write_bytes(log.read_bytes() + lines(EVENT | {"message": "more"}))
    second = migrate(tmp_path)
    assert (session_of(tmp_path, second) / "log.jsonl").read_bytes() == lines(EVENT | {"message": "more"})


def test_what_older_tools_copied_and_left_behind_counts_once(tmp_path: Path) -> None:
    """Their own migration copied the root's files into a session, and left both."""
    origin_session(tmp_path)
    copy = tmp_path / ".orchestrator/sessions/b8de435a"
    for name, old in (("state.json", NAMES[0]), ("log.jsonl", NAMES[1])):
        shutil.copyfile(copy / name, tmp_path / old)
    more = lines(EVENT | {"message": "went on"})
    with (copy / "log.jsonl").open("ab") as file:
        file.write(more)
    result = migrate(tmp_path)
    sessions = [tmp_path / ".orchestrator" / "sessions" / one for one in result.sessions]
    logs = [(one / "log.jsonl").read_bytes() for one in sessions]
    assert logs == [(backup_of(tmp_path, result) / NAMES[1]).read_bytes(), more]
    assert [(one / "state.json").exists() for one in sessions] == [False, True]
    assert not result.conflicts


@pytest.mark.parametrize(("prefer", "used"), [(None, "newer"), (Prefer.NEW, "newer"), (Prefer.OLD, "older")])
def test_of_two_legacy_states_the_newer_layouts_is_used_unless_told(
    tmp_path: Path, prefer: Prefer | None, used: str
) -> None:
    put(tmp_path, NAMES[0], json.dumps(STATE | {"task_description": "older"}).encode())
    put(tmp_path, ".orchestrator/state.json", json.dumps(STATE | {"task_description": "newer"}).encode())
    result = run_migration(workspace(tmp_path), Choices(prefer=prefer), dry_run=False)
    states = list(tmp_path.glob(".orchestrator/sessions/*/state.json"))
    assert [json.loads(path.read_bytes())["task_description"] for path in states] == [used]
    assert "different state in .orchestrator/state.json (in task_description)" in result.conflicts[0]
    kept = backup_of(tmp_path, result)
    assert (kept / NAMES[0]).exists()
    assert (kept / ".orchestrator/state.json").exists()


def test_of_three_states_the_oldest_is_used_if_a_person_says_so(tmp_path: Path) -> None:
    there = workspace(tmp_path)
    there.store()
    ours = there.paths.for_session(there.sessions.create_session()).state_file()
    for path, said in (
        (ours, "ours"),
        (tmp_path / NAMES[0], "older"),
        (tmp_path / ".orchestrator/state.json", "newer"),
    ):
        path.write_text(json.dumps(STATE | {"task_description": said}))
    result = run_migration(there, Choices(prefer=Prefer.OLD, stays=True), dry_run=False)
    assert json.loads(ours.read_bytes())["task_description"] == "older"
    places = {one.from_: tmp_path / one.to for one in result.files}
    said = {name: json.loads(place.read_bytes())["task_description"] for name, place in places.items()}
    assert said == {NAMES[0]: "older", ".orchestrator/state.json": "newer"}


def backup_of(project: Path, result: MigrationResult) -> Path:
    return project / ".orchestrator" / "migration_backup" / str(result.session_id) / "originals"


@pytest.mark.parametrize("emptied", [b"", b"\n"])
def test_an_empty_file_is_taken_once(tmp_path: Path, emptied: bytes) -> None:
    put(tmp_path, NAMES[1], emptied)
    migrate(tmp_path)
    put(tmp_path, NAMES[1], emptied)
    assert migrate(tmp_path).action is Action.NOTHING_TO_DO


def test_a_manifest_that_cannot_be_read_hides_nothing(project: Path) -> None:
    first = migrate(project)
    brought_back(project, first.session_id)
    manifest = project / ".orchestrator" / "migration_backup" / str(first.session_id) / "manifest.json"
    manifest.write_bytes(b"{")
    os.utime(manifest)
    assert workspace(project).legacy.detected()
