"""How well are the lines of one file? Counted in one pass, without a lock."""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from orchestrator_mcp.records.base import parse_time

from .files import CHUNK, open_plain, refusals
from .lines import parse_object, read_lines
from .reading import parsed


@dataclass
class LineHealth:
    """What one file of JSON lines holds.

    `bad`: lines that no reader can use, the first of them at line `first_bad`. `torn`: bytes after the last newline.
    `newest`: the latest time that a line names.
    """

    lines: int = 0
    bad: int = 0
    first_bad: int | None = None
    torn: int = 0
    newest: datetime | None = None

    def note(self, moment: datetime | None) -> None:
        """Take in the time of one line."""
        if moment is not None and (self.newest is None or moment > self.newest):
            self.newest = moment


class Fragments(NamedTuple):
    """What a quarantine holds: how many torn lines, how many bytes of them, and since when."""

    lines: int
    bytes: int
    first: datetime | None


def examine_lines(path: Path, model: type[BaseModel] | None) -> LineHealth:
    """Read a file once, and judge each line as its reader would.

    Args:
        path: the file.
        model: what each line holds; None if any JSON object will do.

    Raises:
        StorageError: (and its kin) if it cannot be read.
    """
    found = LineHealth()
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb", buffering=CHUNK) as file, refusals("reading", path):
        for number, data in enumerate(file, 1):
            if not data.endswith(b"\n"):
                found.torn = len(data)
            elif data.strip():
                found.lines += 1
                _judge(found, number, data, model)
    return found


def examine_quarantine(path: Path) -> Fragments:
    """What was set aside because it could not be read."""
    notes = list(_notes(path))
    first = min((moment for moment, _ in notes if moment is not None), default=None)
    return Fragments(len(notes), sum(size for _, size in notes), first)


def _judge(found: LineHealth, number: int, data: bytes, model: type[BaseModel] | None) -> None:
    record = parse_object(data) if model is None else parsed(model, data)
    if record is None:
        found.bad += 1
        found.first_bad = found.first_bad or number
    elif isinstance(record, dict):
        found.note(_time(record.get("timestamp")))
    else:
        found.note(getattr(record, "timestamp", None))


def _notes(path: Path) -> Iterator[tuple[datetime | None, int]]:
    """When each fragment was set aside, and its length."""
    for line in read_lines(path):
        value = parse_object(line.data) or {}
        try:
            size = len(base64.b64decode(str(value.get("bytes_b64", ""))))
        except ValueError:
            size = len(line.data)
        yield _time(value.get("at")), size


def _time(value: Any) -> datetime | None:
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        return None
