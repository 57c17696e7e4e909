"""Questions to the index: how often, where and when."""

import os
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .database import LISTED, listed
from .ids import SHORTEST

Span = tuple[int | None, int | None]
"""From and to, in microseconds since 1970, both included; None is unbounded."""

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


def recurring(db: sqlite3.Connection, space: str, span: Span, category: str | None) -> dict[int, Tally]:
    """Every key of a space that was seen in a span, with its tally."""
    terms, values = where(span, category)
    rows = db.execute(
        f"SELECT entries.key,{_COUNTS} FROM entries JOIN keys ON keys.id = entries.key"
        f" WHERE space = ? AND hit AND {terms} GROUP BY entries.key",
        (space, *values),
    )
    return {row[0]: Tally(*row[1:]) for row in rows}


def tally_of(db: sqlite3.Connection, keys: Sequence[int], span: Span, category: str | None) -> Tally:
    """The tally of several keys taken as one."""
    terms, values = where(span, category)
    row = db.execute(
        f"SELECT {_COUNTS} FROM entries WHERE key IN {LISTED} AND hit AND {terms}",
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
    if not found and len(record) >= SHORTEST:
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
    terms, values = ("wording = ?", [wording]) if bits is None else ("wording & ? = ?", [(1 << bits) - 1, wording])
    rows = db.execute(
        f"SELECT DISTINCT space, keys.id FROM entries JOIN keys ON keys.id = entries.key WHERE hit AND {terms}", values
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
    terms, values = ("space = ?", [space]) if only is None else (f"id IN {LISTED}", [listed(only)])
    rows = db.execute(
        "SELECT id, space, keys.key, template, kind, MIN(first) AS seen FROM keys JOIN tallies ON tallies.key = keys.id"
        f" WHERE {terms} GROUP BY id ORDER BY seen IS NULL, seen, keys.key",
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
    terms, values = where(span, None)
    rows = db.execute(
        "SELECT DISTINCT name FROM entries JOIN names ON names.id = entries.session"
        f" WHERE key IN {LISTED} AND hit AND {terms}",
        (listed(keys), *values),
    )
    return {name for (name,) in rows}


_NAMED = "what != 'tool_feedback'"  # that names its workflow by a hash


def totals(db: sqlite3.Connection, span: Span) -> Totals:
    """What was read altogether. `entries` counts texts; `sessions` those with an entry, or an event of a workflow."""
    terms, values = where(span, None)
    (entries,) = db.execute(f"SELECT COUNT(*) FROM entries WHERE hit AND {terms}", values).fetchone()
    (workflows,) = db.execute(
        f"SELECT COUNT(*) FROM (SELECT workflow FROM entries WHERE workflow IS NOT NULL AND {terms}"
        f" UNION SELECT workflow FROM facts WHERE workflow IS NOT NULL AND {_NAMED} AND {terms})",
        (*values, *values),
    ).fetchone()
    (sessions,) = db.execute(
        "SELECT COUNT(DISTINCT session) FROM files"
        f" WHERE EXISTS (SELECT 1 FROM entries WHERE entries.file = files.id AND {terms})"
        f" OR EXISTS (SELECT 1 FROM facts WHERE facts.file = files.id AND {terms})",
        (*values, *values),
    ).fetchone()
    undated, bad = db.execute("SELECT COALESCE(SUM(undated), 0), COALESCE(SUM(bad), 0) FROM files").fetchone()
    return Totals(entries, sessions, workflows, undated, bad)


def occasions(db: sqlite3.Connection, span: Span) -> int:
    """In how many workflows, or sessions where there are none, anything was logged."""
    terms, values = where(span, None)
    query = (
        f"SELECT COUNT(*) FROM (SELECT {OCCASION} FROM entries WHERE {terms}"
        f" UNION SELECT {OCCASION} FROM facts WHERE {_NAMED} AND {terms})"
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


def where(span: Span, category: str | None) -> tuple[str, list[Any]]:
    """The condition that an entry lies in a span, and is of a category; and the values to bind."""
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if span[0] is not None:
        conditions.append("ts >= ?")
        values.append(span[0])
    if span[1] is not None:
        conditions.append("(ts IS NULL OR ts <= ?)" if span[0] is None else "ts <= ?")
        values.append(span[1])
    if category is not None:
        conditions.append("category = (SELECT id FROM names WHERE name = ?)")
        values.append(category)
    return " AND ".join(conditions), values
