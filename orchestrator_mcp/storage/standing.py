"""How a group stands: figures that every entry keeps up to date, so that an answer costs no more in a large group.

A standing is worked out when it is first asked for. An entry that is not older than all is added to it; whatever else
happens to its group drops it, to be worked out again.
"""

import json
import sqlite3
from typing import NamedTuple

from . import queries
from .database import LISTED, listed, writing
from .evidence import Place, newest_first, newest_places
from .queries import OCCASION

NEWEST = 2  # entries that are remembered: the one just logged, and the one before it


class Standing(NamedTuple):
    """What the whole history says of a group. `wording` is its oldest entry's; `newest` comes newest first."""

    n: int
    retries: int
    sessions: int
    occasions: int
    first: int | None
    last: int | None
    wording: int
    newest: tuple[Place, ...]


def standing_of(db: sqlite3.Connection, space: str, group: int) -> Standing:
    """A group's standing; the group must hold an entry."""
    row = db.execute(
        "SELECT n, retries, sessions, occasions, first, last, wording, newest FROM standings WHERE grp = ?", (group,)
    )
    found = row.fetchone()
    return _standing(found) if found else _work_out(db, space, group)


def add(db: sqlite3.Connection, key_id: int, session: int, workflow: int | None, entry: Place, *, retry: int) -> None:
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
    sessions = _seen_first(db, group, "session", session)
    occasions = _seen_first(db, group, "occasion", session if workflow is None else -workflow)
    db.execute(
        "UPDATE standings SET n = n + ?, retries = retries + ?, sessions = sessions + ?, occasions = occasions + ?,"
        " last = MAX(last, ?), newest = ? WHERE grp = ?",
        (1 - retry, retry, sessions, occasions, entry.ts, json.dumps(latest), group),
    )


def _seen_first(db: sqlite3.Connection, group: int, what: str, which: int) -> int:
    return db.execute("INSERT OR IGNORE INTO standing_where VALUES (?, ?, ?)", (group, what, which)).rowcount


def drop(db: sqlite3.Connection, groups: list[int]) -> None:
    """Have some standings worked out anew. Inside the caller's transaction."""
    for table in ("standings", "standing_where"):
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
    with writing(db):
        rows = db.execute("SELECT key FROM groups WHERE space = ? AND grp = ?", (space, group))
        keys = [int(key) for (key,) in rows]
        known = queries.known(db, keys)
        if not known.n + known.retries:
            return Standing(0, 0, 0, 0, None, None, 0, ())
        newest = newest_places(db, keys, (None, None), NEWEST)
        for what, which in (("session", "session"), ("occasion", OCCASION)):
            db.execute(
                "INSERT OR IGNORE INTO standing_where"
                f" SELECT DISTINCT ?, ?, {which} FROM entries WHERE hit AND key IN {LISTED}",
                (group, what, listed(keys)),
            )
        (occasions,) = db.execute(
            "SELECT COUNT(*) FROM standing_where WHERE grp = ? AND what = 'occasion'", (group,)
        ).fetchone()
        standing = Standing(
            known.n, known.retries, known.sessions, occasions, known.first, known.last,
            queries.oldest_wording(db, keys), tuple(newest),
        )  # fmt: skip
        db.execute(
            "INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (group, *standing[:-1], json.dumps(standing.newest)),
        )
    return standing


def _standing(row: tuple[int, int, int, int, int | None, int | None, int, str]) -> Standing:
    return Standing(*row[:7], _places(row[7]))


def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(*one) for one in json.loads(text))
