"""Which lines say so? Found in the index, and read again from their files."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .database import listed
from .lines import parse_object, read_lines
from .queries import Span, where


class Place(NamedTuple):
    """Where a line is, and when it was written."""

    ts: int | None
    record: str
    file: int
    offset: int


class Located(NamedTuple):
    """One line, read again from its file."""

    record: str
    stream: str
    value: dict[str, Any]


def first_line(db: sqlite3.Connection, key_id: int) -> Located | None:
    """The oldest line of a key."""
    row = db.execute(
        "SELECT files.path, files.stream, entries.record, entries.offset FROM entries"
        " JOIN files ON files.id = entries.file WHERE key = ?1 AND hit"
        " AND ts IS (SELECT MIN(first) FROM tallies WHERE key = ?1) ORDER BY record LIMIT 1",
        (key_id,),
    ).fetchone()
    return None if row is None else _read(*row)


def newest_lines(db: sqlite3.Connection, keys: Sequence[int], span: Span, limit: int) -> list[Located]:
    """The newest lines of some keys, read from their files."""
    places = newest_places(db, keys, span, limit)
    return [line for place in places if (line := read_line(db, place))]


def newest_places(db: sqlite3.Connection, keys: Sequence[int], span: Span, limit: int) -> list[Place]:
    """Where the newest lines of some keys are.

    They are among the newest of those keys that were seen last, so that a group of many keys is not sorted whole.
    """
    terms, values = where(span, None)
    last = db.execute(
        "SELECT value, (SELECT MAX(ts) FROM entries WHERE key = value) AS seen FROM json_each(?)"
        " ORDER BY seen DESC, value LIMIT ?",
        (listed(keys), limit if span == (None, None) else -1),
    ).fetchall()
    places = [
        Place(*row)
        for key, _ in last
        for row in db.execute(
            "SELECT ts, record, file, offset FROM entries"
            f" WHERE key = ? AND hit AND {terms} ORDER BY ts DESC, record DESC LIMIT ?",
            (key, *values, limit),
        )
    ]
    return newest_first(places)[:limit]


def newest_first(places: Iterable[Place]) -> list[Place]:
    """Places by time, undated ones last; at the same time by record."""
    return sorted(places, key=lambda one: (one.ts is not None, one.ts or 0, one.record), reverse=True)


def read_line(db: sqlite3.Connection, place: Place) -> Located | None:
    """The line at a place, read again from its file; None if it is gone."""
    row = db.execute("SELECT path, stream FROM files WHERE id = ?", (place.file,)).fetchone()
    return _read(row[0], row[1], place.record, place.offset) if row else None


def _read(path: bytes, stream: str, record: str, offset: int) -> Located | None:
    line = next(read_lines(Path(os.fsdecode(path)), offset), None)
    value = parse_object(line.data) if line else None
    return None if value is None else Located(record, stream, value)
