"""The disk below the store: how much room it has, what kind it is, and whether its locks exclude."""

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from filelock import lock_descriptor, unlock_descriptor

from .files import open_plain, refusals

_MOUNTS = Path("/proc/self/mounts")
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Room(NamedTuple):
    """What is free for this user. `inodes`: how many more files; None where the disk sets no limit of its own."""

    bytes: int
    inodes: int | None


def room(folder: Path) -> Room:
    """The room on the disk that holds a folder, or its nearest parent that exists.

    Raises:
        StorageError: if the operating system refuses.
    """
    folder = _existing(folder)
    with refusals("measuring the disk of", folder):
        if not hasattr(os, "statvfs"):
            return Room(shutil.disk_usage(folder).free, None)
        found = os.statvfs(folder)
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


def is_read_only(folder: Path) -> bool:
    """Whether the disk that holds a folder takes no writes at all."""
    with refusals("measuring the disk of", folder):
        return hasattr(os, "statvfs") and bool(os.statvfs(_existing(folder)).f_flag & os.ST_RDONLY)


def is_writable(folder: Path) -> bool:
    """Whether this user may write in a folder."""
    return os.access(folder, os.W_OK)


def is_one_disk(one: Path, other: Path) -> bool:
    """Whether two folders lie on the same file system.

    Raises:
        StorageError: (and its kin) if the operating system refuses.
    """
    with refusals("looking at", one):
        return one.stat().st_dev == other.stat().st_dev


def file_system(folder: Path) -> str | None:
    """The type of the file system that a folder lies on, such as `ext4`; None where that cannot be told."""
    try:
        lines = [line.split() for line in _MOUNTS.read_bytes().splitlines()]
    except OSError:
        return None
    folder = _existing(folder)
    at = {_unescaped(words[1]): words[2].decode("ascii", "replace") for words in lines}  # the last mount is on top
    above = [where for where in (folder, *folder.parents) if where in at]
    return at[above[0]] if above else None


def excludes(lock: Path) -> bool | None:
    """Whether a lock on an existing file keeps a second one out. It is tried, for microseconds, and nothing is written.

    Returns:
        None if there is no such file.

    Raises:
        StorageError: if the operating system refuses to lock at all, as some network file systems do.
    """
    if not os.path.lexists(lock):
        return None
    with contextlib.ExitStack() as stack, refusals("locking", lock):
        first, second = (open_plain(lock, os.O_RDWR) for _ in range(2))
        stack.callback(os.close, first)
        stack.callback(os.close, second)
        if not lock_descriptor(first, blocking=False):
            return True  # somebody holds it, and we were kept out
        stack.callback(unlock_descriptor, first)
        if not lock_descriptor(second, blocking=False):
            return True
        unlock_descriptor(second)
        return False


def _existing(folder: Path) -> Path:
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112  is_dir raises where we may not look
        folder = folder.parent
    return folder


def _unescaped(name: bytes) -> Path:
    return Path(os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), name)))
