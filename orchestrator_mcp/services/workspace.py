"""Opening a workspace: where storage and analysis meet, and the one reader of environment and current folder."""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from orchestrator_mcp.analysis.digests import VERSION, digest
from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.storage.environment import ephemeral, is_true
from orchestrator_mcp.storage.files import is_file
from orchestrator_mcp.storage.paths import find_roots, home_folder
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace

_SKIP = "ORCHESTRATOR_SKIP_FEEDBACK"


def open_workspace(
    environ: Mapping[str, str],
    cwd: Path,
    *,
    root: str | None = None,
    session: str | None = None,
    read_only: bool = False,
    own_session: bool = False,
    flags: Mapping[str, str] | None = None,
    at_home: bool = False,
) -> Workspace:
    """Open the workspace that a process stands in.

    Args:
        environ: the process's environment.
        cwd: where to look for the project from, unless a root is named.
        root: the project's root, if it was named.
        session: the session, if it was named.
        read_only: refuse every write.
        own_session: for a long-lived process, which gets a session of its own.
        flags: settings from the command line, as text.
        at_home: the store is to be made under the home folder.

    Raises:
        InvalidInputError: if the root is not a folder.
        ConfigError: if a flag is no setting, or has no value of one.
    """
    home = home_folder(environ)
    settings = Settings(
        session=session or environ.get("ORCHESTRATOR_SESSION_ID") or None,
        client="claude-code" if environ.get("CLAUDECODE") else None,
        client_session=environ.get("CLAUDE_CODE_SESSION_ID") or None,
        source="agent" if own_session else "cli",
        own_session=own_session,
        read_only=read_only,
        skip_feedback=_SKIP if is_true(environ.get(_SKIP, "")) else None,
        ephemeral=ephemeral(environ, home),
        home=home,
        cwd=cwd,
        environ=environ,
        flags=flags or {},
    )
    workspace = Workspace(
        find_roots(environ, cwd, root, at_home=at_home), settings, Thinking(redact_json, digest, VERSION)
    )
    workspace.before_first_write = partial(_migrated, workspace)
    return _restored(workspace)


def _migrated(workspace: Workspace) -> list[str]:
    """What there was to say of a migration that a person wants to happen unasked."""
    if not workspace.config.auto_migrate:
        return []
    from .migration import migrate_unasked  # noqa: PLC0415  hardly ever

    return migrate_unasked(workspace)


def _restored(workspace: Workspace) -> Workspace:
    """Where there is no store yet, with the one that was saved to a branch, if a person asked for that."""
    if not workspace.read_only and not is_file(workspace.paths.meta_file()):
        from .persistence import restore_at_first  # noqa: PLC0415  once in a store's life

        for warning in restore_at_first(workspace):
            print(f"orchestrator-mcp: {warning}", file=sys.stderr)  # noqa: T201  no result to put it in
    return workspace


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
