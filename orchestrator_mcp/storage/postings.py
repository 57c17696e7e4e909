"""Which keys have a feature: an inverted list in the index, for finding what a new entry is near to."""

import sqlite3
from collections.abc import Callable, Iterable

from .database import writing
from .evidence import Located, first_line

_EVERY = ""  # the feature that each key has
_BATCH = 500  # keys that are added under one lock


class Postings:
    """The inverted list of one space. Adding a key costs as much as it has features, whatever is there already.

    Args:
        features: the features of a key's oldest line.
    """

    def __init__(self, db: sqlite3.Connection, space: str, features: Callable[[Located], Iterable[str]]) -> None:
        self._db = db
        self._space = space
        self._features = features

    def add(self, key_id: int) -> None:
        """Add one key, unless it is there; all of them, if none is."""
        if self.size() == 0:
            self.add_missing()
        elif self._db.execute("SELECT 1 FROM documents WHERE key = ?", (key_id,)).fetchone() is None:
            self._add_all([key_id])

    def add_missing(self) -> None:
        """Add every key of the space that is not there."""
        rows = self._db.execute(
            "SELECT id FROM keys WHERE space = ? AND id NOT IN (SELECT key FROM documents)"
            " AND EXISTS (SELECT 1 FROM tallies WHERE tallies.key = id) ORDER BY id",
            (self._space,),
        )
        keys = [key_id for (key_id,) in rows]
        for start in range(0, len(keys), _BATCH):
            self._add_all(keys[start : start + _BATCH])

    def _add_all(self, keys: Iterable[int]) -> None:
        lines = [(key_id, first_line(self._db, key_id)) for key_id in keys]  # read before any lock
        with writing(self._db):
            for key_id, line in lines:
                self._add(key_id, sorted(set(self._features(line))) if line else [])

    def size(self) -> int:
        """How many keys there are."""
        return self.count(_EVERY)

    def count(self, feature: str) -> int:
        """How many keys have a feature."""
        where = (self._space, feature)
        row = self._db.execute("SELECT n FROM features WHERE space = ? AND feature = ?", where).fetchone()
        return row[0] if row else 0

    def latest(self, feature: str, limit: int) -> list[tuple[int, int]]:
        """The keys with a feature that were first seen last, each with how many features it has in all."""
        rows = self._db.execute(
            "SELECT documents.key, documents.features FROM postings JOIN documents ON documents.key = postings.key"
            " WHERE feature = (SELECT id FROM features WHERE space = ? AND feature = ?)"
            " ORDER BY postings.seen DESC, postings.key DESC LIMIT ?",
            (self._space, feature, limit),
        )
        return rows.fetchall()

    def _add(self, key_id: int, found: list[str]) -> None:
        added = self._db.execute(
            "INSERT OR IGNORE INTO documents SELECT ?1, ?2, COALESCE(MIN(first), 0) FROM tallies WHERE key = ?1",
            (key_id, len(found)),
        )
        if not added.rowcount:  # another process was faster
            return
        self._db.executemany(
            "INSERT INTO features VALUES (NULL, ?, ?, 1) ON CONFLICT (space, feature) DO UPDATE SET n = n + 1",
            ((self._space, feature) for feature in [_EVERY, *found]),
        )
        self._db.executemany(
            "INSERT INTO postings SELECT features.id, seen, key FROM features JOIN documents"
            " WHERE space = ? AND feature = ? AND key = ?",
            ((self._space, feature, key_id) for feature in found),
        )


def forget_postings(db: sqlite3.Connection) -> None:
    """Have every inverted list made anew. Inside the caller's transaction.

    Lines vanish so seldom that it does not pay to know which features were theirs.
    """
    if db.execute("SELECT 1 FROM documents LIMIT 1").fetchone():
        for table in ("features", "postings", "documents"):
            db.execute(f"DELETE FROM {table}")
