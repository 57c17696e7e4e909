"""The storage parts under test, and mutants of them: each lacks one thing that the protocol needs."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage import files, lines
from orchestrator_mcp.storage.files import replace_file
from orchestrator_mcp.storage.flusher import Flusher
from orchestrator_mcp.storage.lines import Line, LineFile, parse_object, read_lines
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.streams import Stream

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

Reader = Callable[[Path], Iterator[Line]]


class Quiet(Flusher):
    """Leaves what is not synced at once unsynced: no timers in tests."""

    def mark(self, file: LineFile) -> None:
        pass


QUIET = Quiet()


class Idle(Flusher):
    """Syncs nothing: most of these stores are gone within a second."""

    def __init__(self) -> None:
        pass

    def mark(self, file: LineFile) -> None:
        pass


_IDLE = Idle()


@dataclass(frozen=True)
class Kit:
    """What a check runs over."""

    name: str = "real"
    line_file: type[LineFile] = LineFile
    lock: type[FolderLock] = FolderLock
    stream: type[Stream[Failure]] = Stream
    replace: Callable[[Path, bytes], None] = replace_file
    read: Reader = read_lines

    def open(self, path: Path, deadline: float = 30.0) -> LineFile:
        return self.line_file(path, self.lock(path.parent / "lock", deadline))

    def open_stream(self, folder: Path, *, durable: bool = False) -> Stream[Failure]:
        path = folder / "failures.jsonl"
        file = self.open(path)
        stream = self.stream(Failure, path, file.lock, lambda value: value, QUIET, durable=durable)
        stream._file = file
        return stream


class NoLock(FolderLock):
    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        yield


class Slow(LineFile):
    """Changes nothing but the time between looking for the end and writing there: what has no lock then shows it."""

    def _healed_end(self, fd: int) -> int:
        end = super()._healed_end(fd)
        time.sleep(1e-4)
        return end


class NoThreadLock(FolderLock):
    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        fd = self._fd if self._fd is not None else self._open()
        self._wait(fd, 1e12)
        try:
            yield
        finally:
            self._release(fd)


class NoInodeCheck(FolderLock):
    def _is_still(self, fd: int) -> bool:
        return True


class KeptOverFork(FolderLock):
    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self._pid = os.getpid()
        with super().held():
            yield


class NoHeal(LineFile):
    def _healed_end(self, fd: int) -> int:
        return os.fstat(fd).st_size


class HealByNewlineOnly(LineFile):
    def _heal(self, fd: int, end: int) -> int:
        os.pwrite(fd, b"\n", end)
        return end + 1


class HealByCutting(LineFile):
    def _heal(self, fd: int, end: int) -> int:
        start = lines._line_start(fd, end)
        os.ftruncate(fd, start)
        return start


class HealTrustsAnyRest(LineFile):
    """Takes what a half-finished healer left for a record."""

    def _heal(self, fd: int, end: int) -> int:
        start = lines._line_start(fd, end)
        fragment = os.pread(fd, end - start, start)
        if parse_object(fragment) is None and fragment.strip(b" "):
            self._quarantine(fragment, start)
            lines.write_all(fd, b" " * len(fragment), start)
        os.pwrite(fd, b"\n", end)
        return end + 1


class NoQuarantine(LineFile):
    def _quarantine(self, fragment: bytes, offset: int) -> None:
        pass


class NoCutBack(LineFile):
    def append_locked(self, data: bytes) -> int:
        with files.refusals("appending to", self.path):
            fd = self._current()
            end = self._healed_end(fd)
            lines.write_all(fd, data, end)
        return end


class OneBite(LineFile):
    """Trusts that one call writes everything."""

    def append_locked(self, data: bytes) -> int:
        with files.refusals("appending to", self.path):
            fd = self._current()
            end = self._healed_end(fd)
            os.pwrite(fd, data, end)
        return end


class AcknowledgesFirst(LineFile):
    """Returns before it has written; the next call writes."""

    waiting = b""

    def append(self, data: bytes) -> int:
        data, self.waiting = self.waiting, data
        return super().append(data) if data else 0

    def sync(self) -> None:
        if self._open is not None:
            super().sync()


class NoReopen(LineFile):
    def _is_still(self, fd: int) -> bool:
        return True


class NoSync(LineFile):
    def sync(self) -> None:
        pass


class NameNotSynced(LineFile):
    def sync(self) -> None:
        if self._open is not None:
            self._open.name_is_synced = True
        super().sync()


class NameSyncedByMakerOnly(LineFile):
    """Believes that whoever made the file has synced its name."""

    def _current(self) -> int:
        existed = self.size() > 0
        fd = super()._current()
        assert self._open is not None
        self._open.name_is_synced |= existed
        return fd


class SyncsAgainOnly(LineFile):
    """Takes the second sync, after a failed one, for a proof."""

    def rewrite_locked(self, line: Line) -> None:
        pass


class LooksBeforeHealing(Stream[Failure]):
    def _take_in_all(self) -> None:
        self._seen.grow()


class LooksBeforeLocking(Stream[Failure]):
    def _take_in_all(self) -> None:
        pass


def _replace_without(*skipped: str) -> Callable[[Path, bytes], None]:
    def replace_badly(path: Path, data: bytes) -> None:
        staged = path.with_name(f".{path.name}.0123456789abcdef.tmp")
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        files.write_all(fd, data, 0)
        if "file" not in skipped:
            os.fsync(fd)
        os.close(fd)
        os.replace(staged, path)
        if "folder" not in skipped:
            files.sync_folder(path.parent)

    return replace_badly


def _replace_in_place(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.ftruncate(fd, 0)
    files.write_all(fd, data, 0)
    os.fsync(fd)
    os.close(fd)
    files.sync_folder(path.parent)


def _read_splitting_at_unicode(path: Path) -> Iterator[Line]:
    try:
        fd = files.open_plain(path, os.O_RDONLY)
    except NotFoundError:
        return
    with os.fdopen(fd, "rb") as file:
        for number, text in enumerate(file.read().decode("utf-8", "replace").splitlines()):
            if text.strip():
                yield Line(number, text.encode())


def _read_torn_tails_too(path: Path) -> Iterator[Line]:
    for number, data in enumerate(path.read_bytes().split(b"\n")):
        if data.strip():
            yield Line(number, data)


REAL = Kit()

SYNCS_AGAIN_ONLY = replace(REAL, name="a sync after a failed one is believed", line_file=SyncsAgainOnly)
"""Apart, for its one check needs a disk whose sync fails."""

MUTANTS = {
    kit.name: kit
    for kit in (
        replace(REAL, name="no lock", lock=NoLock, line_file=Slow),
        replace(REAL, name="no lock between threads", lock=NoThreadLock),
        replace(REAL, name="no look whether the lock file is still there", lock=NoInodeCheck),
        replace(REAL, name="lock kept over a fork", lock=KeptOverFork),
        replace(REAL, name="no heal", line_file=NoHeal),
        replace(REAL, name="heal by a newline only", line_file=HealByNewlineOnly),
        replace(REAL, name="heal by cutting", line_file=HealByCutting),
        replace(REAL, name="heal trusts any rest", line_file=HealTrustsAnyRest),
        replace(REAL, name="no quarantine", line_file=NoQuarantine),
        replace(REAL, name="no cut-back", line_file=NoCutBack),
        replace(REAL, name="one bite", line_file=OneBite),
        replace(REAL, name="acknowledged before written", line_file=AcknowledgesFirst),
        replace(REAL, name="no reopen after rotation", line_file=NoReopen),
        replace(REAL, name="no sync", line_file=NoSync),
        replace(REAL, name="name not synced", line_file=NameNotSynced),
        replace(REAL, name="name synced by its maker only", line_file=NameSyncedByMakerOnly),
        replace(REAL, name="request looked up before healing", stream=LooksBeforeHealing),
        replace(REAL, name="request looked up before locking", stream=LooksBeforeLocking),
        replace(REAL, name="replace without fsync", replace=_replace_without("file")),
        replace(REAL, name="replace without folder fsync", replace=_replace_without("folder")),
        replace(REAL, name="replace in place", replace=_replace_in_place),
        replace(REAL, name="lines split at U+2028", read=_read_splitting_at_unicode),
        replace(REAL, name="torn tails read", read=_read_torn_tails_too),
    )
}

KITS = {REAL.name: REAL} | MUTANTS
