"""Compaction: superseded versions of records leave a stream. What it says, and in which order, stays the same."""

import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_mcp.errors import NotFoundError, OrchestratorError
from orchestrator_mcp.records.base import parse_time

from .files import FILE_MODE, is_folder, read_small, replace_file
from .lines import Line, LineFile, parse_object, read_lines
from .locks import FolderLock
from .parts import rotated

_LARGEST = 1 << 32

Edits = dict[int, bytes | None]
"""What becomes of the lines at some offsets: other content, or nothing."""


class Compacted(NamedTuple):
    """What left one stream."""

    path: Path
    lines: int
    bytes: int


def compact_folder(
    folder: Path, names: Iterable[str], before: datetime, *, dry_run: bool
) -> tuple[list[Compacted], list[str]]:
    """Compact the streams of one session's folder; for whoever holds the store lock, which keeps erasure away.

    Args:
        folder: the session's.
        names: its streams.
        before: only records whose newest version is dated earlier; younger ones keep all their versions.
        dry_run: only say what would leave.

    Returns:
        The streams that lost something, and why others were left alone, as sentences.
    """
    done: list[Compacted] = []
    problems: list[str] = []
    lock = FolderLock(folder / "lock")
    try:
        for name in names:
            if is_folder((folder / name).parent):
                try:
                    done += [one for one in [_compact(folder / name, lock, before, dry_run=dry_run)] if one.lines]
                except NotFoundError:  # it was removed, or archived, meanwhile
                    break
                except OrchestratorError as error:
                    problems.append(f"Left as it is: {error}")
    finally:
        lock.close()
    return done, problems


def _compact(path: Path, lock: FolderLock, before: datetime, *, dry_run: bool) -> Compacted:
    edits, saved = _edits(path, before)
    if edits and not dry_run:
        with lock.held():
            LineFile(path, lock).heal_locked()
            _apply(path, edits)
    return Compacted(path, sum(new is None for new in edits.values()), saved)


def _edits(path: Path, before: datetime) -> tuple[Edits, int]:
    """The newest version of a record takes the place of its first; the others go. Also: how many bytes that saves."""
    versions: dict[str, list[int]] = {}
    newest: dict[str, bytes] = {}
    fits: dict[str, bool] = {}
    for line in read_lines(path):
        value = parse_object(line.data) or {}
        if isinstance(value.get("id"), str):
            record = value["id"]
            versions.setdefault(record, []).append(line.offset)
            if len(versions[record]) > 1:
                newest[record], fits[record] = line.data, _is_before(value, before)
    edits: Edits = {}
    for record, data in newest.items():
        if fits[record]:
            edits |= {versions[record][0]: data} | dict.fromkeys(versions[record][1:])
    return edits, sum(_saved(line, edits) for line in read_lines(path) if line.offset in edits)


def _saved(line: Line, edits: Edits) -> int:
    new = edits[line.offset]
    return len(line.data) + 1 if new is None else len(line.data) - len(new)


def _is_before(value: dict[str, Any], moment: datetime) -> bool:
    try:
        return parse_time(value.get("timestamp")) < moment
    except (TypeError, ValueError, OverflowError):
        return False


def _apply(path: Path, edits: Edits) -> None:
    """Part by part, the oldest first: a version is in its new place before it leaves its old one.

    So a crash between two parts leaves it twice, which readers fold. Offsets were counted before, and a rotation since
    does not change them.
    """
    begin = 0
    for part in (*rotated(path), path):
        old = read_small(part, _LARGEST)
        if old is None:
            continue
        new = _edited(old, begin, edits)
        if new != old:
            replace_file(part, new, FILE_MODE)
        begin += len(old)


def _edited(old: bytes, offset: int, edits: Edits) -> bytes:
    kept = []
    for line in io.BytesIO(old):  # which ends lines at a newline alone
        new = edits.get(offset, line)
        if new is not None:
            kept.append(new if new is line else new + b"\n")
        offset += len(line)
    return b"".join(kept)
