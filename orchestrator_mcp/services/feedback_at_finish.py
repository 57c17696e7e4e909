"""Feedback that is recorded by itself when a workflow is finished, where the settings say so."""

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.storage.workspace import Workspace

from .feedback import record_feedback
from .feedback_entries import at_finish, lacking


def records_at_finish(workspace: Workspace) -> bool:
    """Whether finishing a workflow records its feedback. Who opted out of feedback records none."""
    return workspace.config.feedback_on_finish and not workspace.settings.skip_feedback


def record_at_finish(workspace: Workspace, workflow_id: str, session_id: str | None) -> tuple[bool, list[str]]:
    """Record what the agent has not recorded of a workflow that ended.

    Args:
        workspace: the project.
        workflow_id: the workflow.
        session_id: its session, if that is not this process's own.

    Returns:
        Whether its feedback is recorded now, and what to say. A failure is only said: the workflow is finished.
    """
    try:
        kind = lacking(workspace, {workspace.session_id(), session_id or workspace.session_id()}, workflow_id)
        if kind is None:
            return True, []
        answer = record_feedback(workspace, workflow_id=workflow_id, kind=kind, request_id=at_finish(workflow_id))
    except OrchestratorError as error:
        return False, [f"The workflow is finished, but its feedback was not recorded: {error}"]
    return answer.recorded, answer.warnings
