"""Does the store already know a workflow that is to be migrated, and does it say something else of it?"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.migration import parts
from orchestrator_mcp.analysis.migration_conflicts import is_other_state
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import LegacyEntry, Prefer
from orchestrator_mcp.storage.files import read_small
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.origin import is_origin_session
from orchestrator_mcp.storage.workspace import Workspace

_LARGEST_STATE = 64 << 20
_SESSIONS = ".orchestrator/sessions/"


@dataclass(frozen=True)
class Conflict:
    """Two different states of one workflow.

    Args:
        path: that of the one, as in the survey, which goes into no new session.
        data: the old one's bytes.
        old: what they say.
        where: what says something else: a session, or a legacy file of a newer layout.
        ours: what it says.
        place: where a session says it, relative to the store.
    """

    path: str
    data: bytes
    old: dict[str, Any]
    where: str
    ours: dict[str, Any]
    place: str | None = None


def find_conflicts(
    workspace: Workspace, entries: Sequence[LegacyEntry], prefer: Prefer | None = None
) -> list[Conflict]:
    """Every session, and every legacy file of a newer layout, with a different state of a workflow that is migrated."""
    olds = [
        (part.original.path, data, old)
        for entry in entries
        for part in parts(entry)
        if part.kind is LegacyKind.STATE and part.to is not None
        if (data := _read(Path(entry.root) / part.original.path)) and (old := parse_object(data)) is not None
    ]
    if not olds:
        return []
    ours = list(_our_states(workspace))
    among = [
        Conflict(newer if prefer is Prefer.OLD else path, data, old, newer, state)
        for (path, data, old), (newer, _, state) in itertools.combinations(olds, 2)
        if is_other_state(old, state) and not path.startswith(_SESSIONS)  # neither of two sessions is the older
    ]
    return among + [
        Conflict(path, data, old, f"session {session_id}", state, place)
        for path, data, old in olds
        for session_id, place, state in ours
        if is_other_state(old, state)
    ]


def _our_states(workspace: Workspace) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for session_id in workspace.sessions.list_sessions():
        folder = workspace.paths.for_session(session_id).session_dir()
        if is_origin_session(folder):
            continue
        for path in (folder / "state.json", *sorted((folder / "workflows").glob("*.json"))):
            state = parse_object(_read(path))
            if state is not None:
                yield session_id, path.relative_to(workspace.paths.orchestrator_dir).as_posix(), state


def _read(path: Path) -> bytes:
    try:
        return read_small(path, _LARGEST_STATE) or b""
    except OrchestratorError:
        return b""
