"""What a store and a session know about themselves."""

from typing import Literal

from pydantic import ConfigDict

from .base import Model, Result, Timestamp

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
    """A session in a list. `problem` says why its `meta.json` could not be read."""

    session_id: str
    created_at: Timestamp | None
    last_activity: Timestamp | None
    status: str
    label: str | None
    client: str | None
    current: bool
    entries: int
    problem: str | None = None


class SessionList(Result):
    """The answer to `list_sessions`, newest first."""

    sessions: list[SessionView]
    total: int


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
