"""The item of a workflow that asks for feedback: recording feedback is what completes it."""

from orchestrator_mcp.analysis.baseline import FEEDBACK_ITEM
from orchestrator_mcp.analysis.workflow_actions import Step, Update, is_done, step
from orchestrator_mcp.errors import OrchestratorError, StateConflictError
from orchestrator_mcp.records.fields import WorkflowAction
from orchestrator_mcp.records.workflow import WorkflowState
from orchestrator_mcp.storage.workspace import Workspace

from .workflow_journal import Journal, current, state_file


def complete_item(workspace: Workspace, workflow_id: str | None, entry: str, warnings: list[str]) -> str | None:
    """Complete the item in this session's workflow, if feedback about that was recorded and the item is still open.

    Returns:
        The item's id if it was completed. That it could not be is only a warning: the feedback is recorded.
    """

    def make(state: WorkflowState | None) -> Step:
        if state is None or not _is_open(state, workflow_id):
            raise StateConflictError("somebody else did it, or ended the workflow, meanwhile.")
        return step(state, Update(WorkflowAction.COMPLETE, FEEDBACK_ITEM, f"Feedback {entry}"))

    try:
        state = current(state_file(workspace, workspace.session_id()).read())
        if state is None or not _is_open(state, workflow_id):
            return None
        Journal(workspace).record(make, None)
    except OrchestratorError as error:
        warnings.append(f"The item {FEEDBACK_ITEM} was not completed: {error}")
        return None
    return FEEDBACK_ITEM


def _is_open(state: WorkflowState, workflow_id: str | None) -> bool:
    """Of any phase: an agent may record feedback before it advances to the last one."""
    if state.is_over or state.workflow_id != workflow_id:
        return False
    items = [phase.items[FEEDBACK_ITEM] for phase in state.phases.values() if FEEDBACK_ITEM in phase.items]
    return any(not is_done(item) for item in items)
