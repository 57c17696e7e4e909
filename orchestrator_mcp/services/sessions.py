"""Sessions: who worked here, and when."""

from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.fields import SessionStatus
from orchestrator_mcp.records.session import SessionList, SessionView, StoreStatus
from orchestrator_mcp.storage.archive import archived
from orchestrator_mcp.storage.ids import meant
from orchestrator_mcp.storage.workspace import Workspace

from .doctor import hints
from .meaning import engine
from .session_states import look_at


def list_sessions(
    workspace: Workspace, *, status: fields.SessionStatusChoice | None = None, limit: fields.Limit = 20
) -> SessionList:
    """List this project's sessions, newest first: how each stands, its last activity, worktree, number of entries."""
    workspace.touch()
    sessions = workspace.sessions
    chosen = None if status is None else check_status(status)
    by_activity = sorted(
        ((sessions.last_activity(one), one) for one in sessions.list_sessions()), key=lambda pair: pair, reverse=True
    )
    ids = [one for _, one in by_activity]
    if chosen is not None:
        ids = [one for one in ids if look_at(workspace, one).status is chosen]
    return SessionList(
        sessions=[_view(workspace, one) for one in ids[:limit]],
        total=len(ids),
        archived=sum(1 for _ in archived(workspace.paths)),
        legacy_detected=workspace.legacy.detected(),
    )


def check_status(name: str) -> SessionStatus:
    """How sessions stand, by its name.

    Raises:
        InvalidInputError: if there is no such status.
    """
    try:
        return SessionStatus(name)
    except ValueError:
        raise InvalidInputError(f"There is no status {name[:60]!r}. Use one of: {', '.join(SessionStatus)}.") from None


def _view(workspace: Workspace, session_id: str) -> SessionView:
    look = look_at(workspace, session_id)
    session = look.session
    return SessionView(
        session_id=session_id,
        created_at=session.created_at,
        last_activity=look.last_activity,
        status=look.status,
        label=session.label,
        client=session.client,
        current=session_id == workspace.known_session(),
        entries=workspace.sessions.count_entries(session_id),
        workflow_id=look.workflow.workflow_id if look.workflow and look.has_open_workflow else None,
        worktree=session.worktree,
        worktree_gone=workspace.sessions.worktree_is_gone(session),
        problem=look.problem,
    )


def show_session(workspace: Workspace, session_id: str) -> SessionView:
    """One session, by its id or the end of it.

    Raises:
        NotFoundError: if there is none, or more than one fits.
    """
    return _view(workspace, resolve(workspace, session_id))


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
    return _view(workspace, chosen)


def new_session(workspace: Workspace, *, label: str | None = None) -> SessionView:
    """Open a session and make it current."""
    workspace.store()
    clean = workspace.redact({"label": label})["label"]
    session_id = workspace.sessions.create_session(label=clean, now=workspace.now())
    return switch_session(workspace, session_id)


def switch_session(workspace: Workspace, session_id: str) -> SessionView:
    """Make a session current: the default for short-lived processes, such as the command line."""
    chosen = resolve(workspace, session_id)
    workspace.store()
    workspace.sessions.set_current_session(chosen)
    return _view(workspace, chosen)


def resolve(workspace: Workspace, typed: str) -> str:
    """The session a person means by an id, or by its last six characters or more.

    Raises:
        NotFoundError: if none, or more than one, fits.
    """
    ids = workspace.sessions.list_sessions()
    fitting = [typed] if typed in ids else meant(ids, typed)
    if len(fitting) != 1:
        raise NotFoundError(f"{len(fitting)} sessions fit {typed[:80]!r}. `orchestrator session list` shows them.")
    return fitting[0]


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
        legacy_files=[file.name for file in workspace.legacy.waiting()],
        engine=engine(workspace.config.engine),
        legacy_detected=workspace.legacy.detected(),
        warnings=hints(workspace),
    )


def session_ids(workspace: Workspace, typed: str) -> list[str]:
    """The ids that begin with what was typed, newest first."""
    return [one for one in reversed(workspace.sessions.list_sessions()) if one.startswith(typed)]
