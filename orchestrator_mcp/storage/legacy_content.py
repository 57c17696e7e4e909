"""Whose is it? What a legacy file holds says so, never its name alone."""

import os
import stat
from functools import lru_cache
from itertools import islice
from pathlib import Path

from orchestrator_mcp.records.legacy import CONFIG_KEYS, FOLDERS, LEGACY_FILES, LegacyFile, LegacyKind

from .files import LARGEST_DOCUMENT, open_plain, read_small, refusals
from .lines import parse_object
from .origin import is_origin_session
from .yaml_files import read_yaml

IN_FEEDBACK = {"tool.jsonl": LegacyKind.TOOL_FEEDBACK, "process.jsonl": LegacyKind.PROCESS_FEEDBACK}
"""What a folder of feedback holds."""

_ENOUGH = 20
_LONGEST_LINE = 1 << 20
_FOREIGN = "its content is another tool's"
_TASKS = "it holds an agent server's tasks, not a workflow"
_ROW_OF = {row.kind: row for row in reversed(LEGACY_FILES)}


def unsafe_at(row: LegacyFile, path: Path) -> str | None:
    """What stands there instead of a plain file or folder; None if one does."""
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        return "it is a symbolic link, and links are not followed"
    if row.kind in FOLDERS:
        return None if stat.S_ISDIR(info.st_mode) else "it is not a folder"
    if not stat.S_ISREG(info.st_mode):
        return "it is not a plain file"
    return "it has a second name (a hard link)" if info.st_nlink > 1 else None


def foreign_at(row: LegacyFile, path: Path) -> str | None:
    """Why the content is not ours; None if it is.

    Raises:
        OrchestratorError: (or OSError) if it cannot be read.
    """
    info = path.lstat()
    return _foreign_content(row, path, info.st_ino, info.st_size, info.st_mtime_ns)


@lru_cache(maxsize=1024)  # every result says whether legacy files lie here, so an unchanged one is read once
def _foreign_content(row: LegacyFile, path: Path, *_unchanged: int) -> str | None:
    if row.kind in {LegacyKind.STATE, LegacyKind.PRD}:
        return _foreign_document(row, read_small(path, LARGEST_DOCUMENT) or b"")
    ours = {
        LegacyKind.CHECKPOINTS: _holds_checkpoints,
        LegacyKind.FEEDBACK_FOLDER: _holds_feedback,
        LegacyKind.SESSION: lambda _row, folder: is_origin_session(folder),
        LegacyKind.CONFIG: lambda _row, file: bool((read_yaml(file) or {}).keys() & CONFIG_KEYS),
        LegacyKind.LEARNINGS: _holds_notes,
    }.get(row.kind, _holds_lines)
    return None if ours(row, path) else _FOREIGN


def _foreign_document(row: LegacyFile, data: bytes) -> str | None:
    if row.kind is LegacyKind.STATE and "tasks" in (parse_object(data) or {}):
        return _TASKS
    return None if _fits(row, data) else _FOREIGN


def _holds_lines(row: LegacyFile, path: Path) -> bool:
    """Whether some of the first lines are ours; of a file whose name is common, most of them."""
    lines = _first_lines(path)
    if row.is_certain:
        return not lines or any(_fits(row, line) for line in lines)
    return sum(_fits(row, line) for line in lines) * 2 > len(lines)


def _first_lines(path: Path) -> list[bytes]:
    """The first lines that are not blank; an only one may lack its newline."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        lines = iter(lambda: file.readline(_LONGEST_LINE), b"")
        return [line for line in islice(lines, _ENOUGH) if line.strip()]


def _holds_checkpoints(row: LegacyFile, folder: Path) -> bool:
    files = [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.is_symlink()]
    if not files:
        return row.is_certain
    return any(_fits(row, read_small(file, LARGEST_DOCUMENT) or b"") for file in files[:_ENOUGH])


def _holds_feedback(_row: LegacyFile, folder: Path) -> bool:
    files = [(_ROW_OF[kind], folder / name) for name, kind in IN_FEEDBACK.items()]
    return any(file.is_file() and not file.is_symlink() and _holds_lines(row, file) for row, file in files)


def _holds_notes(row: LegacyFile, path: Path) -> bool:
    """Whether a markdown file has entries like `## [ERR-20260101-001] npm`; in a folder of notes, whatever it holds."""
    if row.beneath:
        return True
    return any(line.startswith((b"## [LRN-", b"## [ERR-", b"## [FEAT-")) for line in _all_lines(path))


def _all_lines(path: Path) -> list[bytes]:
    return (read_small(path, LARGEST_DOCUMENT) or b"").split(b"\n")


def _fits(row: LegacyFile, data: bytes) -> bool:
    value = parse_object(data)
    return value is not None and row.fits(value.keys())
