"""Which keys belong together: as the last grouping found, and as agents and people decided.

A group is called by one of its keys, or by a number below 0 if a decision set it apart. These names are the cache's own
and never leave it.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator_mcp.records.pattern_decision import Verdict

from .database import LISTED, listed, writing
from .queries import Key
from .standing import drop_of_key, drop_of_space


class Move(NamedTuple):
    """One decision, replayed: what happens to the groups that hold some wordings.

    merge: the groups of `wordings` become part of `target`'s. split: the keys of `wordings` leave, together.
    same: the keys of `wordings`, and nothing else of their groups, go to `target`'s. new: the key of `target` leaves
    if it is in a group with one of `wordings`.
    """

    verdict: Verdict
    target: int
    wordings: tuple[int, ...]
    by: str


class Member(NamedTuple):
    """One key's place: its group, and who decided that, if anybody did."""

    key_id: int
    group: int
    decided_by: str | None


def regroup(
    db: sqlite3.Connection,
    space: str,
    found: Sequence[Key],
    *,
    engine: str,
    now: int,
    think: Callable[[Sequence[Key]], Sequence[int]],
) -> None:
    """Bring the grouping of a space up to date, if keys, their order or the engine changed since.

    Args:
        db: the index.
        space: the space.
        found: every key of the space, in order.
        engine: what decides, by name and version.
        now: when, in microseconds since 1970.
        think: gives for each key the place in `found` of the first key that it belongs with.
    """
    lines = [engine, *(f"{one.seen} {one.key}" for one in found)]
    mark = hashlib.sha256("\n".join(lines).encode()).digest()
    if db.execute("SELECT mark FROM groupings WHERE space = ?", (space,)).fetchone() == (mark,):
        return
    first = list(think(found))  # the long part, before any lock
    with writing(db):
        drop_of_space(db, space)
        db.execute("DELETE FROM groups WHERE space = ?", (space,))
        rows = ((one.key_id, space, found[n].key_id) for one, n in zip(found, first, strict=True))
        db.executemany("INSERT INTO groups VALUES (?1, ?2, ?3, ?3, NULL)", rows)
        db.execute(
            "INSERT OR REPLACE INTO groupings (space, mark, at, engine) VALUES (?, ?, ?, ?)", (space, mark, now, engine)
        )


def settle(db: sqlite3.Connection, space: str, moves: Sequence[Move], *, thorough: bool = False) -> None:
    """Replay decisions over what was found, in order, unless they are those that were replayed last.

    `thorough` asks too whether the wordings that they name are still where they were then.
    """
    row = db.execute("SELECT decided, placed FROM groupings WHERE space = ?", (space,)).fetchone()
    decided = hashlib.sha256(repr(moves).encode()).digest()
    if (row is None and not moves) or (row is not None and row[0] == decided and not thorough):
        return
    placed = hashlib.sha256(repr([_key_of(db, space, one) for one in _named(moves)]).encode()).digest()
    if row == (decided, placed):
        return
    with writing(db):
        drop_of_space(db, space)
        db.execute(
            "UPDATE groups SET grp = found, decided_by = NULL WHERE space = ? AND decided_by IS NOT NULL", (space,)
        )
        for move in moves:
            _MOVES[move.verdict](db, space, move)
        db.execute(
            "INSERT INTO groupings (space, decided, placed) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (space) DO UPDATE SET decided = ?2, placed = ?3",
            (space, decided, placed),
        )


def _named(moves: Sequence[Move]) -> list[int]:
    return sorted({wording for move in moves for wording in (move.target, *move.wordings)})


def place(db: sqlite3.Connection, space: str, key_id: int, beside: int | None = None) -> None:
    """Give a key that came after the last grouping a group of its own, or the place of another key."""
    if group_of(db, key_id) is None:
        with writing(db):
            if beside is not None:
                drop_of_key(db, beside)
                db.execute(
                    "INSERT OR IGNORE INTO groups SELECT ?, space, found, grp, decided_by FROM groups WHERE key = ?",
                    (key_id, beside),
                )
            _place(db, space, key_id)


def group_of(db: sqlite3.Connection, key_id: int) -> int | None:
    """The group that a key is in; None if it came after the last grouping."""
    row = db.execute("SELECT grp FROM groups WHERE key = ?", (key_id,)).fetchone()
    return None if row is None else int(row[0])


def keys_in(db: sqlite3.Connection, space: str, group: int) -> list[int]:
    """Every key of a group."""
    rows = db.execute("SELECT key FROM groups WHERE space = ? AND grp = ? ORDER BY key", (space, group))
    return [int(key) for (key,) in rows]


def has_many(db: sqlite3.Connection, space: str, group: int) -> bool:
    """Whether a group has more than one key."""
    return len(db.execute("SELECT 1 FROM groups WHERE space = ? AND grp = ? LIMIT 2", (space, group)).fetchall()) > 1


def decided_by(db: sqlite3.Connection, space: str, group: int) -> str | None:
    """Who put any of a group's keys there; a person's word before an agent's, as the alphabet has it too."""
    (who,) = db.execute(
        "SELECT MAX(decided_by) FROM groups WHERE space = ? AND grp = ? AND decided_by IS NOT NULL", (space, group)
    ).fetchone()
    return None if who is None else str(who)


def members(db: sqlite3.Connection, space: str) -> list[Member]:
    """Every key of a space with its group."""
    rows = db.execute("SELECT key, grp, decided_by FROM groups WHERE space = ?", (space,))
    return [Member(*row) for row in rows]


def at_most(db: sqlite3.Connection, space: str, count: int) -> bool:
    """Whether a space has no more than so many keys."""
    rows = db.execute("SELECT 1 FROM keys WHERE space = ? LIMIT ?", (space, count + 1)).fetchall()
    return len(rows) <= count


def as_of(db: sqlite3.Connection, space: str) -> int | None:
    """When a space was last grouped, in microseconds since 1970; None if it never was."""
    row = db.execute("SELECT at FROM groupings WHERE space = ?", (space,)).fetchone()
    return None if row is None else row[0]


def engine_of(db: sqlite3.Connection, space: str) -> str | None:
    """What decided when a space was last grouped; None if it never was."""
    row = db.execute("SELECT engine FROM groupings WHERE space = ?", (space,)).fetchone()
    return None if row is None else row[0]


def _merge(db: sqlite3.Connection, space: str, move: Move) -> None:
    target = _placed(db, space, move.target)
    others = {one.group for wording in move.wordings if (one := _placed(db, space, wording))}
    if target:
        db.execute(
            f"UPDATE groups SET grp = ?, decided_by = ? WHERE space = ? AND grp IN {LISTED}",
            (target.group, move.by, space, listed(sorted(others - {target.group}))),
        )


def _split(db: sqlite3.Connection, space: str, move: Move) -> None:
    leaving = [one for wording in move.wordings if (one := _placed(db, space, wording))]
    if leaving:
        _put(db, [one.key_id for one in leaving], _apart(db), move.by)


def _same(db: sqlite3.Connection, space: str, move: Move) -> None:
    target = _placed(db, space, move.target)
    coming = [one for wording in move.wordings if (one := _placed(db, space, wording))]
    if target:
        _put(db, [one.key_id for one in coming if one.group != target.group], target.group, move.by)


def _new(db: sqlite3.Connection, space: str, move: Move) -> None:
    mine = _placed(db, space, move.target)
    others = [one for wording in move.wordings if (one := _placed(db, space, wording))]
    if mine and any(one.group == mine.group and one.key_id != mine.key_id for one in others):
        _put(db, [mine.key_id], _apart(db), move.by)


_MOVES = {Verdict.MERGE: _merge, Verdict.SPLIT: _split, Verdict.SAME: _same, Verdict.NEW: _new}


def _apart(db: sqlite3.Connection) -> int:
    """The name of a group that no key's name can be, and no other group has."""
    return int(db.execute("SELECT MIN(0, COALESCE(MIN(grp), 0)) - 1 FROM groups").fetchone()[0])


def _put(db: sqlite3.Connection, key_ids: Sequence[int], group: int, by: str) -> None:
    db.execute(f"UPDATE groups SET grp = ?, decided_by = ? WHERE key IN {LISTED}", (group, by, listed(key_ids)))


def _placed(db: sqlite3.Connection, space: str, wording: int) -> Member | None:
    """Where a wording is now; None if no entry has it any more."""
    key_id = _key_of(db, space, wording)
    if key_id is None:
        return None
    _place(db, space, key_id)
    found = db.execute("SELECT key, grp, decided_by FROM groups WHERE key = ?", (key_id,)).fetchone()
    return Member(*found)


def _place(db: sqlite3.Connection, space: str, key_id: int) -> None:
    db.execute("INSERT OR IGNORE INTO groups VALUES (?1, ?2, ?1, ?1, NULL)", (key_id, space))


def _key_of(db: sqlite3.Connection, space: str, wording: int) -> int | None:
    row = db.execute(
        "SELECT keys.id FROM entries JOIN keys ON keys.id = entries.key"
        " WHERE wording = ? AND space = ? AND hit ORDER BY keys.key LIMIT 1",
        (wording, space),
    ).fetchone()
    return None if row is None else int(row[0])
