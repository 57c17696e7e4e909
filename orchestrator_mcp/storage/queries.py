"""Questions to the index: how often, where, when, and the lines that say so."""

import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .database import LISTED, listed
from .lines import parse_object, read_lines

Span = tuple[int | None, int | None]
"""From and to, in microseconds since 1970, both included; None is unbounded."""

SHORT_ID = 6  # characters that are enough of an id, if only one ends in them
OCCASION = "COALESCE(-workflow, session)"
"""Where something happened: the workflow, or the session where there is none."""

_COUNTS = f"""
 COUNT(*) - SUM(retry), SUM(retry), COUNT(DISTINCT session), COUNT(DISTINCT workflow), COUNT(DISTINCT agent),
 COUNT(DISTINCT {OCCASION}), SUM(severity = 0), SUM(severity = 1), SUM(severity = 2),
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


class Key(NamedTuple):
    """One key: the texts that are the same once what varies is masked. `seen` is when it first was."""

    key_id: int
    space: str
    key: str
    template: str
    form: str
    seen: int | None


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


class Entry(NamedTuple):
    """One entry: its record's id, its key and its wording."""

    record: str
    key_id: int
    wording: int


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


def recurring(db: sqlite3.Connection, space: str, span: Span, category: str | None) -> dict[int, Tally]:
    """Every key of a space that was seen in a span, with its tally."""
    where, values = _where(span, category)
    rows = db.execute(
        f"SELECT entries.key,{_COUNTS} FROM entries JOIN keys ON keys.id = entries.key"
        f" WHERE space = ? AND hit AND {where} GROUP BY entries.key",
        (space, *values),
    )
    return {row[0]: Tally(*row[1:]) for row in rows}


def tally_of(db: sqlite3.Connection, keys: Sequence[int], span: Span, category: str | None) -> Tally:
    """The tally of several keys taken as one."""
    where, values = _where(span, category)
    row = db.execute(
        f"SELECT {_COUNTS} FROM entries WHERE key IN {LISTED} AND hit AND {where}",
        (listed(keys), *values),
    ).fetchone()
    return Tally(*(value or 0 for value in row[:9]), *row[9:])


def known(db: sqlite3.Connection, key_ids: Sequence[int]) -> Known:
    """What the whole history says of a kind, without reading its entries."""
    row = db.execute(
        "SELECT COALESCE(SUM(n - retries), 0), COALESCE(SUM(retries), 0), COUNT(DISTINCT session),"
        " MIN(first), MAX(last)"
        f" FROM tallies WHERE key IN {LISTED}",
        (listed(key_ids),),
    ).fetchone()
    return Known(*row)


def entry_in(db: sqlite3.Connection, path: Path, record: str) -> tuple[int, bool] | None:
    """The key of a record in a file, and whether it is the same call made twice."""
    row = db.execute(
        "SELECT key, retry FROM entries WHERE file = (SELECT id FROM files WHERE path = ?) AND record = ?",
        (os.fsencode(path), record),
    ).fetchone()
    return None if row is None else (row[0], bool(row[1]))


def locate(db: sqlite3.Connection, stream: str, record: str) -> list[Entry]:
    """The entries of a stream whose id is this, or ends in it, wherever they lie."""
    found = db.execute(
        "SELECT record, key, wording FROM files CROSS JOIN entries ON entries.file = files.id"
        " WHERE stream = ? AND record = ?",
        (stream, record),
    ).fetchall()
    if not found and len(record) >= SHORT_ID:
        found = db.execute(
            "SELECT record, key, wording FROM entries JOIN files ON entries.file = files.id"
            " WHERE stream = ? AND substr(record, ?) = ?",
            (stream, -len(record), record),
        ).fetchall()
    return [Entry(*row) for row in found]


def wordings_of(db: sqlite3.Connection, key_id: int) -> list[int]:
    """The different wordings that a key stands for."""
    return [wording for (wording,) in db.execute("SELECT DISTINCT wording FROM entries WHERE key = ?", (key_id,))]


def worded(db: sqlite3.Connection, wording: int, bits: int | None) -> list[tuple[str, int]]:
    """Space and key of each entry with this wording, or whose wording ends in these bits."""
    where, values = ("wording = ?", [wording]) if bits is None else ("wording & ? = ?", [(1 << bits) - 1, wording])
    rows = db.execute(
        f"SELECT DISTINCT space, keys.id FROM entries JOIN keys ON keys.id = entries.key WHERE hit AND {where}", values
    )
    return [(space, key_id) for space, key_id in rows]


def oldest_wording(db: sqlite3.Connection, key_ids: Sequence[int]) -> int:
    """The wording of the oldest entry of some keys."""
    key_id, seen = db.execute(
        "SELECT tallies.key, MIN(first) AS seen FROM tallies JOIN keys ON keys.id = tallies.key"
        f" WHERE tallies.key IN {LISTED} GROUP BY tallies.key ORDER BY seen IS NULL, seen, keys.key LIMIT 1",
        (listed(key_ids),),
    ).fetchone()
    row = db.execute(
        "SELECT wording FROM entries WHERE key = ? AND ts IS ? AND hit ORDER BY record, wording LIMIT 1", (key_id, seen)
    ).fetchone()
    return int(row[0])


def template_of(db: sqlite3.Connection, key_id: int) -> str:
    """What the texts of a key have in common."""
    return str(db.execute("SELECT template FROM keys WHERE id = ?", (key_id,)).fetchone()[0])


def keys(db: sqlite3.Connection, space: str, only: Sequence[int] | None = None) -> list[Key]:
    """The keys of a space, all or some, by when they were first seen, whatever order their entries arrived in."""
    where, values = ("space = ?", [space]) if only is None else (f"id IN {LISTED}", [listed(only)])
    rows = db.execute(
        "SELECT id, space, keys.key, template, kind, MIN(first) AS seen FROM keys JOIN tallies ON tallies.key = keys.id"
        f" WHERE {where} GROUP BY id ORDER BY seen IS NULL, seen, keys.key",
        values,
    )
    return [Key(*row) for row in rows]


def named_keys(db: sqlite3.Connection, space: str, keys: Collection[str]) -> list[Key]:
    """Those of some keys that a space has, by when each was first seen."""
    rows = db.execute(
        "SELECT id, space, keys.key, template, kind, MIN(first) AS seen FROM keys JOIN tallies ON tallies.key = keys.id"
        f" WHERE space = ? AND keys.key IN {LISTED} GROUP BY id ORDER BY seen IS NULL, seen, keys.key",
        (space, listed(sorted(keys))),
    )
    return [Key(*row) for row in rows]


def sessions_of(db: sqlite3.Connection, keys: list[int], span: Span) -> set[str]:
    """The names of the sessions in which some keys were seen; the empty name stands for legacy files."""
    where, values = _where(span, None)
    rows = db.execute(
        "SELECT DISTINCT name FROM entries JOIN names ON names.id = entries.session"
        f" WHERE key IN {LISTED} AND hit AND {where}",
        (listed(keys), *values),
    )
    return {name for (name,) in rows}


def first_line(db: sqlite3.Connection, key_id: int) -> Located | None:
    """The oldest line of a key."""
    row = db.execute(
        "SELECT files.path, files.stream, entries.record, entries.offset FROM entries"
        " JOIN files ON files.id = entries.file WHERE key = ?1 AND hit"
        " AND ts IS (SELECT MIN(first) FROM tallies WHERE key = ?1) ORDER BY record LIMIT 1",
        (key_id,),
    ).fetchone()
    return None if row is None else _read(*row)


_NAMED = "what != 'tool_feedback'"  # that names its workflow by a hash


def totals(db: sqlite3.Connection, span: Span) -> Totals:
    """What was read altogether. `entries` counts texts; `sessions` those with an entry, or an event of a workflow."""
    where, values = _where(span, None)
    (entries,) = db.execute(f"SELECT COUNT(*) FROM entries WHERE hit AND {where}", values).fetchone()
    (workflows,) = db.execute(
        f"SELECT COUNT(*) FROM (SELECT workflow FROM entries WHERE workflow IS NOT NULL AND {where}"
        f" UNION SELECT workflow FROM facts WHERE workflow IS NOT NULL AND {_NAMED} AND {where})",
        (*values, *values),
    ).fetchone()
    (sessions,) = db.execute(
        "SELECT COUNT(DISTINCT session) FROM files"
        f" WHERE EXISTS (SELECT 1 FROM entries WHERE entries.file = files.id AND {where})"
        f" OR EXISTS (SELECT 1 FROM facts WHERE facts.file = files.id AND {where})",
        (*values, *values),
    ).fetchone()
    undated, bad = db.execute("SELECT COALESCE(SUM(undated), 0), COALESCE(SUM(bad), 0) FROM files").fetchone()
    return Totals(entries, sessions, workflows, undated, bad)


def occasions(db: sqlite3.Connection, span: Span) -> int:
    """In how many workflows, or sessions where there are none, anything was logged."""
    where, values = _where(span, None)
    query = (
        f"SELECT COUNT(*) FROM (SELECT {OCCASION} FROM entries WHERE {where}"
        f" UNION SELECT {OCCASION} FROM facts WHERE {_NAMED} AND {where})"
    )
    return int(db.execute(query, (*values, *values)).fetchone()[0])


def extent(db: sqlite3.Connection) -> tuple[int, int]:
    """When the first and the last dated entry was; 0 and 0 if there is none."""
    first, last = db.execute(
        "SELECT MIN(ts), MAX(ts) FROM (SELECT ts FROM entries UNION ALL SELECT ts FROM facts)"
    ).fetchone()
    return first or 0, last or 0


def common_category(db: sqlite3.Connection, keys: list[int]) -> str | None:
    """The category that most entries of some keys have."""
    row = db.execute(
        "SELECT name FROM entries JOIN names ON names.id = entries.category"
        f" WHERE key IN {LISTED} GROUP BY name ORDER BY COUNT(*) DESC, name LIMIT 1",
        (listed(keys),),
    ).fetchone()
    return None if row is None else str(row[0])


def newest(db: sqlite3.Connection, keys: Sequence[int], span: Span, limit: int) -> list[Located]:
    """The newest lines of some keys, read from their files."""
    places = newest_places(db, keys, span, limit)
    return [line for place in places if (line := read(db, place))]


def newest_places(db: sqlite3.Connection, keys: Sequence[int], span: Span, limit: int) -> list[Place]:
    """Where the newest lines of some keys are.

    They are among the newest of those keys that were seen last, so that a group of many keys is not sorted whole.
    """
    where, values = _where(span, None)
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
            f" WHERE key = ? AND hit AND {where} ORDER BY ts DESC, record DESC LIMIT ?",
            (key, *values, limit),
        )
    ]
    return newest_first(places)[:limit]


def newest_first(places: Iterable[Place]) -> list[Place]:
    """Places by time, undated ones last; at the same time by record."""
    return sorted(places, key=lambda one: (one.ts is not None, one.ts or 0, one.record), reverse=True)


def read(db: sqlite3.Connection, place: Place) -> Located | None:
    """The line at a place, read again from its file; None if it is gone."""
    row = db.execute("SELECT path, stream FROM files WHERE id = ?", (place.file,)).fetchone()
    return _read(row[0], row[1], place.record, place.offset) if row else None


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
