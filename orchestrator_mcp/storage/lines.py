"""JSON lines on disk: the append protocol, healing, and reading without locks.

The promise: after a crash at any instant every acknowledged line is whole and parses, and at most one torn tail
exists, which the next appender heals. Files never shrink, except back to where a failed write began.
"""

import base64
import contextlib
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from orchestrator_mcp.errors import InvalidInputError, UncertainWriteError
from orchestrator_mcp.records.base import MAX_RECORD_BYTES, format_time

from .files import is_at, open_plain, refusals, sync_folder, write_all
from .locks import FolderLock
from .parts import opened_parts, rotate, start_of

ROTATE_AT = 32 << 20
"""Bytes that a file may hold; the append that would go beyond puts it among the rotated parts first."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line of a stream, without its newline, and where it begins."""

    offset: int
    data: bytes


def encode_line(value: dict[str, Any]) -> bytes:
    """Serialise one record: compact, UTF-8, no NaN, no lone surrogates, a newline at the end.

    Raises:
        InvalidInputError: if it cannot be written as JSON, or is longer than 256 kB.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"This cannot be stored as JSON ({error}). Send plain text and numbers.") from error
    data = text.encode("utf-8", "replace") + b"\n"  # a lone surrogate becomes a question mark
    if len(data) > MAX_RECORD_BYTES:
        raise InvalidInputError(
            f"The record has {len(data):,} bytes; at most {MAX_RECORD_BYTES:,} can be stored. Shorten its texts."
        )
    return data


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in one line, or None if it is none. A lone surrogate, which no text may hold, becomes `?`."""
    try:
        value = json.loads(data.removeprefix(_MARK).decode())  # of bytes, json would guess: UTF-16, raw surrogates
        if _SURROGATE.search(data):
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_lines(path: Path, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """Every finished line from byte `start` to `end`, without a lock. Blank lines are left out.

    Lines end at a newline alone: U+2028 and its like may stand inside a JSON string. A torn tail is not a line.
    Rotated parts are read first, and offsets count from the beginning of the oldest.
    """
    with contextlib.ExitStack() as stack, refusals("reading", path):
        for file, begin in opened_parts(path, stack):
            if begin + os.fstat(file.fileno()).st_size > start:
                yield from _lines_of(file, begin, max(begin, start), end)


def _lines_of(file: BinaryIO, begin: int, offset: int, end: int | None) -> Iterator[Line]:
    file.seek(offset - begin)
    for data in file:
        if not data.endswith(b"\n") or (end is not None and offset >= end):
            return
        if data.strip():
            yield Line(offset, data[:-1])
        offset += len(data)


class _Descriptor:
    """An open file, closed when nobody uses it any more: one thread may sync it while another opens its successor."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name_is_synced = False

    def __del__(self) -> None:
        os.close(self.number)


class LineFile:
    """One file of JSON lines that many processes append to.

    Args:
        path: the file; created on first append.
        lock: the lock of its folder.
    """

    rotate_at = ROTATE_AT

    def __init__(self, path: Path, lock: FolderLock) -> None:
        self.path = path
        self.lock = lock
        self._open: _Descriptor | None = None

    def append(self, data: bytes) -> int:
        """Append one encoded line under the lock; returns where it begins in the file."""
        with self.lock.held():
            return self.append_locked(data)

    def append_locked(self, data: bytes) -> int:
        """Append while the caller holds the lock: heal the tail, write at the known end, cut back on failure."""
        with refusals("appending to", self.path):
            fd = self._current()
            end = self._healed_end(fd)
            if end and end + len(data) > self.rotate_at:
                rotate(self.path, fd)
                fd = self._current()
                end = os.fstat(fd).st_size
            try:
                write_all(fd, data, end)
            except BaseException:
                if os.fstat(fd).st_size < end + len(data):  # a whole line may have been read by now: it stays
                    os.ftruncate(fd, end)
                raise
        return end

    def heal_locked(self) -> None:
        """Finish or blank a torn tail while the caller holds the lock, so that what it then reads is all there is."""
        if self.size():
            with refusals("healing", self.path):
                self._healed_end(self._current())

    def rewrite_locked(self, line: Line) -> None:
        """Write a line once more, byte for byte, while the caller holds the lock, so that the next sync says something.

        A failed sync leaves pages that pass for clean though they are not on the disk; another process, or this one
        in a retry, would sync them with success. What was rotated out was synced then.
        """
        with refusals("writing again to", self.path):
            offset = line.offset - start_of(self.path)
            if offset >= 0:
                write_all(self._current(), line.data + b"\n", offset)

    def sync(self) -> None:
        """Push what was appended to the disk.

        Raises:
            UncertainWriteError: if that fails. It is not tried again: after a failed sync the kernel may have
                dropped the pages, and a second success would prove nothing.
        """
        file = self._open
        if file is None:
            return
        try:
            getattr(os, "fdatasync", os.fsync)(file.number)
            if not file.name_is_synced:  # whoever made the file may have died before its name was on the disk
                sync_folder(self.path.parent)
                file.name_is_synced = True
        except OSError as error:
            raise UncertainWriteError(
                f"{self.path} was written, but the disk did not confirm it ({os.strerror(error.errno or 0)}). "
                "Retry with the same request id: it is stored once either way."
            ) from error

    def size(self) -> int:
        """The file's length in bytes; 0 if it does not exist."""
        with refusals("looking at", self.path):
            try:
                return os.stat(self.path, follow_symlinks=False).st_size
            except FileNotFoundError:
                return 0

    def close(self) -> None:
        self._open = None

    def _current(self) -> int:
        """A descriptor of the file that has the path now; it may have been rotated since we opened it."""
        if self._open is not None and self._is_still(self._open.number):
            return self._open.number
        self._open = _Descriptor(open_plain(self.path, os.O_RDWR | os.O_CREAT))
        return self._open.number

    def _is_still(self, fd: int) -> bool:
        return is_at(fd, self.path)

    def _healed_end(self, fd: int) -> int:
        end = os.fstat(fd).st_size
        if end == 0 or os.pread(fd, 1, end - 1) == b"\n":
            return end
        return self._heal(fd, end)

    def _heal(self, fd: int, end: int) -> int:
        """Finish or blank the torn tail of a dead writer. The file never shrinks, so readers' offsets hold.

        A fragment that begins with a blank is what a healer killed half-way left: were its rest an object by
        chance, it would still be no record.
        """
        start = _line_start(fd, end)
        fragment = os.pread(fd, end - start, start)
        whole = fragment.startswith(b"{") and parse_object(fragment) is not None
        if not whole and fragment.strip(b" "):
            self._quarantine(fragment, start)
            write_all(fd, b" " * len(fragment), start)
        write_all(fd, b"\n", end)
        return end + 1

    def _quarantine(self, fragment: bytes, offset: int) -> None:
        """Keep what cannot be read, before it is blanked."""
        note = {
            "at": format_time(datetime.now(UTC)),
            "offset": offset,
            "bytes_b64": base64.b64encode(fragment).decode("ascii"),
        }
        line = json.dumps(note, separators=(",", ":")).encode() + b"\n"
        fd = open_plain(self.path.with_name(self.path.name + ".quarantine"), os.O_RDWR | os.O_CREAT)
        try:
            end = _line_start(fd, os.fstat(fd).st_size)  # a note torn by a crash is written again, now whole
            os.ftruncate(fd, end)
            write_all(fd, line, end)
            os.fsync(fd)
            sync_folder(self.path.parent)
        finally:
            os.close(fd)


def _line_start(fd: int, end: int) -> int:
    """Where the last, unfinished line begins."""
    while end > 0:
        begin = max(0, end - 4096)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
