"""Does the store already know the workflow that is to be migrated, and does it say something else of it?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.migration import state_conflicts
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import Survey
from orchestrator_mcp.storage.files import read_small
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.workspace import Workspace

_LARGEST_STATE = 64 << 20


def conflicts(workspace: Workspace, found: Survey, but: str | None = None) -> list[str]:
    """Sessions with a different state of the workflow that is migrated; `but` is the migrated session itself."""
    entry = next((entry for entry in found.entries if entry.kind is LegacyKind.STATE), None)
    if entry is None:
        return []
    moved = workspace.paths.work_root / entry.name
    if but is not None:
        moved = workspace.paths.for_session(but).state_file()
    return state_conflicts(state_at(moved) or {}, _our_states(workspace, but))


def _our_states(workspace: Workspace, but: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for session_id in workspace.sessions.list_sessions():
        folder = workspace.paths.for_session(session_id).session_dir()
        for path in (folder / "state.json", *sorted((folder / "workflows").glob("*.json"))):
            state = state_at(path) if session_id != but else None
            if state is not None:
                yield session_id, state


def state_at(path: Path) -> dict[str, Any] | None:
    """A workflow's state; None if there is none that can be read."""
    try:
        return parse_object(read_small(path, _LARGEST_STATE) or b"")
    except OrchestratorError:
        return None
