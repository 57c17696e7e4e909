"""Does the store already know a workflow that is to be migrated, and does it say something else of it?"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_mcp.analysis.migration import parts
from orchestrator_mcp.analysis.migration_conflicts import is_other_state
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import LegacyEntry, Prefer
from orchestrator_mcp.storage.files import LARGEST_DOCUMENT, read_small
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.origin import is_origin_session
from orchestrator_mcp.storage.workflow_state import state_files
from orchestrator_mcp.storage.workspace import Workspace


class OldState(NamedTuple):
    """A legacy state: its path and kind as in the survey, its bytes, and what they say."""

    name: str
    kind: LegacyKind
    data: bytes
    says: dict[str, Any]


@dataclass(frozen=True)
class Conflict:
    """Two different states of one workflow.

    Args:
        old: the older one.
        where: what says something else: a session, or a legacy file of a newer layout.
        ours: what it says.
        loser: the path, as in the survey, of the one that goes into no new session.
        place: where in the store that one goes instead; None: nowhere.
    """

    old: OldState
    where: str
    ours: dict[str, Any]
    loser: str
    place: str | None = None


def find_conflicts(
    workspace: Workspace, entries: Sequence[LegacyEntry], prefer: Prefer | None = None
) -> list[Conflict]:
    """Every session, and every legacy file of a newer layout, with a different state of a workflow that is migrated."""
    olds = list(_old_states(entries))
    if not olds:
        return []
    ours, wins = list(_our_states(workspace)), prefer is Prefer.OLD
    among = [
        Conflict(old, newer.name, newer.says, loser=newer.name if wins else old.name)
        for old, newer in itertools.combinations(olds, 2)
        if is_other_state(old.says, newer.says) and old.kind is not LegacyKind.SESSION  # of two sessions none is older
    ]
    lost = {one.loser for one in among}
    return among + [
        Conflict(old, f"session {session_id}", state, old.name, place if wins and old.name not in lost else None)
        for old in olds
        for session_id, place, state in ours
        if is_other_state(old.says, state)
    ]


def _old_states(entries: Sequence[LegacyEntry]) -> Iterator[OldState]:
    for part in (part for entry in entries for part in parts(entry)):
        if part.kind is LegacyKind.STATE and part.to is not None:
            data = _read(Path(part.entry.root) / part.original.path)
            if (says := parse_object(data)) is not None:
                yield OldState(part.original.path, part.entry.kind, data, says)


def _our_states(workspace: Workspace) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for session_id in workspace.sessions.list_sessions():
        folder = workspace.paths.for_session(session_id).session_dir()
        if is_origin_session(folder):
            continue
        for path in state_files(folder):
            state = parse_object(_read(path))
            if state is not None:
                yield session_id, path.relative_to(workspace.paths.orchestrator_dir).as_posix(), state


def _read(path: Path) -> bytes:
    try:
        return read_small(path, LARGEST_DOCUMENT) or b""
    except OrchestratorError:
        return b""
