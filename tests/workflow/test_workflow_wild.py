"""Old readers and old writers: our files have what theirs have, and what is theirs survives us."""

import json
import shutil
from pathlib import Path

import pytest
from projects import Project
from workflow_world import check_valid, folder_of, raw_log, raw_state, read_only_state

from orchestrator_mcp.errors import InvalidInputError, StateConflictError
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.migration import migrate_state
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow

COMMON = {"timestamp", "event_type", "workflow_id", "phase_id", "item_id", "message", "details", "actor"}
WILD_EVENTS = {
    "workflow_started", "workflow_completed", "workflow_abandoned", "phase_started", "phase_completed",
    "item_completed", "item_skipped", "verification_passed", "verification_failed", "note_added", "error",
    "review_completed", "review_failed",
}  # fmt: skip


def play(agent) -> None:
    start_workflow(agent, task="x")
    for said in (
        {"action": "complete", "item": "initial_plan", "text": "x"},
        {"action": "skip", "item": "check_roadmap", "text": "x"},
        {"action": "note", "text": "x"},
        {"action": "event", "event": "review_completed", "item": "security"},
        {"action": "event", "event": "review_failed", "item": "security", "text": "x"},
        {"action": "event", "event": "error", "text": "x"},
        {"action": "event", "event": "command", "command": "x", "exit_code": 0},
        {"action": "event", "event": "command", "command": "x", "exit_code": 1},
        {"action": "event", "event": "parallel_agents"},
        {"action": "pause"},
        {"action": "resume"},
        {"action": "advance"},
    ):
        update_workflow(agent, **said)


def test_state_and_log_have_every_field_of_real_ones(project: Project, shared_data: Path) -> None:
    agent = project.agent()
    play(agent)
    real = json.loads((shared_data / "legacy/workflow_project/.workflow_state.json").read_text("utf-8"))
    ours = raw_state(agent)
    assert set(ours) - set(real) == {"_revision"}
    assert set(real) <= set(ours)
    assert set(real["phases"]["PLAN"]) == set(ours["phases"]["PLAN"])
    assert set(real["phases"]["PLAN"]["items"]["initial_plan"]) <= set(ours["phases"]["PLAN"]["items"]["initial_plan"])
    assert list(ours["phases"]) == list(real["phases"])
    events = raw_log(agent)
    assert all(set(event) >= COMMON for event in events)
    assert {event["event_type"] for event in events} <= WILD_EVENTS
    assert all(set(event) - COMMON <= {"id", "request_id", "_revision"} for event in events)
    update_workflow(agent, action="abandon")
    start_workflow(agent, task="y")
    update_workflow(agent, action="finish")
    assert {event["event_type"] for event in raw_log(agent)} == WILD_EVENTS


def foreign(project: Project, shared_data: Path, **changes: object):
    """A session in which another orchestrator's workflow lies, as a migration leaves it."""
    agent = project.agent()
    folder = folder_of(agent)
    source = shared_data / "legacy" / "workflow_project"
    state = json.loads((source / ".workflow_state.json").read_text("utf-8")) | changes
    (folder / "state.json").write_text(json.dumps(state), "utf-8")
    shutil.copyfile(source / ".workflow_log.jsonl", folder / "log.jsonl")
    return agent, state


def test_another_orchestrators_workflow_goes_on_and_keeps_what_is_its_own(project: Project, shared_data: Path) -> None:
    extra = {"_version": "3.0", "colour": {"deep": [1, None, "é\u2028"]}, "status": "active", "completed_at": None}
    agent, before = foreign(project, shared_data, **extra)
    before["phases"]["LEARN"] |= {"status": "active", "completed_at": None, "exit_gate": "human"}
    before["phases"]["LEARN"]["items"]["update_roadmap"] |= {
        "evidence": {"a": 1},
        "status": "pending",
        "completed_at": None,
    }
    (folder_of(agent) / "state.json").write_text(json.dumps(before), "utf-8")
    assert get_workflow(agent).phase == "LEARN"
    view = update_workflow(agent, action="complete", item="update_roadmap", text="New note", request_id="r")
    assert (view.workflow_id, view.revision) == (before["workflow_id"], 1)
    after = raw_state(agent)
    changed = before["phases"]["LEARN"]["items"]["update_roadmap"]
    changed |= {"status": "completed", "notes": "New note", "completed_at": "2026-11-21T12:00:00.000000Z"}
    changed |= {"skipped_at": None, "skip_reason": None}
    assert after == before | {"_revision": 1, "updated_at": "2026-11-21T12:00:00.000000Z"}
    lines = raw_log(agent)
    assert len(lines) == 79
    assert all("_revision" not in line for line in lines[:-1])
    assert update_workflow(agent, action="complete", item="update_roadmap", text="New note", request_id="r") == view
    for other in ({"action": "complete", "item": "document_learnings"}, {"action": "advance"}):
        with pytest.raises(StateConflictError, match="was already used to record item_completed update_roadmap"):
            update_workflow(agent, **other, request_id="r")
    view = update_workflow(agent, action="finish", request_id="f")
    assert update_workflow(agent, action="finish", request_id="f") == view
    moved = json.loads((folder_of(agent) / "workflows" / f"{view.workflow_id}.json").read_text("utf-8"))
    assert (moved["colour"], moved["status"]) == (extra["colour"], "completed")


def test_a_checksum_of_another_is_made_right_again(project: Project, shared_data: Path) -> None:
    import hashlib

    def sum_of(value: dict) -> str:
        content = {name: part for name, part in value.items() if name not in {"_version", "_checksum", "_updated_at"}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    own = {"_version": "3.0", "_checksum": "0" * 32, "_updated_at": "2026-01-06T00:00:00Z"}
    agent, _ = foreign(project, shared_data, status="paused", completed_at=None, **own)
    update_workflow(agent, action="resume")
    after = raw_state(agent)
    assert (after["_version"], after["_checksum"]) == ("3.0", sum_of(after))


def test_ids_that_look_like_secrets_are_refused_before_they_are_lost(project: Project, shared_data: Path) -> None:
    agent, before = foreign(project, shared_data, workflow_id="wf_xQ7kZp2mV9tRb4Lw8sYd3Hj6", status="paused")
    with pytest.raises(InvalidInputError, match=r"workflow_id looks like a secret.*Rename it"):
        update_workflow(agent, action="resume")
    assert raw_state(agent) == before


@pytest.mark.parametrize(
    "phases",
    [[{"id": ["x"]}], [{"id": {}}], {"P": {"status": {}, "items": [{"id": [1]}]}}, {"P": {"items": {"i": 5}}}],
)
def test_odd_ids_in_a_state_stop_nothing(project: Project, shared_data: Path, phases) -> None:
    agent, _ = foreign(project, shared_data, phases=phases, status="active")
    assert get_workflow(agent).workflow_id
    assert get_workflow(project.agent()).workflow_id is None


def test_a_status_that_is_no_word_is_not_taken_over(project: Project) -> None:
    agent = project.agent()
    started = start_workflow(agent, task="Next")
    event = {
        "event_type": "note_added",
        "workflow_id": started.workflow_id,
        "_revision": 3,
        "details": {"status": {"a": 1}},
    }
    with (folder_of(agent) / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(event | {"timestamp": "2026-11-21T12:00:00Z"}) + "\n")
    assert get_workflow(agent).status == "active"
    assert update_workflow(agent, action="note", text="on").status == "active"


def test_many_phases_cost_no_more_than_their_number(project: Project, shared_data: Path) -> None:
    phases = {f"P{n}": {"status": "active", "items": {f"i{n}": {"status": "pending"}}} for n in range(1200)}
    agent, _ = foreign(project, shared_data, phases=phases, status="active")
    view = get_workflow(agent)
    assert (view.open_total, len(view.phases)) == (1200, 50)


def test_a_finished_one_of_another_makes_way(project: Project, shared_data: Path) -> None:
    agent, before = foreign(project, shared_data)
    assert get_workflow(agent).status == "completed"
    view = start_workflow(agent, task="Next")
    moved = folder_of(agent) / "workflows" / f"{before['workflow_id']}.json"
    assert json.loads(moved.read_text("utf-8")) == before
    assert raw_state(agent)["workflow_id"] == view.workflow_id


@pytest.mark.parametrize("name", ["../../escape", "a/b", "", "con", "x" * 300, "..", "\x00"])
def test_a_strange_id_does_not_become_a_path(project: Project, shared_data: Path, name: str) -> None:
    agent, _ = foreign(project, shared_data, workflow_id=name)
    start_workflow(agent, task="Next")
    folder = folder_of(agent)
    assert len([*folder.glob("workflows/*.json"), *folder.glob("state.json.unreadable")]) == 1
    assert not list(project.root.parent.glob("escape*"))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b'"x"', b"{}", b'{"workflow_id":null}', b"\xff\xfe", b"[" * 5000, b'{"tasks":{}}'],
)
def test_a_state_that_is_none_is_kept_aside(project: Project, data: bytes) -> None:
    agent = project.agent()
    (folder_of(agent) / "state.json").write_bytes(data)
    assert get_workflow(agent).workflow_id is None
    start_workflow(agent, task="x")
    assert (folder_of(agent) / "state.json.unreadable").read_bytes() == data
    (folder_of(agent) / "state.json").write_bytes(data)
    assert get_workflow(agent).revision == 2
    assert update_workflow(agent, action="advance").phase == "EXECUTE"
    assert raw_state(agent)["_revision"] == 4


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "second name"])
def test_what_is_no_plain_file_is_left_alone(project: Project, kind: str) -> None:
    import os

    from orchestrator_mcp.errors import StorageError

    agent = project.agent()
    path = folder_of(agent) / "state.json"
    other = project.root / "other"
    other.write_text("precious", "utf-8")
    {
        "link": lambda: path.symlink_to(other),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "second name": lambda: os.link(other, path),
    }[kind]()
    with pytest.raises(StorageError):
        start_workflow(agent, task="x")
    assert other.read_text("utf-8") == "precious"


def test_odd_old_states_are_still_shown(project: Project) -> None:
    agent = project.agent()
    odd = {
        "id": 7,
        "task": "Old",
        "status": "active",
        "current_phase": "PLAN",
        "workflow_definition": {"phases": "gone"},
        "phases": [{"id": "PLAN", "status": "active", "items": [{"id": "a"}, {"id": "b", "status": "complete"}]}, 5],
        "updated_at": "yesterday",
    }
    (folder_of(agent) / "state.json").write_text(json.dumps(odd), "utf-8")
    view = get_workflow(agent)
    assert (view.workflow_id, view.task, view.phase) == ("7", "Old", "PLAN")
    assert [item.id for item in view.open_items] == ["a"]
    assert update_workflow(agent, action="advance").warnings[0].startswith("Required items are still open: a.")
    assert update_workflow(agent, action="finish").status == "completed"


def test_a_migrated_project_goes_on_by_its_id(tmp_path: Path, shared_data: Path) -> None:
    shutil.copytree(shared_data / "legacy" / "workflow_project", tmp_path, dirs_exist_ok=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    state = tmp_path / ".workflow_state.json"
    changed = json.loads(state.read_text("utf-8")) | {"status": "active", "completed_at": None}
    state.write_text(json.dumps(changed), "utf-8")
    project = Project(tmp_path)
    agent = project.agent()
    with pytest.raises(StateConflictError, match=r"lies in legacy files\. Call migrate_state"):
        update_workflow(agent, action="finish", workflow_id=changed["workflow_id"])
    assert get_workflow(agent, workflow_id=changed["workflow_id"]).status == "active"
    migrate_state(agent, dry_run=False)
    view = update_workflow(agent, action="finish", workflow_id=changed["workflow_id"])
    assert view.status == "completed"


def test_an_unknown_future_state_is_valid_as_far_as_we_know(project: Project) -> None:
    agent = project.agent()
    play(agent)
    path = folder_of(agent) / "state.json"
    path.write_text(json.dumps(raw_state(agent) | {"schema": 9, "_checks": ["x"]}), "utf-8")
    update_workflow(agent, action="note", text="x")
    assert (raw_state(agent)["schema"], raw_state(agent)["_checks"]) == (9, ["x"])
    state = read_only_state(agent)
    assert state is not None
    check_valid(state)


def test_events_that_nobody_knows_stay_and_change_nothing(project: Project) -> None:
    """Another program's lines in our log, known or not, are kept byte for byte, whatever is recorded around them."""
    agent = project.agent()
    start_workflow(agent, task="x")
    log = folder_of(agent) / "log.jsonl"
    theirs = [
        b'{"event_type":"event_of_tomorrow","workflow_id":"wf_x","colour":{"deep":[1,null]},"timestamp":"soon"}\n',
        b'{"event_type":"item_skipped","item_id":"initial_plan","workflow_id":"wf_of_others","details":"text"}\n',
        b'{"unknown": true}\n',
    ]
    for number, line in enumerate(theirs):
        with log.open("ab") as file:
            file.write(line)
        update_workflow(agent, action="note", text=f"n{number}")
    record_feedback(agent, learnings="y")
    update_workflow(agent, action="finish")
    lines = log.read_bytes().splitlines(keepends=True)
    assert [line for line in lines if line in theirs] == theirs
    found = review_feedback(project.person(), all=True)
    assert (found.workflows, found.outcomes["completed"], found.patterns) == (2, 1, [])
