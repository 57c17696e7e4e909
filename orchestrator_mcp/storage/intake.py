"""Taking lines into the index: what was appended since, in batches, and what is gone, out of it."""

import os
import sqlite3
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.records.digest import Digest, Fact

from . import standing
from .database import writing
from .evidence import Place
from .files import open_plain
from .lines import Line, parse_object, read_lines
from .parts import Extent, extent, first_part
from .postings import forget_postings

RETRY_WINDOW = 2_000_000
"""Microseconds within which the identical text of the same session is one call made twice."""

_BATCH = 2_000

Digester = Callable[[str, dict[str, Any]], Iterable[Digest | Fact]]


class Source(NamedTuple):
    """A file to be indexed: which stream it holds, and of which session (empty for none)."""

    path: Path
    stream: str
    session: str


class File(NamedTuple):
    """A row of `files`: how far a file was read, and how we know it again."""

    id: int
    path: bytes  # a name need not be UTF-8
    session: str
    stream: str
    inodes: str
    size: int
    mtime_ns: int
    head: bytes
    offset: int
    bad: int
    undated: int

    def is_unchanged(self, there: Extent) -> bool:
        return (" ".join(there.inodes), there.size, there.mtime_ns) == (self.inodes, self.size, self.mtime_ns)

    def has_only_grown(self, there: Extent, head: bytes) -> bool:
        same_file = there.continues(tuple(self.inodes.split()))
        return same_file and there.size >= self.offset and head.startswith(self.head)


class _Prepared(NamedTuple):
    """A line that was read and thought about, ready to be stored under a short write lock."""

    offset: int
    record: str
    replaces: bool
    told: list[Digest | Fact]


def is_settled(path: Path, file: File | None) -> bool:
    """Whether there is nothing to take in: the file is as it was, or was not and is not there."""
    try:
        there = extent(path)
    except OSError:
        return False  # whoever takes it in says why it cannot be looked at
    if there is None or file is None:
        return there is None and file is None
    return file.is_unchanged(there)


def _known(db: sqlite3.Connection, path: Path) -> File | None:
    row = db.execute("SELECT * FROM files WHERE path = ?", (os.fsencode(path),)).fetchone()
    return None if row is None else File(*row)


def take_in(db: sqlite3.Connection, source: Source, digest: Digester) -> bool:
    """Take in one batch of new lines; returns whether there may be more."""
    known = _known(db, source.path)
    there = extent(source.path)
    if there is not None and known is not None and known.is_unchanged(there):
        return False
    head = None if there is None else _head(first_part(source.path))
    if there is None or head is None:
        if known is not None:
            with writing(db):
                drop_file(db, known.id)
        return False
    grown = known if known is not None and known.has_only_grown(there, head) else None
    start = grown.offset if grown else 0
    lines = list(islice(read_lines(source.path, start), _BATCH))
    prepared = [_prepare(line, source.stream, digest) for line in lines]  # the long part, before any lock
    with writing(db):
        if _known(db, source.path) != known:
            return True  # another process took it in meanwhile: look again
        if known is not None and grown is None:
            drop_file(db, known.id)
        writer = _Writer(db, source, grown)
        writer.store(prepared)
        done = len(lines) < _BATCH
        seen = (" ".join(there.inodes), there.size if done else -1, there.mtime_ns)
        writer.note(seen, head, start if not lines else lines[-1].offset + len(lines[-1].data) + 1)
    return not done


def _prepare(line: Line, stream: str, digest: Digester) -> _Prepared | None:
    value = parse_object(line.data)
    if value is None:
        return None
    record = value["id"] if isinstance(value.get("id"), str) else f"@{line.offset}"
    return _Prepared(line.offset, record, value.get("rev", 1) != 1, list(digest(stream, value)))


def _head(path: Path) -> bytes | None:
    try:
        fd = open_plain(path, os.O_RDONLY)  # never through a link, never waiting for a pipe
    except NotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(64)


def drop_file(db: sqlite3.Connection, file_id: int) -> None:
    touched = db.execute("SELECT DISTINCT key, session FROM entries WHERE file = ?", (file_id,)).fetchall()
    db.execute("DELETE FROM entries WHERE file = ?", (file_id,))
    db.execute("DELETE FROM folded WHERE workflow IN (SELECT workflow FROM facts WHERE file = ?)", (file_id,))
    db.execute("DELETE FROM facts WHERE file = ?", (file_id,))
    db.execute("DELETE FROM files WHERE id = ?", (file_id,))
    for key, session in touched:
        tally_again(db, key, session)


def tally_again(db: sqlite3.Connection, key: int, session: int | None) -> None:
    """Count the entries of a key in a session anew."""
    standing.drop_of_key(db, key)
    forget_postings(db)
    db.execute("DELETE FROM tallies WHERE key = ? AND session = ?", (key, session))
    db.execute(
        "INSERT INTO tallies SELECT key, session, COUNT(*), SUM(retry), MIN(ts), MAX(ts) FROM entries"
        " WHERE key = ? AND session = ? AND hit GROUP BY key, session",
        (key, session),
    )


class _Writer:
    """Stores prepared lines of one file."""

    def __init__(self, db: sqlite3.Connection, source: Source, known: File | None) -> None:
        self._db = db
        self._session = self._name(source.session)
        self._bad, self._undated = (known.bad, known.undated) if known else (0, 0)
        self._file = known.id if known else self._new_file(source)

    def _new_file(self, source: Source) -> int:
        row = (os.fsencode(source.path), source.session, source.stream)
        cursor = self._db.execute("INSERT INTO files VALUES (NULL, ?, ?, ?, '', 0, 0, x'', 0, 0, 0)", row)
        return int(cursor.lastrowid or 0)

    def note(self, seen: tuple[str, int, int], head: bytes, offset: int) -> None:
        self._db.execute(
            "UPDATE files SET inodes=?, size=?, mtime_ns=?, head=?, offset=?, bad=?, undated=? WHERE id=?",
            (*seen, head, offset, self._bad, self._undated, self._file),
        )

    def store(self, lines: Iterable[_Prepared | None]) -> None:
        for line in lines:
            if line is None:
                self._bad += 1
                continue
            if line.replaces:
                self._drop_record(line.record)
            for one in line.told:
                if isinstance(one, Fact):
                    self._tell(line.record, line.offset, one)
                else:
                    self._insert(line.record, line.offset, one)
            self._undated += any(one.ts is None for one in line.told)

    def _drop_record(self, record: str) -> None:
        where = (self._file, record)
        touched = self._db.execute("SELECT DISTINCT key FROM entries WHERE file=? AND record=?", where).fetchall()
        self._db.execute("DELETE FROM entries WHERE file=? AND record=?", where)
        self._db.execute(
            "DELETE FROM folded WHERE workflow IN (SELECT workflow FROM facts WHERE file=? AND record=?)", where
        )
        self._db.execute("DELETE FROM facts WHERE file=? AND record=?", where)
        for (key,) in touched:
            tally_again(self._db, key, self._session)

    def _tell(self, record: str, offset: int, fact: Fact) -> None:
        row = (self._file, record, offset, self._session, self._name(fact.workflow), *fact[1:])
        self._db.execute("INSERT INTO facts VALUES (NULL,?,?,?,?,?,?,?,?,?,?)", row)

    def _insert(self, record: str, offset: int, digest: Digest) -> None:
        key = self._key(digest)
        retry = int(digest.retryable and self._is_retry(key, digest))
        workflow = self._name(digest.workflow)
        self._db.execute(
            "INSERT INTO entries VALUES (NULL,?,?,?,?,?,?,?,?,?,?,1,?,?)",
            (
                self._file, record, offset, key, digest.ts, self._session, workflow, self._name(digest.agent),
                self._name(digest.category), digest.severity, digest.wording,
                retry,
            ),
        )  # fmt: skip
        self._db.execute(
            "INSERT INTO tallies VALUES (?1,?2,1,?3,?4,?4) ON CONFLICT (key, session) DO UPDATE SET n = n + 1,"
            " retries = retries + ?3, first = MIN(COALESCE(first, ?4), COALESCE(?4, first)),"
            " last = MAX(COALESCE(last, ?4), COALESCE(?4, last))",
            (key, self._session, retry, digest.ts),
        )
        place = Place(digest.ts, record, self._file, offset)
        standing.add(self._db, key, self._session or 0, workflow, place, retry=retry)

    def _is_retry(self, key: int, digest: Digest) -> bool:
        if digest.ts is None:
            return False
        found = self._db.execute(
            "SELECT 1 FROM entries WHERE key=? AND ts BETWEEN ? AND ? AND session=? AND wording=? LIMIT 1",
            (key, digest.ts - RETRY_WINDOW, digest.ts, self._session, digest.wording),
        )
        return found.fetchone() is not None

    def _key(self, digest: Digest) -> int:
        where = (digest.space, digest.key)
        row = self._db.execute("SELECT id FROM keys WHERE space=? AND key=?", where).fetchone()
        if row is None:
            cursor = self._db.execute("INSERT INTO keys VALUES (NULL,?,?,?,?)", (*where, digest.template, digest.kind))
            return int(cursor.lastrowid or 0)
        return int(row[0])

    def _name(self, name: str | None) -> int | None:
        if name is None:
            return None
        row = self._db.execute("SELECT id FROM names WHERE name=?", (name,)).fetchone()
        if row is None:
            return int(self._db.execute("INSERT INTO names VALUES (NULL,?)", (name,)).lastrowid or 0)
        return int(row[0])
