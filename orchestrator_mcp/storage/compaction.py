"""Compaction: superseded versions of records leave a stream. What it says, and in which order, stays the same."""

import contextlib
import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from orchestrator_mcp.errors import NotFoundError, OrchestratorError
from orchestrator_mcp.records.base import Model

from .files import FILE_MODE, is_folder, read_small, replace_file
from .lines import Line, LineFile, parse_object, read_lines
from .locks import FolderLock
from .parts import rotated
from .reading import parsed

_LARGEST = 1 << 32

Guard = Callable[[], AbstractContextManager[None]]
Edits = dict[int, bytes | None]
"""What becomes of the lines at some offsets: other content, or nothing."""


class Compacted(NamedTuple):
    """What left one stream."""

    path: Path
    lines: int
    bytes: int


def compact_folder(
    folder: Path, streams: Mapping[str, type[Model]], before: datetime, *, archived: bool = False, dry_run: bool
) -> tuple[list[Compacted], list[str]]:
    """Compact the streams of one session's folder; for whoever holds the store lock, which keeps erasure away.

    Args:
        folder: the session's.
        streams: the model of each of its files.
        before: only records whose newest version is dated earlier; younger ones keep all their versions.
        archived: whether it lies in the archive, where nobody else writes and no lock may be left.
        dry_run: only say what would leave.

    Returns:
        The streams that lost something, and why others were left alone, as sentences.
    """
    done: list[Compacted] = []
    problems: list[str] = []
    lock = FolderLock(folder / "lock")
    guard = contextlib.nullcontext if archived else lock.held
    try:
        for name, model in streams.items():
            if is_folder((folder / name).parent):
                try:
                    one = _compact(LineFile(folder / name, lock), model, guard, before, dry_run=dry_run)
                    done += [one] if one.lines else []
                except NotFoundError:  # it was removed, or archived, meanwhile
                    break
                except OrchestratorError as error:
                    problems.append(f"Left as it is: {error}")
    finally:
        lock.close()
    return done, problems


def _compact(file: LineFile, model: type[Model], guard: Guard, before: datetime, *, dry_run: bool) -> Compacted:
    edits, saved = _edits(file.path, model, before)
    if edits and not dry_run:
        with guard():
            file.heal_locked()
            _apply(file.path, edits)
    return Compacted(file.path, sum(new is None for new in edits.values()), saved)


def _edits(path: Path, model: type[Model], before: datetime) -> tuple[Edits, int]:
    """The newest version of a record takes the place of its first; the others go. Also: how many bytes that saves.

    A record of which any version cannot be read keeps them all: readers and writers differ about its newest.
    """
    versions: dict[str, list[int]] = {}
    newest: dict[str, bytes] = {}
    recent: dict[str, bool] = {}
    kept: set[str] = set()
    for line in read_lines(path):
        record = parsed(model, line.data)
        if record is None:
            kept.add(str((parse_object(line.data) or {}).get("id")))
        elif record_id := getattr(record, "id", None):  # without one, each is its own for readers
            versions.setdefault(record_id, []).append(line.offset)
            newest[record_id], recent[record_id] = line.data, getattr(record, "timestamp", before) >= before
    edits: Edits = {}
    for record_id, offsets in versions.items():
        if len(offsets) > 1 and not recent[record_id] and record_id not in kept:
            edits |= {offsets[0]: newest[record_id]} | dict.fromkeys(offsets[1:])
    return edits, sum(_saved(line, edits) for line in read_lines(path) if line.offset in edits)


def _saved(line: Line, edits: Edits) -> int:
    new = edits[line.offset]
    return len(line.data) + 1 if new is None else len(line.data) - len(new)


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
