"""Small things that everything over the index needs: a transaction, and lists of any length."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence

LISTED = "(SELECT value FROM json_each(?))"
"""A list of any length, bound as one value: see `listed`."""


def listed(values: Sequence[int] | Sequence[str]) -> str:
    """What is bound for `LISTED`."""
    return json.dumps(list(values))


@contextlib.contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction: all of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
