"""What lies in the store: names, kinds, modes, owners and times; nothing is opened, followed or changed."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError, UnsafePathError

from .files import FILE_MODE, FOLDER_MODE, is_staged, refusals
from .store import IGNORE_FILE, OUR_NAMES
from .trees import DEEPEST

OPEN_TO_OTHERS = 0o077


class Kind(StrEnum):
    """What has a name."""

    FILE = "plain file"
    FOLDER = "folder"
    LINK = "symbolic link"
    OTHER = "device, pipe or socket"


_WANTED = {Kind.FILE: FILE_MODE, Kind.FOLDER: FOLDER_MODE}
_ORIGINAL = re.compile(r"migration_backup/[^/]+/originals/.")


@dataclass(frozen=True)
class Entry:
    """One name in the store. `name` is relative to `.orchestrator/`, with forward slashes, and need not be UTF-8."""

    name: str
    path: Path
    kind: Kind
    info: os.stat_result

    @property
    def is_foreign(self) -> bool:
        """Whether it belongs to another user."""
        return hasattr(os, "geteuid") and self.info.st_uid != os.geteuid()

    @property
    def is_too_deep(self) -> bool:
        """Whether it lies deeper than anything of ours: it came with a clone, or the like."""
        return self.name.count("/") > DEEPEST

    @property
    def is_open(self) -> bool:
        """Whether its mode lets others in."""
        return self._has_our_mode and bool(self.info.st_mode & OPEN_TO_OTHERS)

    @property
    def is_locked_out(self) -> bool:
        """Whether its own mode keeps even us from reading or writing it."""
        wanted = _WANTED.get(self.kind, 0)
        return self._has_our_mode and self.info.st_mode & wanted != wanted

    @property
    def _has_our_mode(self) -> bool:
        """Originals in a backup keep the modes they had: a rollback gives them back."""
        return self.kind in _WANTED and hasattr(os, "geteuid") and not _ORIGINAL.match(self.name)


@dataclass(frozen=True)
class Inspection:
    """Everything of ours in the store, what else has a name there, and what could not be listed."""

    ours: list[Entry]
    neighbours: list[Entry]
    unread: list[str]


def inspect(store: Path) -> Inspection:
    """Look at the store. Of what is not ours only the first name is seen: it may be large, and is not our business."""
    found = Inspection([], [], [])
    for entry in _entries(store, "", found.unread):
        if entry.name in {*OUR_NAMES, IGNORE_FILE} or is_staged(entry.name):
            found.ours.append(entry)
            found.ours.extend(_beneath(entry, found.unread))
        else:
            found.neighbours.append(entry)
    return found


def look_at(path: Path, name: str) -> Entry:
    """One name.

    Raises:
        NotFoundError: if nothing has it.
    """
    with refusals("looking at", path):
        info = path.lstat()
    kinds = ((stat.S_ISREG, Kind.FILE), (stat.S_ISDIR, Kind.FOLDER), (stat.S_ISLNK, Kind.LINK))
    return Entry(name, path, next((kind for fits, kind in kinds if fits(info.st_mode)), Kind.OTHER), info)


def make_private(entry: Entry) -> int:
    """Close a plain file or folder of ours to everybody but its owner; returns the mode it has now.

    Raises:
        UnsafePathError: if something else stands there by now.
        StorageError: if the operating system refuses.
    """
    mode = stat.S_IMODE(entry.info.st_mode) & ~OPEN_TO_OTHERS | _WANTED[entry.kind]
    if look_at(entry.path, entry.name).kind is not entry.kind:
        raise UnsafePathError(f"{entry.path} is no longer a {entry.kind}, so it is left alone. Look at it.")
    with refusals("making private", entry.path):
        os.chmod(entry.path, mode)
    return mode


def _beneath(folder: Entry, unread: list[str]) -> Iterator[Entry]:
    waiting = [folder]
    while waiting:
        entry = waiting.pop()
        if entry is not folder:
            yield entry
        if entry.kind is Kind.FOLDER:
            waiting += reversed(_entries(entry.path, f"{entry.name}/", unread))


def _entries(folder: Path, prefix: str, unread: list[str]) -> list[Entry]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        unread.append(f"{prefix or '.'}: {os.strerror(error.errno or 0)}")
        return []
    found = []
    for name in names:
        with contextlib.suppress(NotFoundError):  # gone since it was listed
            found.append(look_at(folder / name, prefix + name))
    return found
