"""Sessions: who worked here, and when."""

from datetime import datetime

from orchestrator_mcp.errors import NotFoundError, OrchestratorError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.session import Session, SessionList, SessionView, StoreStatus
from orchestrator_mcp.storage.workspace import Workspace

from .meaning import engine

SHORTEST_ID = 6


def list_sessions(workspace: Workspace, *, limit: fields.Limit = 20) -> SessionList:
    """List this project's sessions, newest first, with status, last activity and number of entries."""
    workspace.touch()
    sessions = workspace.sessions
    by_activity = sorted(
        ((sessions.last_activity(one), one) for one in sessions.list_sessions()), key=lambda pair: pair, reverse=True
    )
    current = workspace.known_session()
    return SessionList(
        sessions=[_view(workspace, one, last, current=one == current) for last, one in by_activity[:limit]],
        total=len(by_activity),
        legacy_detected=workspace.legacy.detected(),
    )


def _view(workspace: Workspace, session_id: str, last_activity: datetime, *, current: bool) -> SessionView:
    problem = None
    try:
        session = workspace.sessions.read(session_id)
    except OrchestratorError as error:
        session, problem = Session(session_id=session_id, status="broken"), str(error)
    return SessionView(
        session_id=session_id,
        created_at=session.created_at,
        last_activity=last_activity,
        status=session.status,
        label=session.label,
        client=session.client,
        current=current,
        entries=workspace.sessions.count_entries(session_id),
        problem=problem,
    )


def show_session(workspace: Workspace, session_id: str) -> SessionView:
    """One session, by its id or the end of it.

    Raises:
        NotFoundError: if there is none, or more than one fits.
    """
    chosen = resolve(workspace, session_id)
    current = chosen == workspace.known_session()
    return _view(workspace, chosen, workspace.sessions.last_activity(chosen), current=current)


def current_session(workspace: Workspace) -> SessionView:
    """The session this process works in.

    Raises:
        NotFoundError: if none is open yet.
    """
    workspace.touch()
    chosen = workspace.known_session()
    if chosen is None:
        raise NotFoundError(
            "There is no current session. The first write opens one; so does `orchestrator session new`."
        )
    return _view(workspace, chosen, workspace.sessions.last_activity(chosen), current=True)


def new_session(workspace: Workspace, *, label: str | None = None) -> SessionView:
    """Open a session and make it current."""
    workspace.store()
    session_id = workspace.sessions.create_session(label=label, now=workspace.now())
    return switch_session(workspace, session_id)


def switch_session(workspace: Workspace, session_id: str) -> SessionView:
    """Make a session current: the default for short-lived processes, such as the command line."""
    chosen = resolve(workspace, session_id)
    workspace.store()
    workspace.sessions.set_current_session(chosen)
    return _view(workspace, chosen, workspace.sessions.last_activity(chosen), current=True)


def resolve(workspace: Workspace, typed: str) -> str:
    """The session a person means by an id, or by its last six characters or more.

    Raises:
        NotFoundError: if none, or more than one, fits.
    """
    ids = workspace.sessions.list_sessions()
    if typed in ids:
        return typed
    fitting = [one for one in ids if len(typed) >= SHORTEST_ID and one.endswith(typed)]
    if len(fitting) != 1:
        raise NotFoundError(f"{len(fitting)} sessions fit {typed[:80]!r}. `orchestrator session list` shows them.")
    return fitting[0]


def make_store(workspace: Workspace) -> StoreStatus:
    """Make the store if it is not there."""
    workspace.store()
    return status(workspace)


def status(workspace: Workspace) -> StoreStatus:
    """Where the store is, whose it is, and how much it holds."""
    meta = workspace.meta
    return StoreStatus(
        store=str(workspace.paths.orchestrator_dir),
        work_root=str(workspace.paths.work_root),
        exists=meta is not None,
        repo_id=meta.repo_id if meta else None,
        git_remote=meta.git_remote if meta else None,
        current_session=workspace.known_session(),
        sessions=len(workspace.sessions.list_sessions()),
        legacy_files=[file.row.name for file in workspace.legacy.ours()],
        engine=engine(),
        legacy_detected=workspace.legacy.detected(),
    )


def session_ids(workspace: Workspace, typed: str) -> list[str]:
    """The ids that begin with what was typed, newest first."""
    return [one for one in reversed(workspace.sessions.list_sessions()) if one.startswith(typed)]
