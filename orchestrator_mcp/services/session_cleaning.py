"""Cleaning up: sessions nobody needs any more go to the archive, where reviews still count them."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.fields import SessionStatus
from orchestrator_mcp.records.session import CleanedSession, KeptSession, SessionsCleaned, SessionsCompacted
from orchestrator_mcp.records.streams import STREAMS
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.storage.archive import in_use, put_away
from orchestrator_mcp.storage.compaction import Compacted, compact_folder
from orchestrator_mcp.storage.migration import unfinished
from orchestrator_mcp.storage.workspace import Workspace

from .session_states import Look, look_at

OLD = 30
RECENT = timedelta(days=1)
"""A record's superseded versions stay so long: a call that is repeated finds what it did."""


def clean_sessions(
    workspace: Workspace, *, older_than: int = OLD, status: SessionStatus | None = None, dry_run: bool = False
) -> SessionsCleaned:
    """Move old sessions to the archive: their streams stay, and count in every review; states and checkpoints go.

    Kept, with the reason: the current session, those in which a process, or a workflow, is at work, and those without
    a date. An open workflow does not keep a session that `status` names as abandoned.

    Args:
        workspace: the project.
        older_than: days in which nothing was written.
        status: only sessions that stand so.
        dry_run: only say what would be done.

    Raises:
        InvalidInputError: if `older_than` is negative.
    """
    if older_than < 0:
        raise InvalidInputError(f"{older_than} days lie in the future. Give 0 or more.")
    before = workspace.now() - timedelta(days=older_than)
    looks = {session_id: look_at(workspace, session_id) for session_id in workspace.sessions.list_sessions()}
    old = {name: look for name, look in looks.items() if _since(look) < before and status in {None, look.status}}
    objection = _objection(workspace, status)
    found = {session_id: objection(session_id) for session_id in old}
    if not dry_run and None in found.values():
        workspace.store()
        workspace.flush()
        lock = workspace.locks.of(workspace.paths.orchestrator_dir)
        going = [session_id for session_id, why in found.items() if why is None]
        found |= dict(put_away(workspace.paths, lock, going, _still(workspace, status, before)))
    return SessionsCleaned(
        cleaned=[_cleaned(session_id, old[session_id]) for session_id, why in found.items() if why is None],
        kept=[KeptSession(session_id=session_id, why=why) for session_id, why in found.items() if why is not None],
        before=before,
        dry_run=dry_run,
        legacy_detected=workspace.legacy.detected(),
    )


def _still(workspace: Workspace, status: SessionStatus | None, before: datetime) -> Callable[[str], str | None]:
    """The same question once more, under the session's lock: somebody may have come back to it."""
    objection = _objection(workspace, status)

    def still(session_id: str) -> str | None:
        if workspace.sessions.last_activity(session_id) >= before:
            return "It was written to just now."
        return objection(session_id)

    return still


def _objection(workspace: Workspace, status: SessionStatus | None) -> Callable[[str], str | None]:
    """Why a session may not go. Which processes hold what is asked once."""
    held = in_use(workspace.paths)
    current = {workspace.known_session(), workspace.sessions.get_current_session()}

    def objection(session_id: str) -> str | None:
        look = look_at(workspace, session_id)
        if session_id in current:
            return "It is the current session."
        if look.problem is not None:
            return look.problem
        if look.session.created_at is None:
            return "It has no date."
        if look.status is SessionStatus.ACTIVE:
            return "It was written to within the last 12 hours."
        if session_id in held:
            return f"Process {held[session_id]} has it open."
        if look.session.migrated_from is not None and unfinished(workspace.paths):
            return "A migration, or the rollback of one, is not finished."
        if look.has_open_workflow and not (status is look.status is SessionStatus.ABANDONED):
            return "A workflow is open in it. End that; or, once it counts as abandoned, say --status abandoned."
        return None

    return objection


def _since(look: Look) -> datetime:
    return max(look.last_activity, look.session.created_at or look.last_activity)


def _cleaned(session_id: str, look: Look) -> CleanedSession:
    return CleanedSession(
        session_id=session_id,
        status=look.status,
        last_activity=look.last_activity,
        label=look.session.label,
    )


def compact_sessions(workspace: Workspace, *, dry_run: bool = False) -> SessionsCompacted:
    """Drop superseded versions of records, older than a day, from the streams of all sessions, archived ones included.

    What the streams say stays the same: each record keeps its newest version and its place. Agents may go on writing.
    """
    if not dry_run:
        workspace.store()
        workspace.flush()
    streams = {spec.file: spec.model for spec in STREAMS if spec.in_session and spec.model is not LogEvent}
    lock = workspace.locks.of(workspace.paths.orchestrator_dir)
    before = workspace.now() - RECENT
    done: list[Compacted] = []
    problems: list[str] = []
    for _, folder in workspace.session_folders():
        archived = folder.parent == workspace.paths.archive_dir()
        with nullcontext() if dry_run else lock.held():
            compacted, told = compact_folder(folder, streams, before, archived=archived, dry_run=dry_run)
        done += compacted
        problems += told
    return SessionsCompacted(
        streams=len(done),
        lines=sum(one.lines for one in done),
        bytes=sum(one.bytes for one in done),
        dry_run=dry_run,
        warnings=problems,
        legacy_detected=workspace.legacy.detected(),
    )
