"""The same action again within two seconds is a retry, for clients that send no request id; and what an action costs."""

from datetime import timedelta

import pytest
from projects import Project
from workflow_world import check_agreement, folder_of, log_of, raw_log

from orchestrator_mcp.errors import NotFoundError, StateConflictError
from orchestrator_mcp.records.workflow import LogEvent, WorkflowView
from orchestrator_mcp.services.workflow_journal import Journal
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow
from orchestrator_mcp.storage import workflow_state
from orchestrator_mcp.storage.workspace import Workspace

TWO = "phases: [{id: A, items: [{id: one}, {id: two, skippable: false}]}, {id: B}, {id: C}]"


@pytest.fixture
def at(project: Project) -> Workspace:
    (project.root / "workflow.yaml").write_text(TWO, encoding="utf-8")
    agent = project.agent()
    start_workflow(agent, task="Try it")
    project.wait(seconds=2)
    return agent


def do(at: Workspace, **said: object) -> WorkflowView:
    return update_workflow(at, **said)  # type: ignore[arg-type]


ONCE: list[dict[str, object]] = [
    {"action": "complete", "item": "one", "text": "done"},
    {"action": "skip", "item": "two", "text": "why"},
    {"action": "note", "text": "x"},
    {"action": "note", "text": "x", "item": "one"},
    {"action": "event", "event": "error", "text": "boom"},
    {"action": "event", "event": "command", "command": "make", "exit_code": 2, "text": "no rule"},
    {"action": "event", "event": "parallel_agents"},
    {"action": "pause", "text": "Lunch"},
    {"action": "finish", "text": "Shipped"},
    {"action": "abandon"},
]


@pytest.mark.parametrize("said", ONCE, ids=lambda said: " ".join(map(str, said.values())))
def test_the_same_again_at_once_is_recorded_once_and_answered_alike(
    at: Workspace, project: Project, said: dict[str, object]
) -> None:
    first = do(at, **said)
    before = raw_log(at)
    project.wait(seconds=1.9)
    assert do(at, **said) == first
    assert raw_log(at) == before
    check_agreement(at)


@pytest.mark.parametrize("said", ONCE[:8], ids=lambda said: " ".join(map(str, said.values())))
def test_after_two_seconds_it_is_said_again(at: Workspace, project: Project, said: dict[str, object]) -> None:
    first = do(at, **said)
    project.wait(seconds=2)
    assert do(at, **said).revision == first.revision + 1


def test_a_retried_start_is_one_workflow_and_another_task_is_refused(project: Project) -> None:
    agent = project.agent()
    first = start_workflow(agent, task="Try it")
    project.wait(seconds=1)
    assert start_workflow(agent, task="Try it") == first
    with pytest.raises(StateConflictError):
        start_workflow(agent, task="Try another")
    project.wait(seconds=1)
    with pytest.raises(StateConflictError):
        start_workflow(agent, task="Try it")
    assert len(log_of(agent)) == 2


def test_what_is_possible_again_is_another_action(at: Workspace) -> None:
    """All at one instant: phases are closed one after the other, and a pause after a resumption is a pause."""
    assert do(at, action="advance").phase == "B"
    assert do(at, action="advance").phase == "C"
    assert [do(at, action=name).status for name in ("pause", "resume", "pause")] == ["paused", "active", "paused"]
    do(at, action="complete", item="one")
    do(at, action="skip", item="one", text="after all")
    assert do(at, action="complete", item="one").phases[0].completed == 1
    do(at, action="note", text="a")
    do(at, action="note", text="b")
    assert [one.details.get("notes") for one in log_of(at)[-2:]] == ["a", "b"]
    do(at, action="resume")
    assert do(at, action="advance").phase == "C"
    with pytest.raises(StateConflictError, match="no phase left"):
        do(at, action="advance")
    check_agreement(at)


def test_others_may_speak_in_between(at: Workspace, project: Project) -> None:
    """Two agents of one session: the retry of one is known although the other has done something else since."""
    other = project.agent(session=at.session_id())
    do(at, action="complete", item="one")
    do(other, action="complete", item="two")
    before = raw_log(at)
    do(at, action="complete", item="one")
    assert raw_log(at) == before


def test_an_action_with_a_request_id_is_itself_whatever_was_said_before(at: Workspace) -> None:
    do(at, action="note", text="x")
    do(at, action="note", text="x", request_id="r1")
    do(at, action="note", text="x", request_id="r2")
    do(at, action="note", text="x", request_id="r2")
    assert len(log_of(at)) == 5


def test_a_workflow_that_ended_long_ago_is_still_refused(at: Workspace, project: Project) -> None:
    do(at, action="finish")
    project.wait(seconds=2)
    with pytest.raises(NotFoundError):
        do(at, action="finish")


def test_a_clock_that_was_set_back_makes_no_retry_of_old_things(at: Workspace, project: Project) -> None:
    do(at, action="note", text="x")
    project.now -= timedelta(hours=1)
    assert do(at, action="note", text="x").revision == 4


def test_an_action_reads_the_log_once(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: what was seen is kept while the action lasts."""
    for number in range(20):
        do(at, action="note", text=f"n{number}")
    read: list[bytes] = []
    real = workflow_state._our_event

    def counted(data: bytes) -> LogEvent | None:
        read.append(data)
        return real(data)

    monkeypatch.setattr(workflow_state, "_our_event", counted)
    do(at, action="note", text="the last")
    assert len(read) == 22 + 1  # those before, and its own


def test_what_was_staged_by_the_killed_is_swept(at: Workspace) -> None:
    folder = folder_of(at)
    left = [
        folder / ".state.json.0123456789abcdef.tmp",
        folder / "workflows" / ".wf_0123456789abcdef.json.0123456789abcdef.tmp",
    ]
    (folder / "workflows").mkdir()
    for path in left:
        path.write_text("{")
    other = folder / ".meta.json.0123456789abcdef.tmp"  # of somebody who may still live
    other.write_text("{")
    do(at, action="note", text="x")
    assert [path.exists() for path in (*left, other)] == [False, False, True]


def test_who_was_swept_away_stages_anew(at: Workspace, project: Project) -> None:
    """Two writers: one sweeps what the other has staged, which loses nothing by it."""
    other = project.agent(session=at.session_id())
    real = workflow_state.write_new
    overtaken: list[bool] = []

    def staged(path, data):  # type: ignore[no-untyped-def]
        real(path, data)
        if not overtaken:
            overtaken.append(True)
            do(other, action="complete", item="one")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow_state, "write_new", staged)
        do(at, action="complete", item="two")
    assert overtaken
    assert get_workflow(at).phases[0].completed == 2
    check_agreement(at)
    Journal(at).settle()
