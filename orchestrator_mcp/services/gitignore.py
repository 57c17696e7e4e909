"""The project's `.gitignore` after a migration: seven lines become one, if a person wants it."""

from collections.abc import Collection

from orchestrator_mcp.analysis.gitignore import contained, difference
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.setup import Mode
from orchestrator_mcp.storage.documents import edit_inside, names_in, read_inside
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.store import mode_here
from orchestrator_mcp.storage.workspace import Workspace

FILE = ".gitignore"


def gitignore_diff(workspace: Workspace, moving: Collection[str] = ()) -> str:
    """What would change, as a diff; empty if nothing would. `moving`: names that a migration is about to move."""
    try:
        old = read_inside(workspace.paths.work_root, FILE)
    except OrchestratorError:
        return ""  # a link, or nothing that can be read: it is not offered
    return difference(old, _contained(workspace, old, moving))


def contain_gitignore(workspace: Workspace) -> bool:
    """Change it; whether there was anything to change.

    Raises:
        UnsafePathError: if it is a link, or no plain file.
        StateConflictError: if others write it at the same time.
    """
    if not gitignore_diff(workspace):
        return False
    edit_inside(workspace.paths.work_root, FILE, lambda old: _contained(workspace, old, ()))
    return True


def _contained(workspace: Workspace, old: bytes, moving: Collection[str]) -> bytes:
    there = [name for name in names_in(workspace.paths.work_root) if name not in moving]
    private = workspace.meta is None or mode_here(workspace.paths.orchestrator_dir) is Mode.PRIVATE
    return contained(old, still_there=there, one=DIRECTORY, add=private)
