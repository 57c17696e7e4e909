"""Which keys have a feature: an inverted list in the index, for finding what a new entry is near to."""

import sqlite3
from collections.abc import Callable, Iterable

from .database import writing
from .queries import Located, first_line

_EVERY = ""  # the feature that each key has


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
        """Add one key, unless it is there."""
        if self._db.execute("SELECT 1 FROM documents WHERE key = ?", (key_id,)).fetchone() is None:
            line = first_line(self._db, key_id)
            found = sorted(set(self._features(line))) if line else []
            with writing(self._db):
                self._add(key_id, found)

    def add_missing(self) -> None:
        """Add every key of the space that is not there."""
        rows = self._db.execute(
            "SELECT id FROM keys WHERE space = ? AND id NOT IN (SELECT key FROM documents) ORDER BY id", (self._space,)
        )
        for (key_id,) in rows.fetchall():
            self.add(key_id)

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
