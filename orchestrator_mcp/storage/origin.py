"""Is this folder the older orchestrator's? Its `.orchestrator/` has names of ours, and sessions to migrate."""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.legacy import LEGACY_FILES, LegacyKind

from .files import is_folder, read_small
from .lines import parse_object

_ROW = next(row for row in LEGACY_FILES if row.kind is LegacyKind.SESSION)


def is_origin_session(folder: Path) -> bool:
    """Whether this is a session that the older orchestrator made: by its name, and by what it says of itself."""
    if not fnmatchcase(folder.name, _ROW.name.rpartition("/")[2]) or not is_folder(folder):
        return False
    try:
        meta = parse_object(read_small(folder / "meta.json") or b"")
    except OrchestratorError:
        return False
    return meta is not None and _ROW.fits(meta.keys()) and meta["session_id"] == folder.name and "tool" not in meta


def is_origin_store(folder: Path, taken: Iterable[str]) -> bool:
    """Whether every name of ours that is taken in a `.orchestrator/` was taken by the older orchestrator.

    It has sessions of its own, transcripts beside them, and a `current`; anything else is somebody else's.
    """
    if not set(taken) <= {"sessions", "current"} or not is_folder(folder / "sessions"):
        return False
    inside = list(os.scandir(folder / "sessions"))
    sessions = [entry for entry in inside if not _is_transcript(entry)]
    return bool(sessions) and all(is_origin_session(Path(entry.path)) for entry in sessions)


def _is_transcript(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False)
