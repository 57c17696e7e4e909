"""What each action does, what it reminds of, and what it refuses: nothing is blocked that is merely unwise."""

import json

import pytest
from projects import Project
from workflow_world import check_agreement, folder_of, log_of, raw_log, raw_state

from orchestrator_mcp.analysis.baseline import ITEMS, WORKFLOW
from orchestrator_mcp.analysis.workflow_actions import _TAKES
from orchestrator_mcp.analysis.workflow_definition import default_definition
from orchestrator_mcp.errors import (
    InvalidInputError,
    NotFoundError,
    OrchestratorError,
    ReadOnlyError,
    StateConflictError,
)
from orchestrator_mcp.records.fields import LONG, SHORT, WorkflowAction, WorkflowEventKind
from orchestrator_mcp.records.workflow import WorkflowView
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow
from orchestrator_mcp.storage.workspace import Workspace

SMALL = """
phases:
  - {id: A, name: First, items: [{id: one}, {id: two, required: false}, {id: three, skippable: false}]}
  - {id: B, items: [{id: four}, {id: five_review, step_type: gate}]}
"""


@pytest.fixture
def at(project: Project) -> Workspace:
    (project.root / "workflow.yaml").write_text(SMALL, encoding="utf-8")
    agent = project.agent()
    start_workflow(agent, task="Try it")
    return agent


def do(at: Workspace, action: str, **said: object) -> WorkflowView:
    return update_workflow(at, action=action, **said)  # type: ignore[arg-type]


def item(at: Workspace, phase: str, name: str) -> dict:
    return raw_state(at)["phases"][phase]["items"][name]


def open_ids(view: WorkflowView) -> list[str]:
    return [one.id for one in view.open_items]


def test_without_a_workflow_yaml_the_default_is_used(project: Project) -> None:
    agent = project.agent()
    view = start_workflow(agent, task="Add login")
    assert [phase.id for phase in view.phases] == ["PLAN", "EXECUTE", "REVIEW", "VERIFY", "LEARN"]
    assert sum(phase.items for phase in view.phases) == len(ITEMS) == 31
    assert (view.status, view.phase, view.revision) == ("active", "PLAN", 2)
    assert raw_state(agent)["metadata"] == {"workflow_yaml_path": None}
    check_agreement(agent)


def test_the_default_has_the_items_of_the_real_definitions_in_their_phases(shared_data) -> None:
    from orchestrator_mcp.analysis.workflow_definition import parse_definition
    from orchestrator_mcp.storage.yaml_files import read_yaml

    shipped = {item.id: phase.id for phase in default_definition().phases for item in phase.items}
    for path in (shared_data / "legacy" / "workflow_yaml").glob("*.yaml"):
        real = parse_definition(read_yaml(path))
        assert {item.id: phase.id for phase in real.phases for item in phase.items}.items() <= shipped.items()
    assert [phase for phase, _, _ in WORKFLOW] == list(dict.fromkeys(shipped.values()))


def test_items_are_completed_with_notes_and_skipped_with_a_reason(at: Workspace) -> None:
    view = do(at, "complete", item="one", text="Done it.")
    assert (item(at, "A", "one")["status"], item(at, "A", "one")["notes"]) == ("completed", "Done it.")
    assert open_ids(view) == ["two", "three"]
    view = do(at, "skip", item="two", text="Not needed.")
    assert (item(at, "A", "two")["status"], item(at, "A", "two")["skip_reason"]) == ("skipped", "Not needed.")
    assert (view.warnings, open_ids(view)) == ([], ["three"])
    assert (view.phases[0].completed, view.phases[0].skipped) == (1, 1)
    check_agreement(at)


def test_what_may_not_be_skipped_is_skipped_with_a_warning(at: Workspace) -> None:
    for name, phase in (("three", "A"), ("five_review", "B")):
        view = do(at, "skip", item=name, text="No time.")
        assert "may not be skipped" in view.warnings[0]
        assert item(at, phase, name)["status"] == "skipped"


def test_a_changed_mind_is_recorded(at: Workspace) -> None:
    do(at, "skip", item="one", text="No.")
    view = do(at, "complete", item="one")
    assert view.warnings == ["one was skipped before."]
    assert (item(at, "A", "one")["skip_reason"], item(at, "A", "one")["skipped_at"]) == (None, None)
    view = do(at, "skip", item="one", text="No again.")
    assert (view.warnings, item(at, "A", "one")["completed_at"]) == (["one was completed before."], None)


def test_notes_keep_the_newest_in_the_state_and_all_in_the_log(at: Workspace) -> None:
    do(at, "note", item="one", text="First.")
    do(at, "note", item="one", text="Second.")
    do(at, "complete", item="one")
    do(at, "note", text="Of the workflow.")
    assert item(at, "A", "one")["notes"] == "Second."
    notes = [event.details["notes"] for event in log_of(at) if event.event_type == "note_added"]
    assert notes == ["First.", "Second.", "Of the workflow."]


def test_advancing_reminds_of_what_is_open_and_goes_on(at: Workspace) -> None:
    view = do(at, "advance")
    assert view.phase == "B"
    assert view.warnings == ["Required items are still open: one, three. Complete them, or skip them with a reason."]
    assert view.next_step == "Next: four."
    assert open_ids(view) == ["one", "two", "three", "four", "five_review"]
    do(at, "complete", item="four")
    do(at, "complete", item="five_review")
    closed = raw_log(at)[2]
    assert (closed["event_type"], closed["details"]) == ("phase_completed", {"skipped_items": [], "forced": True})
    view = do(at, "complete", item="one")
    assert view.warnings == ["one belongs to A, and the current phase is B."]
    do(at, "skip", item="three", text="x")
    assert do(at, "advance").next_step == "No required item is open. Finish the workflow."
    with pytest.raises(StateConflictError, match=r"no phase left to advance from.*Finish"):
        do(at, "advance")
    assert do(at, "finish").warnings == []
    check_agreement(at)


def test_pause_and_resume_are_notes_to_old_readers(project: Project, at: Workspace) -> None:
    assert do(at, "pause", text="Lunch").status == "paused"
    view = do(at, "complete", item="one")
    assert "paused" in view.warnings[0]
    assert view.next_step == "The workflow is paused. Resume it before you go on."
    assert do(at, "resume").status == "active"
    project.wait(seconds=2)
    assert do(at, "resume").warnings == ["The workflow was not paused."]
    assert [event["event_type"] for event in raw_log(at)[2:]] == ["note_added", "item_completed", *["note_added"] * 2]
    check_agreement(at)


@pytest.mark.parametrize(("action", "status"), [("finish", "completed"), ("abandon", "abandoned")])
def test_an_ended_workflow_moves_aside_and_the_next_may_start(at: Workspace, action: str, status: str) -> None:
    first = do(at, action, text="Because.")
    assert (first.status, first.open_items) == (status, [])
    assert not (folder_of(at) / "state.json").exists()
    moved = json.loads((folder_of(at) / "workflows" / f"{first.workflow_id}.json").read_text("utf-8"))
    assert (moved["status"], moved["completed_at"] is None) == (status, False)
    assert moved["phases"]["A"]["status"] == ("completed" if action == "finish" else "active")
    with pytest.raises(NotFoundError, match="start_workflow starts one"):
        do(at, "complete", item="one")
    assert get_workflow(at).status == status
    second = start_workflow(at, task="Again")
    assert second.workflow_id != first.workflow_id
    assert get_workflow(at, workflow_id=first.workflow_id).status == status
    check_agreement(at)


def test_abandoning_keeps_its_reason_where_old_readers_look(at: Workspace) -> None:
    view = do(at, "abandon", text="Nobody needs it.")
    last = raw_log(at)[-1]
    assert (last["message"], last["details"]) == ("Workflow abandoned: Nobody needs it.", {})
    moved = json.loads((folder_of(at) / "workflows" / f"{view.workflow_id}.json").read_text("utf-8"))
    assert moved["metadata"]["abandon_reason"] == "Nobody needs it."


def test_only_one_runs_in_a_session(at: Workspace) -> None:
    with pytest.raises(StateConflictError, match=r"\(Try it\) is active in this session.*Finish or abandon"):
        start_workflow(at, task="Another")
    do(at, "pause")
    with pytest.raises(StateConflictError, match="is paused"):
        start_workflow(at, task="Another")


@pytest.mark.parametrize(
    ("said", "type", "details"),
    [
        ({"event": "review_completed", "item": "five"}, "review_completed", {"review_type": "five"}),
        ({"event": "review_completed", "item": "five_review"}, "review_completed", {"review_type": "five"}),
        ({"event": "review_failed", "item": "gemini", "text": "No key"}, "review_failed", {"error": "No key"}),
        ({"event": "error", "text": "Boom", "command": "make"}, "error", {"error": "Boom", "command": "make"}),
        ({"event": "command", "command": "make", "exit_code": 0}, "verification_passed", {"stdout": ""}),
        ({"event": "command", "command": "make", "exit_code": 2, "text": "E"}, "verification_failed", {"stderr": "E"}),
        ({"event": "parallel_agents"}, "note_added", {"parallel_agents_used": True}),
        ({"event": "no_parallel_agents"}, "note_added", {"parallel_agents_used": False}),
    ],
)
def test_events_are_those_of_the_wild(at: Workspace, said: dict, type: str, details: dict) -> None:
    do(at, "event", **said)
    last = log_of(at)[-1]
    assert last.event_type == type
    assert details.items() <= last.details.items()
    assert last.item_id == ("five_review" if said.get("item", "").startswith("five") else None)
    check_agreement(at)


GIVEN = {"item": "one", "text": "x", "command": "make", "exit_code": 0}


@pytest.mark.parametrize("kind", _TAKES, ids=str)
def test_each_action_takes_what_it_takes(at: Workspace, kind: WorkflowAction | WorkflowEventKind) -> None:
    asked = {"action": "event", "event": kind} if isinstance(kind, WorkflowEventKind) else {"action": kind}
    takes, before = _TAKES[kind], raw_log(at)
    for name in takes.needs:
        left = {one: GIVEN[one] for one in takes.needs if one != name}
        with pytest.raises(InvalidInputError, match=f"{kind} needs {name}"):
            update_workflow(at, **asked, **left)  # type: ignore[arg-type]
    for name in GIVEN.keys() - {*takes.needs, *takes.may}:
        with pytest.raises(InvalidInputError, match=f"{kind} takes no {name}"):
            update_workflow(at, **asked, **{one: GIVEN[one] for one in (*takes.needs, name)})  # type: ignore[arg-type]
    assert raw_log(at) == before
    every = {name: GIVEN[name] for name in (*takes.needs, *takes.may)}
    assert update_workflow(at, **asked, **every).revision >= 3  # type: ignore[arg-type]
    check_agreement(at)


def test_every_action_and_every_event_is_in_the_table() -> None:
    assert set(_TAKES) == {*WorkflowAction, *WorkflowEventKind} - {WorkflowAction.EVENT}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"action": "event"}, "event is missing. Give one of review_completed"),
        ({"action": "note", "text": "x", "event": "error"}, "note takes no event"),
        ({"action": "skip", "item": "one"}, "skip needs text, the reason,"),
        ({"action": "skip", "item": "one", "text": "   "}, "skip needs text, the reason,"),
        ({"action": "undo"}, "action is 'undo'. Use one of complete, skip"),
        ({"action": "event", "event": "party"}, "event is 'party'. Use one of review_completed"),
        ({"action": "event", "event": "command", "command": "x", "exit_code": True}, "exit_code is True"),
        ({"action": "event", "event": "command", "command": "x", "exit_code": "0"}, "exit_code is '0'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(at: Workspace, said: dict, sentence: str) -> None:
    before = raw_log(at)
    with pytest.raises(InvalidInputError) as caught:
        update_workflow(at, **said)
    assert str(caught.value).startswith(sentence)
    assert raw_log(at) == before


def test_an_unknown_item_is_answered_with_the_likely_ones(at: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"no item 'thre'.*Did you mean three\?"):
        do(at, "complete", item="thre")
    with pytest.raises(NotFoundError, match="Use one of one, two, three"):
        do(at, "complete", item="qqqqqq")


@pytest.mark.parametrize(
    ("said", "name", "limit"),
    [
        ({"action": "note"}, "text", LONG),
        ({"action": "complete"}, "item", SHORT),
        ({"action": "event", "event": "command", "exit_code": 0}, "command", LONG),
    ],
)
def test_limits_hold_on_the_verb_itself(at: Workspace, said: dict, name: str, limit: int) -> None:
    with pytest.raises(InvalidInputError, match=rf"{name} has {limit + 1:,} characters; at most {limit:,} fit"):
        update_workflow(at, **said, **{name: "x" * (limit + 1)})


def test_a_task_has_limits_too(project: Project) -> None:
    for task in ("", "  \n"):
        with pytest.raises(InvalidInputError, match="task is empty"):
            start_workflow(project.agent(), task=task)
    with pytest.raises(InvalidInputError, match="task has 20,001 characters"):
        start_workflow(project.agent(), task="x" * (LONG + 1))
    assert not list(project.root.rglob("state.json"))


def test_the_longest_texts_fit(at: Workspace) -> None:
    for text in ("x" * LONG, "\u2028é😀" * (LONG // 3), "\x01" * LONG):
        do(at, "note", item="one", text=text)
    check_agreement(at)


def test_secrets_are_taken_out_of_both_files(at: Workspace) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR5uLq"
    do(at, "complete", item="one", text=f"used {token}")
    do(at, "skip", item="two", text=f"because of {token}")
    do(at, "event", event="command", command=f"curl -H 'Authorization: Bearer {token}'", exit_code=1, text=token)
    do(at, "abandon", text=f"leaked {token}")
    start_workflow(at, task=f"Rotate {token}")
    everything = b"".join(path.read_bytes() for path in folder_of(at).rglob("*") if path.is_file())
    assert token.encode() not in everything
    assert everything.count(b"REDACTED") >= 7
    check_agreement(at)


def test_a_secret_in_workflow_yaml_is_not_stored(project: Project) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR5uLq"
    path = project.root / "workflow.yaml"
    path.write_text(f"phases: [{{id: A, name: '{token}', items: [{{id: a, name: 'call {token}'}}]}}]", "utf-8")
    agent = project.agent()
    start_workflow(agent, task="x")
    assert token not in json.dumps([raw_state(agent), raw_log(agent)])
    update_workflow(agent, action="finish")
    path.write_text(f"phases: [{{id: A, items: [{{id: '{token}'}}]}}]", "utf-8")
    with pytest.raises(InvalidInputError, match="one of its ids looks like a secret"):
        start_workflow(agent, task="x")


def test_nothing_is_written_read_only_or_by_reading(project: Project, at: Workspace) -> None:
    before = project.files()
    for reader in (project.agent(), project.person(read_only=True), at):
        get_workflow(reader)
    changed = {name for name, data in project.files().items() if before.get(name) != data}
    assert not [name for name in changed if "log" in name or "state" in name]
    with pytest.raises(ReadOnlyError):
        start_workflow(project.person(read_only=True), task="x")
    with pytest.raises(ReadOnlyError):
        update_workflow(project.person(read_only=True), action="finish")


def test_where_nothing_runs_that_is_the_answer(project: Project) -> None:
    view = get_workflow(project.agent())
    assert (view.workflow_id, view.status, view.open_items) == (None, None, [])
    assert view.next_step == "No workflow is running in this session; start_workflow starts one."
    assert list(project.root.iterdir()) == []
    with pytest.raises(NotFoundError, match="No state shows a workflow 'wf_0'"):
        get_workflow(project.agent(), workflow_id="wf_0")
    with pytest.raises(NotFoundError, match="wf_0 is not running"):
        update_workflow(project.agent(), action="finish", workflow_id="wf_0")


def test_another_session_can_go_on_with_it_by_name(project: Project, at: Workspace) -> None:
    mine = get_workflow(at).workflow_id
    other = project.agent()
    with pytest.raises(NotFoundError, match=rf"To go on with {mine} \(Try it\), give its workflow_id"):
        do(other, "complete", item="one")
    assert str(mine) in get_workflow(other).next_step
    assert do(other, "complete", item="one", workflow_id=mine).phases[0].completed == 1
    assert get_workflow(at).phases[0].completed == 1
    assert get_workflow(other, workflow_id=mine).revision == 3
    check_agreement(at)


def test_a_stale_workflow_is_flagged(project: Project, at: Workspace) -> None:
    assert get_workflow(at).warnings == []
    project.wait(days=3)
    assert get_workflow(at).warnings == []
    project.wait(seconds=1)
    assert get_workflow(at).warnings == [
        "This workflow is stale: nothing was recorded since 2026-11-21. Finish or abandon it if nobody works on it."
    ]
    do(at, "pause", text="The person is on holiday")
    project.wait(days=9)
    assert get_workflow(at).warnings == []


CALLS: list[dict] = [
    {"action": "complete", "item": "three", "text": "x"},
    {"action": "skip", "item": "three", "text": "x"},
    {"action": "note", "text": "x"},
    {"action": "advance"},
    {"action": "event", "event": "error", "text": "x"},
    {"action": "pause"},
    {"action": "resume"},
    {"action": "finish"},
    {"action": "abandon", "text": "x"},
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["action"])
def test_a_repeated_request_changes_nothing_and_is_answered_alike(project: Project, at: Workspace, call: dict) -> None:
    first = update_workflow(at, **call, request_id="r-1")
    if first.status == "active":
        update_workflow(at, action="complete", item="two")
    before = project.files()
    for asker in (at, project.agent(session=at.session_id())):
        assert update_workflow(asker, **call, request_id="r-1") == first
    assert project.files() == before
    with pytest.raises(StateConflictError, match="Request id r-1 was already used"):
        start_workflow(at, task="Other", request_id="r-1")
    check_agreement(at)


def test_a_repeated_start_is_answered_alike_even_after_its_end(project: Project) -> None:
    agent = project.agent()
    first = start_workflow(agent, task="Add login", request_id="toolu_01A09q90qw90lq917835lq9")
    update_workflow(agent, action="finish", request_id="r-2")
    assert start_workflow(agent, task="Add login", request_id="toolu_01A09q90qw90lq917835lq9") == first
    with pytest.raises(StateConflictError, match="was already used"):
        start_workflow(agent, task="Add logout", request_id="toolu_01A09q90qw90lq917835lq9")
    with pytest.raises(StateConflictError, match="was already used"):
        update_workflow(agent, action="finish", text="other", request_id="r-2")
    check_agreement(agent)


def test_what_is_refused_can_be_asked_again_under_the_same_request_id(at: Workspace) -> None:
    with pytest.raises(OrchestratorError):
        update_workflow(at, action="complete", item="nope", request_id="r")
    assert update_workflow(at, action="complete", item="one", request_id="r").revision == 3


def test_who_acted_is_said_in_the_words_of_the_wild(project: Project) -> None:
    for settings, actor in (({}, "system"), ({"client": "claude-code"}, "claude_code")):
        agent = project.agent(**settings)
        start_workflow(agent, task="x")
        assert {event.actor for event in log_of(agent)} == {actor}
    person = project.person(session=project.agent().session_id())
    start_workflow(person, task="x")
    assert {event.actor for event in log_of(person)} == {"human"}
