"""Where does a file hold each request id, and the newest version of each record?"""

import threading
from pathlib import Path
from typing import Any

from .files import refusals
from .lines import Line, parse_object, read_lines
from .parts import Extent, extent


class Lookup:
    """Where one file holds each request id and record id, grown from where it was last read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._growing = threading.Lock()  # threads read before they hold the folder's lock
        self._forget()

    def _forget(self) -> None:
        self._inodes: tuple[str, ...] = ()
        self._offset = 0
        self._by_request: dict[str, int] = {}
        self._newest: dict[str, int] = {}

    def grow(self) -> None:
        """Take in what was appended since; a file that was replaced is read again from its start."""
        with self._growing, refusals("looking at", self._path):
            there = extent(self._path)
            if there is not None:
                self._take_in(there)

    def _take_in(self, there: Extent) -> None:
        if not there.continues(self._inodes) or there.size < self._offset:
            self._forget()
        self._inodes = there.inodes
        for line in read_lines(self._path, self._offset):
            self._note(line.offset, parse_object(line.data) or {})
            self._offset = line.offset + len(line.data) + 1

    def of_request(self, request: str) -> dict[str, Any] | None:
        """The fields of the record that a request stored, as it stored them."""
        return _fields(self.line_of_request(request), "request_id", request)

    def newest(self, record_id: str) -> dict[str, Any] | None:
        """The fields of a record's newest version."""
        return _fields(self.newest_line(record_id), "id", record_id)

    def line_of_request(self, request: str) -> Line | None:
        """The line that a request appended."""
        return self._at(self._by_request.get(request))

    def newest_line(self, record_id: str) -> Line | None:
        """The line of a record's newest version."""
        return self._at(self._newest.get(record_id))

    def _note(self, offset: int, value: dict[str, Any]) -> None:
        if isinstance(value.get("request_id"), str):
            self._by_request.setdefault(value["request_id"], offset)  # later revisions carry it too
        if isinstance(value.get("id"), str):
            self._newest[value["id"]] = offset

    def _at(self, offset: int | None) -> Line | None:
        return None if offset is None else next(read_lines(self._path, offset), None)


def _fields(line: Line | None, name: str, value: str) -> dict[str, Any] | None:
    """What a line says; None if it is not the line that was meant, because the file was replaced since it was read."""
    found = parse_object(line.data) if line else None
    return found if found and found.get(name) == value else None
