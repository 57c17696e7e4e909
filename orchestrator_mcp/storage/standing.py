"""How a group stands: figures that every entry keeps up to date, so that an answer costs no more in a large group.

A standing is worked out when it is first asked for. An entry that is not older than all is added to it; whatever else
happens to its group drops it, to be worked out again.
"""

import json
import sqlite3
from typing import NamedTuple

from . import queries
from .database import LISTED, listed, writing
from .queries import Place, newest_first

NEWEST = 2  # entries that are remembered: the one just logged, and the one before it


class Standing(NamedTuple):
    """What the whole history says of a group. `wording` is its oldest entry's; `newest` comes newest first."""

    n: int
    retries: int
    sessions: int
    first: int | None
    last: int | None
    wording: int
    newest: tuple[Place, ...]


def standing_of(db: sqlite3.Connection, space: str, group: int) -> Standing:
    """A group's standing; the group must hold an entry."""
    row = db.execute("SELECT n, retries, sessions, first, last, wording, newest FROM standings WHERE grp = ?", (group,))
    found = row.fetchone()
    return _standing(found) if found else _work_out(db, space, group)


def add(db: sqlite3.Connection, key_id: int, session: int, entry: Place, *, retry: int) -> None:
    """Count one more entry of a key, where its group has a standing. Inside the caller's transaction."""
    row = db.execute(
        "SELECT standings.grp, first, newest FROM groups JOIN standings ON standings.grp = groups.grp WHERE key = ?",
        (key_id,),
    ).fetchone()
    if row is None:
        return
    group, first, newest = row
    if entry.ts is None or first is None or entry.ts <= first:  # the group may be called after it now
        drop(db, [group])
        return
    latest = newest_first([entry, *_places(newest)])[:NEWEST]
    added = db.execute("INSERT OR IGNORE INTO standing_sessions VALUES (?, ?)", (group, session)).rowcount
    db.execute(
        "UPDATE standings SET n = n + ?, retries = retries + ?, sessions = sessions + ?, last = MAX(last, ?),"
        " newest = ? WHERE grp = ?",
        (1 - retry, retry, added, entry.ts, json.dumps(latest), group),
    )


def drop(db: sqlite3.Connection, groups: list[int]) -> None:
    """Have some standings worked out anew. Inside the caller's transaction."""
    for table in ("standings", "standing_sessions"):
        db.execute(f"DELETE FROM {table} WHERE grp IN {LISTED}", (listed(groups),))


def drop_of_key(db: sqlite3.Connection, key_id: int) -> None:
    """Have the standing of a key's group worked out anew. Inside the caller's transaction."""
    drop(db, [group for (group,) in db.execute("SELECT grp FROM groups WHERE key = ?", (key_id,))])


def drop_of_space(db: sqlite3.Connection, space: str) -> None:
    """Have every standing of a space worked out anew. Inside the caller's transaction."""
    rows = db.execute(
        "SELECT DISTINCT standings.grp FROM standings JOIN groups ON groups.grp = standings.grp WHERE space = ?",
        (space,),
    )
    drop(db, [group for (group,) in rows.fetchall()])


def _work_out(db: sqlite3.Connection, space: str, group: int) -> Standing:
    rows = db.execute("SELECT key FROM groups WHERE space = ? AND grp = ?", (space, group))
    keys = [int(key) for (key,) in rows]
    with writing(db):
        known = queries.known(db, keys)
        if not known.n + known.retries:
            return Standing(*known, 0, ())
        newest = queries.newest_places(db, keys, (None, None), NEWEST)
        standing = Standing(*known, queries.oldest_wording(db, keys), tuple(newest))
        db.execute(
            "INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (group, *standing[:-1], json.dumps(standing.newest)),
        )
        db.execute(
            f"INSERT OR IGNORE INTO standing_sessions SELECT DISTINCT ?, session FROM tallies WHERE key IN {LISTED}",
            (group, listed(keys)),
        )
    return standing


def _standing(row: tuple[int, int, int, int | None, int | None, int, str]) -> Standing:
    return Standing(*row[:6], _places(row[6]))


def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(*one) for one in json.loads(text))
