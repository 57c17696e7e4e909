"""How does a session stand, and does a workflow go on in it?"""

from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.fields import SessionStatus
from orchestrator_mcp.records.session import Session
from orchestrator_mcp.records.workflow import WorkflowState
from orchestrator_mcp.storage.own_session import IDLE
from orchestrator_mcp.storage.workspace import Workspace

from .workflow_journal import current, state_file

STALE = timedelta(days=1)
ABANDONED = timedelta(days=30)


class Look(NamedTuple):
    """One session, looked at without reading its streams. `problem` says why it cannot be told how it stands."""

    session: Session
    last_activity: datetime
    status: SessionStatus
    workflow: WorkflowState | None = None
    problem: str | None = None

    @property
    def has_open_workflow(self) -> bool:
        return self.workflow is not None and not self.workflow.is_over


def look_at(workspace: Workspace, session_id: str) -> Look:
    """One session that exists. It reads only, and raises nothing for what is strange in it."""
    last = workspace.sessions.last_activity(session_id)
    try:
        session = workspace.sessions.read(session_id)
        workflow = current(state_file(workspace, session_id).read())
    except OrchestratorError as error:
        return Look(Session(session_id=session_id), last, SessionStatus.BROKEN, problem=str(error))
    return Look(session, last, _status(workspace.now() - last, workflow), workflow)


def _status(quiet: timedelta, workflow: WorkflowState | None) -> SessionStatus:
    if quiet < IDLE:
        return SessionStatus.ACTIVE
    if workflow is None:
        return SessionStatus.IDLE
    if workflow.is_over:
        return SessionStatus.FINISHED
    if quiet < STALE:
        return SessionStatus.IDLE
    return SessionStatus.STALE if quiet < ABANDONED else SessionStatus.ABANDONED
