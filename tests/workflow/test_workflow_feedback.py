"""Feedback and the workflow it is about: the item that asks for it, and the finish that records it by itself."""

import pytest
from projects import Project
from workflow_world import check_agreement, folder_of, log_of, raw_log, raw_state

from orchestrator_mcp.analysis.baseline import FEEDBACK_ITEM
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.workflow import WorkflowUpdated
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow
from orchestrator_mcp.storage.workspace import Workspace

SMALL = f"phases: [{{id: A, items: [{{id: one}}]}}, {{id: LEARN, items: [{{id: document_learnings}}, {{id: {FEEDBACK_ITEM}}}]}}]"


@pytest.fixture
def at(project: Project) -> Workspace:
    (project.root / "workflow.yaml").write_text(SMALL, "utf-8")
    agent = project.agent()
    start_workflow(agent, task="Add a login page")
    return agent


def do(at: Workspace, action: str, **said: object) -> WorkflowUpdated:
    return update_workflow(at, action=action, **said)  # type: ignore[arg-type]


def by_itself(project: Project) -> Workspace:
    """An agent in a project that wants feedback recorded at every finish."""
    (project.root / "workflow.yaml").write_text(SMALL, "utf-8")
    agent = project.agent()
    start_workflow(agent, task="Add a login page")
    (project.root / ".orchestrator" / "config.yaml").write_text("feedback_on_finish: true\n", "utf-8")
    return project.agent(session=agent.session_id())


def entries(at: Workspace) -> tuple[list[ToolFeedback], list[ProcessFeedback]]:
    return at.read(ToolFeedback).records, at.read(ProcessFeedback).records


def status(at: Workspace) -> str:
    return raw_state(at)["phases"]["LEARN"]["items"][FEEDBACK_ITEM]["status"]


# The item.


def test_recording_feedback_completes_the_item_and_says_so(at: Workspace) -> None:
    answer = record_feedback(at, learnings="Small steps")
    assert (answer.item_completed, answer.warnings) == (FEEDBACK_ITEM, [])
    assert (status(at), log_of(at)[-1].details) == ("completed", {"notes": f"Feedback {answer.process_id}"})
    assert FEEDBACK_ITEM not in {one.id for one in get_workflow(at).open_items}
    check_agreement(at)


def test_recording_it_again_changes_nothing(at: Workspace, project: Project) -> None:
    first = record_feedback(at, learnings="Small steps")
    project.wait(hours=1)
    before = raw_log(at), raw_state(at)
    again = record_feedback(at, learnings="Small steps")
    assert (again.tool_id, again.process_id, again.item_completed) == (first.tool_id, first.process_id, None)
    assert again.inferred == first.inferred
    assert (raw_log(at), raw_state(at)) == before
    assert tuple(map(len, entries(at))) == (1, 1)


@pytest.mark.parametrize("how", ["complete", "skip"])
def test_an_item_that_is_settled_stays_as_it_is(at: Workspace, how: str) -> None:
    do(at, how, item=FEEDBACK_ITEM, text="as I like it")
    before = raw_log(at)
    assert record_feedback(at, learnings="x").item_completed is None
    assert raw_log(at) == before


def test_feedback_about_another_workflow_leaves_the_item_open(at: Workspace) -> None:
    do(at, "finish")
    past = get_workflow(at).workflow_id or log_of(at)[0].workflow_id
    start_workflow(at, task="The next")
    answer = record_feedback(at, workflow_id=past, learnings="x")
    assert (answer.workflow_id, answer.item_completed, status(at)) == (past, None, "pending")


def test_a_workflow_without_the_item_is_left_alone(project: Project) -> None:
    (project.root / "workflow.yaml").write_text("phases: [{id: A, items: [{id: one}]}]", "utf-8")
    agent = project.agent()
    start_workflow(agent, task="x")
    assert record_feedback(agent, learnings="x").item_completed is None
    assert len(log_of(agent)) == 2


def test_who_opted_out_completes_nothing(at: Workspace, project: Project) -> None:
    silent = project.agent(session=at.session_id(), skip_feedback="ORCHESTRATOR_SKIP_FEEDBACK")
    assert not record_feedback(silent, learnings="x").recorded
    assert status(at) == "pending"


def test_that_the_item_cannot_be_completed_costs_no_feedback(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    state = folder_of(at) / "state.json"
    kept = state.read_bytes()
    state.unlink()
    state.mkdir()  # so reading it is refused
    answer = record_feedback(at, learnings="x")
    assert answer.recorded
    assert [one for one in answer.warnings if one.startswith(f"The item {FEEDBACK_ITEM} was not completed: ")]
    state.rmdir()
    state.write_bytes(kept)
    assert record_feedback(at, learnings="x").item_completed == FEEDBACK_ITEM  # once more, and all is well


# The finish.


def test_a_finish_records_nothing_unless_it_was_asked_for(at: Workspace) -> None:
    assert do(at, "finish").next_step == "The workflow is completed. Record its feedback, if that was not done yet."
    assert entries(at) == ([], [])


def test_a_finish_records_feedback_by_itself(project: Project) -> None:
    at = by_itself(project)
    do(at, "complete", item="one")
    do(at, "complete", item="document_learnings", text="Small steps helped. The mocks were tricky.")
    project.wait(minutes=5)
    view = do(at, "finish")
    assert view.warnings == []  # no word of the item that only asks for this
    assert (view.status, view.next_step) == ("completed", "The workflow is completed, and its feedback is recorded.")
    ((tool,), (process,)) = entries(at)
    assert (process.workflow_id, process.task, process.mode) == (view.workflow_id, "Add a login page", "auto")
    assert (process.what_went_well, process.challenges) == ("Small steps helped.", "The mocks were tricky.")
    assert tool.duration_seconds == 300
    check_agreement(at)


def test_a_repeated_finish_records_it_once(project: Project) -> None:
    at = by_itself(project)
    first = do(at, "finish", request_id="r")
    project.wait(minutes=1)
    assert do(at, "finish", request_id="r") == first
    assert tuple(map(len, entries(at))) == (1, 1)


def test_what_the_agent_recorded_before_is_not_recorded_again(project: Project) -> None:
    at = by_itself(project)
    said = record_feedback(at, learnings="Small steps")
    view = do(at, "finish")
    assert view.next_step == "The workflow is completed, and its feedback is recorded."
    ((tool,), (process,)) = entries(at)
    assert (tool.id, process.id, process.learnings) == (said.tool_id, said.process_id, "Small steps")


def test_a_finish_adds_only_the_entry_that_is_missing(project: Project) -> None:
    at = by_itself(project)
    said = record_feedback(at, kind="tool", reviews_worked="yes")  # type: ignore[arg-type]
    do(at, "finish")
    ((tool,), (process,)) = entries(at)
    assert (tool.id, tool.reviews_worked, process.workflow_id) == (said.tool_id, True, said.workflow_id)


def test_what_the_agent_records_afterwards_replaces_it(project: Project) -> None:
    at = by_itself(project)
    finished = do(at, "finish")
    ((tool,), (process,)) = entries(at)
    for _ in range(2):  # a retry too
        said = record_feedback(at, learnings="Small steps", request_id="mine")
        assert said.workflow_id == finished.workflow_id
        ((newer_tool,), (newer_process,)) = entries(at)
        assert (said.tool_id, said.process_id) == (tool.id, process.id) == (newer_tool.id, newer_process.id)
        assert (newer_process.learnings, newer_process.rev) == ("Small steps", 2)
    more = record_feedback(at, learnings="Larger steps")  # what somebody said is never replaced
    assert more.process_id != process.id
    assert tuple(map(len, entries(at))) == (1, 2)  # of the tool there was nothing new to say


def test_what_replaced_it_without_a_request_id_is_not_replaced_either(project: Project) -> None:
    at = by_itself(project)
    do(at, "finish")
    first = record_feedback(at, learnings="Small steps")
    assert (
        "This replaces the process feedback that was recorded by itself when the workflow was finished."
        in first.warnings
    )
    record_feedback(at, learnings="Larger steps")
    assert sorted(one.learnings or "" for one in entries(at)[1]) == ["Larger steps", "Small steps"]


def test_a_failure_of_it_never_fails_the_finish(project: Project) -> None:
    at = by_itself(project)
    feedback = folder_of(at) / "feedback"
    feedback.write_text("in the way")
    view = do(at, "finish")
    assert view.status == "completed"
    assert view.warnings[-1].startswith("The workflow is finished, but its feedback was not recorded: ")
    assert view.next_step == "The workflow is completed. Record its feedback, if that was not done yet."
    assert [one.event_type for one in log_of(at)][-1] == "workflow_completed"


def test_opting_out_wins(project: Project) -> None:
    at = by_itself(project)
    silent = project.agent(session=at.session_id(), skip_feedback="ORCHESTRATOR_SKIP_FEEDBACK")
    assert do(silent, "finish").status == "completed"
    assert entries(at) == ([], [])


def test_abandoning_records_nothing_by_itself(project: Project) -> None:
    at = by_itself(project)
    do(at, "abandon")
    assert entries(at) == ([], [])


def test_a_finish_from_another_session_sees_what_the_first_recorded(project: Project) -> None:
    at = by_itself(project)
    said = record_feedback(at, learnings="Small steps")
    other = project.agent()
    do(other, "finish", workflow_id=said.workflow_id)
    assert tuple(map(len, entries(at))) == (1, 1)


def test_what_is_recorded_is_not_asked_for_again(project: Project) -> None:
    agent = project.agent()
    started = start_workflow(agent, task="x")
    update_workflow(agent, action="finish")
    assert "Record its feedback" in get_workflow(agent, workflow_id=started.workflow_id).next_step
    assert "with `orchestrator feedback`" in get_workflow(project.person(), workflow_id=started.workflow_id).next_step
    record_feedback(agent, workflow_id=started.workflow_id)
    assert get_workflow(agent, workflow_id=started.workflow_id).next_step.endswith("its feedback is recorded.")
