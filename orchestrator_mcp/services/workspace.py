"""Opening a workspace: where storage and analysis meet, and the one reader of environment and current folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator_mcp.analysis.digests import VERSION, digest
from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.storage.paths import find_roots
from orchestrator_mcp.storage.workspace import Settings, Thinking, Workspace

_SKIP = "ORCHESTRATOR_SKIP_FEEDBACK"
_FALSE = {"", "0", "false", "no", "off"}


def open_workspace(
    environ: Mapping[str, str],
    cwd: Path,
    *,
    root: str | None = None,
    session: str | None = None,
    read_only: bool = False,
    own_session: bool = False,
) -> Workspace:
    """Open the workspace that a process stands in.

    Args:
        environ: the process's environment.
        cwd: where to look for the project from, unless a root is named.
        root: the project's root, if it was named.
        session: the session, if it was named.
        read_only: refuse every write.
        own_session: for a long-lived process, which gets a session of its own.

    Raises:
        InvalidInputError: if the root is not a folder.
    """
    settings = Settings(
        session=session or environ.get("ORCHESTRATOR_SESSION_ID") or None,
        client="claude-code" if environ.get("CLAUDECODE") else None,
        client_session=environ.get("CLAUDE_CODE_SESSION_ID") or None,
        source="agent" if own_session else "cli",
        own_session=own_session,
        read_only=read_only,
        skip_feedback=_SKIP if is_true(environ.get(_SKIP, "")) else None,
    )
    return Workspace(find_roots(environ, cwd, root), settings, Thinking(redact_json, digest, VERSION))


def open_beside(workspace: Workspace, environ: Mapping[str, str], roots: Iterable[Path]) -> Workspace:
    """Have the reviews of a workspace read other repositories too, each store once; nothing is written there.

    They then answer from an index in memory, as one that is kept would mix what belongs to different people.

    Raises:
        InvalidInputError: if a root is not a folder.
    """
    found = {workspace.paths.orchestrator_dir: workspace}
    for root in roots:
        other = open_workspace(environ, root, root=str(root), read_only=True)
        found.setdefault(other.paths.orchestrator_dir, other)
    workspace.beside = tuple(one for one in found.values() if one is not workspace)
    return workspace


def is_true(value: str) -> bool:
    """Whether a setting in the environment is on: anything but empty, 0, false, no and off."""
    return value.strip().lower() not in _FALSE
