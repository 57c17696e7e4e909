"""What a model said of a text, kept in the index: reading a text takes a thousand times as long as looking it up."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping

from .database import writing


class Vectors:
    """The vectors of one model, by text. They go with the cache, and with everything that is forgotten.

    Args:
        db: the index.
        model: its name and version: vectors of different models are not compared.
    """

    def __init__(self, db: sqlite3.Connection, model: str) -> None:
        self._db = db
        self._model = model

    def known(self, texts: Iterable[str]) -> dict[str, bytes]:
        """The vectors that are kept, of these texts."""
        found: dict[str, bytes] = {}
        for text in texts:
            row = self._db.execute(
                "SELECT vector FROM vectors WHERE model = ? AND text = ?", (self._model, _digest(text))
            ).fetchone()
            if row:
                found[text] = row[0]
        return found

    def keep(self, vectors: Mapping[str, bytes]) -> None:
        """Keep some more, and none of another model any longer."""
        with writing(self._db):
            self._db.execute("DELETE FROM vectors WHERE model <> ?", (self._model,))
            self._db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
                ((self._model, _digest(text), vector) for text, vector in vectors.items()),
            )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
