"""Questions to the index: how often, where, when, and the lines that say so."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .intake import writing
from .lines import parse_object, read_lines

Span = tuple[int | None, int | None]
"""From and to, in microseconds since 1970, both included; None is unbounded."""

_LISTED = "(SELECT value FROM json_each(?))"  # a list of any length, bound as one value
_JUST_NOW = 200  # other processes may have been taken in since
_COUNTS = """
 COUNT(*) - SUM(retry), SUM(retry), COUNT(DISTINCT session), COUNT(DISTINCT workflow), COUNT(DISTINCT agent),
 COUNT(DISTINCT COALESCE(-workflow, session)), SUM(severity = 0), SUM(severity = 1), SUM(severity = 2),
 MIN(ts), MAX(ts)"""


class Tally(NamedTuple):
    """How often one kind was seen. `occasions` counts workflows where they are known, else sessions."""

    n: int
    retries: int
    sessions: int
    workflows: int
    agents: int
    occasions: int
    low: int
    medium: int
    high: int
    first: int | None
    last: int | None


class Kind(NamedTuple):
    """One key: the texts that are the same once what varies is masked."""

    key_id: int
    space: str
    key: str
    template: str
    form: str


class Known(NamedTuple):
    """What the whole history says of one kind."""

    n: int
    retries: int
    sessions: int
    first: int | None
    last: int | None


class Totals(NamedTuple):
    """What a window holds."""

    entries: int
    sessions: int
    workflows: int
    undated: int
    bad_lines: int


class Located(NamedTuple):
    """One line, read again from its file."""

    record: str
    stream: str
    value: dict[str, Any]


def recurring(db: sqlite3.Connection, space: str, span: Span, category: str | None) -> dict[int, Tally]:
    """Every key of a space that was seen in a span, with its tally."""
    where, values = _where(span, category)
    rows = db.execute(
        f"SELECT entries.key,{_COUNTS} FROM entries JOIN keys ON keys.id = entries.key"
        f" WHERE space = ? AND hit AND {where} GROUP BY entries.key",
        (space, *values),
    )
    return {row[0]: Tally(*row[1:]) for row in rows}


def tally_of(db: sqlite3.Connection, keys: list[int], span: Span, category: str | None) -> Tally:
    """The tally of several keys taken as one."""
    where, values = _where(span, category)
    row = db.execute(
        f"SELECT {_COUNTS} FROM entries WHERE key IN {_LISTED} AND hit AND {where}",
        (json.dumps(keys), *values),
    ).fetchone()
    return Tally(*(value or 0 for value in row[:9]), *row[9:])


def known(db: sqlite3.Connection, key_ids: list[int]) -> Known:
    """What the whole history says of a kind, without reading its entries."""
    row = db.execute(
        "SELECT COALESCE(SUM(n - retries), 0), COALESCE(SUM(retries), 0), COUNT(DISTINCT session),"
        " MIN(first), MAX(last)"
        f" FROM tallies WHERE key IN {_LISTED}",
        (json.dumps(key_ids),),
    ).fetchone()
    return Known(*row)


def is_retry(db: sqlite3.Connection, record: str) -> bool:
    """Whether a record that was just taken in is the same call made twice."""
    latest = f"SELECT record, retry FROM entries ORDER BY id DESC LIMIT {_JUST_NOW}"
    return db.execute(f"SELECT 1 FROM ({latest}) WHERE record = ? AND retry", (record,)).fetchone() is not None


def find_key(db: sqlite3.Connection, space: str, key: str) -> int | None:
    """The id of a key, if it was ever seen."""
    row = db.execute("SELECT id FROM keys WHERE space = ? AND key = ?", (space, key)).fetchone()
    return None if row is None else int(row[0])


def kinds(db: sqlite3.Connection, space: str) -> list[Kind]:
    """Every key of a space, by when it was first seen, whatever order its entries arrived in."""
    rows = db.execute(
        "SELECT id, space, keys.key, template, kind, MIN(first) AS seen FROM keys JOIN tallies ON tallies.key = keys.id"
        " WHERE space = ? GROUP BY id ORDER BY seen IS NULL, seen, keys.key",
        (space,),
    )
    return [Kind(*row[:5]) for row in rows]


def first_line(db: sqlite3.Connection, key_id: int) -> Located | None:
    """The oldest line of a key."""
    row = db.execute(
        "SELECT files.path, files.stream, entries.record, entries.offset FROM entries"
        " JOIN files ON files.id = entries.file WHERE key = ? AND hit ORDER BY ts, record LIMIT 1",
        (key_id,),
    ).fetchone()
    return None if row is None else _read(*row)


def group_of(db: sqlite3.Connection, space: str, key_id: int) -> tuple[str, list[int]] | None:
    """The group that a key was last put in, with all keys of it; None if it was not grouped yet."""
    row = db.execute("SELECT grp FROM groups WHERE space = ? AND key = ?", (space, key_id)).fetchone()
    if row is None:
        return None
    members = db.execute("SELECT key FROM groups WHERE space = ? AND grp = ? ORDER BY key", (space, row[0]))
    return row[0], [key for (key,) in members]


def grouping(
    db: sqlite3.Connection, space: str, found: Sequence[Kind], think: Callable[[Sequence[Kind]], Sequence[str]]
) -> list[str]:
    """The group of each key of a space: as it was worked out last, unless the keys, or their order, are others now."""
    mark = hashlib.sha256("\0".join(one.key for one in found).encode()).digest()
    if db.execute("SELECT mark FROM groupings WHERE space = ?", (space,)).fetchone() == (mark,):
        kept = dict(db.execute("SELECT key, grp FROM groups WHERE space = ?", (space,)))
        if all(one.key_id in kept for one in found):  # another process may have regrouped in between
            return [kept[one.key_id] for one in found]
    groups = list(think(found))  # the long part, before any lock
    with writing(db):
        db.execute("DELETE FROM groups WHERE space = ?", (space,))
        rows = ((one.key_id, space, group) for one, group in zip(found, groups, strict=True))
        db.executemany("INSERT INTO groups VALUES (?, ?, ?)", rows)
        db.execute("INSERT OR REPLACE INTO groupings VALUES (?, ?)", (space, mark))
    return groups


def rates(db: sqlite3.Connection, space: str, span: Span) -> list[tuple[Kind, int, int, Tally]]:
    """For each key of a space of opportunities: workflows in which it was taken, workflows in all, its tally."""
    where, values = _where(span, None)
    rows = db.execute(
        "SELECT keys.id, space, keys.key, template, kind,"
        f" COUNT(DISTINCT CASE WHEN hit THEN {_OCCASION} END), COUNT(DISTINCT {_OCCASION}),{_COUNTS}"
        f" FROM entries JOIN keys ON keys.id = entries.key WHERE space = ? AND {where}"
        " GROUP BY keys.id ORDER BY keys.key",
        (space, *values),
    )
    return [(Kind(*row[:5]), row[5], row[6], Tally(*row[7:])) for row in rows]


_OCCASION = "COALESCE(-workflow, session)"


def totals(db: sqlite3.Connection, span: Span) -> Totals:
    """What was read altogether. `sessions` counts those with an entry."""
    where, values = _where(span, None)
    entries, workflows = db.execute(
        f"SELECT COUNT(*), COUNT(DISTINCT workflow) FROM entries WHERE {where}", values
    ).fetchone()
    (sessions,) = db.execute(
        "SELECT COUNT(DISTINCT session) FROM files"
        f" WHERE EXISTS (SELECT 1 FROM entries WHERE entries.file = files.id AND {where})",
        values,
    ).fetchone()
    undated, bad = db.execute("SELECT COALESCE(SUM(undated), 0), COALESCE(SUM(bad), 0) FROM files").fetchone()
    return Totals(entries, sessions, workflows, undated, bad)


def common_category(db: sqlite3.Connection, keys: list[int]) -> str | None:
    """The category that most entries of some keys have."""
    row = db.execute(
        "SELECT name FROM entries JOIN names ON names.id = entries.category"
        f" WHERE key IN {_LISTED} GROUP BY name ORDER BY COUNT(*) DESC, name LIMIT 1",
        (json.dumps(keys),),
    ).fetchone()
    return None if row is None else str(row[0])


def newest(db: sqlite3.Connection, keys: list[int], span: Span, limit: int) -> list[Located]:
    """The newest lines of some keys, read from their files.

    They are among the newest of those keys that were seen last, so that a group of many keys is not sorted whole.
    """
    where, values = _where(span, None)
    latest = db.execute(
        "SELECT value, (SELECT MAX(ts) FROM entries WHERE key = value) AS seen FROM json_each(?)"
        " ORDER BY seen DESC, value LIMIT ?",
        (json.dumps(keys), limit if span == (None, None) else -1),
    ).fetchall()
    rows = [
        row
        for key, _ in latest
        for row in db.execute(
            "SELECT ts, record, entries.offset, path, stream FROM entries JOIN files ON files.id = entries.file"
            f" WHERE key = ? AND hit AND {where} ORDER BY ts DESC, record DESC LIMIT ?",
            (key, *values, limit),
        )
    ]
    rows.sort(key=lambda row: (row[0] is not None, row[0] or 0, row[1]), reverse=True)
    lines = (_read(path, stream, record, offset) for _, record, offset, path, stream in rows[:limit])
    return [line for line in lines if line]


def newest_other(db: sqlite3.Connection, keys: list[int], record: str) -> Located | None:
    """The newest line of some keys that is not of this record."""
    return next((line for line in newest(db, keys, (None, None), 2) if line.record != record), None)


def _read(path: bytes, stream: str, record: str, offset: int) -> Located | None:
    line = next(read_lines(Path(os.fsdecode(path)), offset), None)
    value = parse_object(line.data) if line else None
    return None if value is None else Located(record, stream, value)


def _where(span: Span, category: str | None) -> tuple[str, list[Any]]:
    terms: list[str] = ["1"]
    values: list[Any] = []
    if span[0] is not None:
        terms.append("ts >= ?")
        values.append(span[0])
    if span[1] is not None:
        terms.append("(ts IS NULL OR ts <= ?)" if span[0] is None else "ts <= ?")
        values.append(span[1])
    if category is not None:
        terms.append("category = (SELECT id FROM names WHERE name = ?)")
        values.append(category)
    return " AND ".join(terms), values
