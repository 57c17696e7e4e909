"""What a store and a session know about themselves."""

from typing import Literal

from pydantic import ConfigDict

from .base import Model, Result, Timestamp
from .fields import SessionStatus

FORMAT = 1


class StoreMeta(Model):
    """`.orchestrator/meta.json`: how the folder is known to be ours, and which repository it belongs to."""

    model_config = ConfigDict(extra="allow")

    tool: Literal["orchestrator-mcp"] = "orchestrator-mcp"
    format: int = FORMAT
    repo_id: str
    created_at: Timestamp
    git_remote: str | None = None


class Session(Model):
    """`sessions/<id>/meta.json`: one agent's conversation."""

    model_config = ConfigDict(extra="allow")

    session_id: str
    created_at: Timestamp | None = None
    repo_root: str | None = None
    worktree: str | None = None
    client: str | None = None
    client_session: str | None = None
    label: str | None = None
    status: str = "active"
    rules_in_force: list[str] = []
    migrated_from: str | None = None


class SessionView(Result):
    """A session in a list. `problem` says why its `meta.json` could not be read.

    `workflow_id` is that of a workflow that is still open. `worktree` is the linked worktree in which it was opened,
    `worktree_gone` whether that was removed since.
    """

    session_id: str
    created_at: Timestamp | None
    last_activity: Timestamp | None
    status: SessionStatus
    label: str | None
    client: str | None
    current: bool
    entries: int
    workflow_id: str | None = None
    worktree: str | None = None
    worktree_gone: bool = False
    problem: str | None = None


class SessionList(Result):
    """The answer to `list_sessions`, newest first. `archived` counts those that were cleaned up."""

    sessions: list[SessionView]
    total: int
    archived: int = 0


class CleanedSession(Model):
    """A session that was cleaned up, or would be."""

    session_id: str
    status: SessionStatus
    last_activity: Timestamp
    label: str | None = None


class KeptSession(Model):
    """A session that is old enough, and stays all the same."""

    session_id: str
    why: str


class SessionsCleaned(Result):
    """The answer to `session clean`: what went to the archive, and what stays though it was meant."""

    cleaned: list[CleanedSession]
    kept: list[KeptSession]
    before: Timestamp
    dry_run: bool = False


class SessionsCompacted(Result):
    """The answer to `session compact`: how many streams lost superseded lines, and how much that was."""

    streams: int
    lines: int
    bytes: int
    dry_run: bool = False


class StoreStatus(Result):
    """Where the store is, whose it is, and how much it holds."""

    store: str
    work_root: str
    exists: bool
    repo_id: str | None
    git_remote: str | None
    current_session: str | None
    sessions: int
    legacy_files: list[str]
    engine: str
