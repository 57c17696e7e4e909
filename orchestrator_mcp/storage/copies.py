"""Which lines of legacy files are told again by the session that a migration made of them? Those do not count.

Both lie side by side after an interrupted migration, or when version control brings an original back.
"""

import sqlite3

from .database import writing
from .intake import tally_again

_WRONG = """
SELECT entries.id, entries.key, entries.session, NOT hit FROM entries
 JOIN files ON files.id = entries.file JOIN keys ON keys.id = entries.key
 WHERE files.session = '' AND workflow IS NOT NULL AND hit = EXISTS (
  SELECT 1 FROM entries other JOIN files theirs ON theirs.id = other.file JOIN keys alike ON alike.id = other.key
  WHERE other.workflow = entries.workflow AND other.ts IS entries.ts AND theirs.session != ''
   AND theirs.stream = files.stream AND alike.space = keys.space)"""


def leave_out_copies(db: sqlite3.Connection) -> None:
    """Have exactly one of each legacy line and its copy count: the copy.

    They are the same if stream, workflow, time and space are: a copy's text may have lost a secret.
    """
    if not db.execute("SELECT 1 FROM files WHERE session = ''").fetchone() or not db.execute(_WRONG).fetchone():
        return
    with writing(db):
        for entry, key, session, hit in db.execute(_WRONG).fetchall():
            db.execute("UPDATE entries SET hit = ? WHERE id = ?", (hit, entry))
            tally_again(db, key, session)
