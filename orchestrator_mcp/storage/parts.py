"""A stream's parts: what was rotated out of it, the oldest first, then the file that grows. They read as one file.

A rotated part is `rotated/<n>/<name>` beside the file, whose name it keeps. It ends with a whole line and never grows
again, so an offset, counted from the beginning of the oldest part, stays true when the file is rotated.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orchestrator_mcp.errors import NotFoundError

from .files import CHUNK, is_folder, make_folder, open_plain, sync_folder

ROTATED = "rotated"


class Extent(NamedTuple):
    """What tells a stream that only grew from one that was rewritten: the inodes of its parts in order, its size."""

    inodes: tuple[str, ...]
    size: int
    mtime_ns: int

    def continues(self, inodes: tuple[str, ...]) -> bool:
        """Whether all that was there then is there still; it may have been rotated since."""
        return self.inodes[: len(inodes)] == inodes


def rotated(path: Path) -> list[Path]:
    """The parts that were rotated out of a file, the oldest first. Links are not followed."""
    folder = os.path.join(os.path.dirname(path), ROTATED)  # noqa: PTH118, PTH120  asked for each stream of each session
    if not os.access(folder, os.F_OK):
        return []
    found = (Path(folder, str(number), path.name) for number in _numbers(folder))
    return [part for part in found if os.path.lexists(part)]


def _numbers(folder: str) -> list[int]:
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return []
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(one.name) for one in entries if _is_number(one.name) and one.is_dir(follow_symlinks=False))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and name == str(int(name[:9]))


def extent(path: Path) -> Extent | None:
    """How far a stream reaches; None if there is nothing of it.

    Raises:
        OSError: if the operating system refuses.
    """
    infos = []
    for part in [*rotated(path), path]:
        with suppress(FileNotFoundError, NotADirectoryError):
            infos.append(os.lstat(part))
    if not infos:
        return None
    inodes = tuple(f"{info.st_dev}:{info.st_ino}" for info in infos)
    return Extent(inodes, sum(info.st_size for info in infos), infos[-1].st_mtime_ns)


def first_part(path: Path) -> Path:
    """The part in which a stream begins."""
    return next(iter(rotated(path)), path)


def start_of(path: Path) -> int:
    """Where, in the stream, the file that grows begins; for whoever holds its lock."""
    return sum(os.lstat(part).st_size for part in rotated(path))


def opened_parts(path: Path, stack: ExitStack) -> Iterator[tuple[BinaryIO, int]]:
    """Every part, open for as long as `stack` is, with where it begins in the stream.

    The file that grows is opened before the others are looked for: if it is rotated in between it is found among
    them, and is the last that is read.
    """
    current = _opened(path, stack)
    begin = 0
    for part in rotated(path):
        file = _opened(part, stack)
        if file is not None:
            yield file, begin
            begin += os.fstat(file.fileno()).st_size
            if current is not None and os.path.sameopenfile(file.fileno(), current.fileno()):
                return
    if current is not None:
        yield current, begin


def _opened(path: Path, stack: ExitStack) -> BinaryIO | None:
    try:
        fd = open_plain(path, os.O_RDONLY)
    except NotFoundError:
        return None
    return stack.enter_context(os.fdopen(fd, "rb", buffering=CHUNK))


def rotate(path: Path, fd: int) -> None:
    """Put a file among the parts, durably; for whoever holds its lock and has healed it. The next append makes another.

    What other processes wrote and did not sync yet is synced here: they will sync its successor. A file after whose
    parts there is no number left stays where it is, and grows.
    """
    number = _next_number(path)
    if not _is_number(str(number)):
        return
    os.fsync(fd)
    target = path.parent / ROTATED / str(number) / path.name
    make_folder(target.parent)
    os.rename(path, target)
    sync_folder(target.parent)
    sync_folder(path.parent)


def _next_number(path: Path) -> int:
    """The first free one after all of the file's parts. Folders in which it has none may bear any number."""
    number = max((int(part.parent.name) for part in rotated(path)), default=0) + 1
    while os.path.lexists(path.parent / ROTATED / str(number)) and not is_folder(path.parent / ROTATED / str(number)):
        number += 1
    return number
