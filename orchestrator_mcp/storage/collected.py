"""What a collector keeps: one event a line, each id once, on the disk before it is acknowledged."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import StorageFullError

from .files import make_folder, refusals
from .lines import LineFile, encode_line, parse_object, read_lines
from .locks import FolderLock
from .parts import extent

FILE = "events.jsonl"
LARGEST = 1 << 30
"""Bytes that strangers may fill. Whoever reviews them moves a full folder's files away, and collecting begins anew."""


class Collected:
    """Events in a folder. Several processes may share it, and any of them may be killed at any instant."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path = folder.absolute() / FILE
        self._lock = FolderLock(folder.absolute() / "lock")
        self._file = LineFile(self.path, self._lock)
        self._growing = threading.Lock()
        self._inodes: tuple[str, ...] = ()
        self._ids: set[str] = set()
        self._read = 0
        self._grow()

    def take(self, events: list[dict[str, Any]]) -> int:
        """Keep the events whose ids are new; returns how many. All are on the disk then.

        Killed before, it leaves some of them, each whole; sending the batch again adds the rest.

        Raises:
            StorageFullError: if there is no room, or the folder holds as much as it may.
            UncertainWriteError: if the disk does not confirm; sending again is harmless.
        """
        with self._lock.held():
            self._file.heal_locked()
            self._grow()
            new = {one["id"]: one for one in events if one["id"] not in self._ids}
            if self._read > LARGEST:
                raise StorageFullError(f"{self.path.parent} is full. Move the folder's files away; new ones begin.")
            if new:
                self._file.append_locked(b"".join(map(encode_line, new.values())))
        self._file.sync()  # what is known was perhaps written by one who was killed before the disk confirmed
        return len(new)

    def _grow(self) -> None:
        """Take in what was appended since, by whomever; after files were moved away, what is there now."""
        with self._growing, refusals("looking at", self.path):
            there = extent(self.path)
            if there is None or not there.continues(self._inodes) or there.size < self._read:
                self._ids, self._read = set(), 0
            self._inodes = there.inodes if there else ()
            for line in self._new_lines():
                self._ids.add(str((parse_object(line) or {}).get("id")))

    def _new_lines(self) -> Iterator[bytes]:
        for line in read_lines(self.path, self._read):
            self._read = line.offset + len(line.data) + 1
            yield line.data
