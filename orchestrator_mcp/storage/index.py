"""The index: a disposable SQLite cache over the streams, so that a question does not read every line again.

It holds no entry: only keys, templates, names, counts and where each line begins. It is never trusted and may be
deleted at any time; without it, or under --read-only, the same code runs over one in memory, so the answers are the
same.
"""

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_mcp.errors import NotFoundError, StorageError, UnsafePathError, WorkspaceBusyError
from orchestrator_mcp.records.digest import Digest

from .files import make_folder, open_plain, refusals
from .lines import Line, parse_object, read_lines
from .locks import FolderLock

RETRY_WINDOW = 2_000_000
"""Microseconds within which the identical text of the same session is one call made twice."""

DATABASE = "index.sqlite"

_BATCH = 2_000
_SCHEMA = """
CREATE TABLE about (version TEXT);
CREATE TABLE files (id INTEGER PRIMARY KEY, path BLOB UNIQUE, session TEXT, stream TEXT, dev INTEGER, ino INTEGER,
  size INTEGER, mtime_ns INTEGER, head BLOB, offset INTEGER, bad INTEGER, undated INTEGER);
CREATE TABLE keys (id INTEGER PRIMARY KEY, space TEXT, key TEXT, template TEXT, kind TEXT, UNIQUE (space, key));
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE entries (id INTEGER PRIMARY KEY, file INTEGER, record TEXT, offset INTEGER, key INTEGER, ts INTEGER,
  session INTEGER, workflow INTEGER, agent INTEGER, category INTEGER, severity INTEGER, hit INTEGER, hash INTEGER,
  retry INTEGER);
CREATE INDEX entries_record ON entries (file, record);
CREATE INDEX entries_key ON entries (key, ts, session, workflow, agent, category, severity, hit, retry, hash);
CREATE TABLE tallies (key INTEGER, session INTEGER, n INTEGER, retries INTEGER, first INTEGER, last INTEGER,
  PRIMARY KEY (key, session)) WITHOUT ROWID;
CREATE TABLE groupings (space TEXT PRIMARY KEY, mark BLOB);
CREATE TABLE groups (key INTEGER PRIMARY KEY, space TEXT, grp TEXT);
CREATE INDEX groups_grp ON groups (space, grp);
"""


class Source(NamedTuple):
    """A file to be indexed: which stream it holds, and of which session (empty for none)."""

    path: Path
    stream: str
    session: str


Digester = Callable[[str, dict[str, Any]], Iterable[Digest]]


_INHERITED: list[sqlite3.Connection] = []
"""Connections of a parent process, kept from being closed in a forked child."""


class Index:
    """The cache over all streams.

    Args:
        path: the database file; None keeps it in memory.
        version: of everything that decides what is stored; a cache of another version is rebuilt.
        digest: what to keep of one line of one stream.
        lock: the store's lock, held while the database is laid out.
    """

    def __init__(self, path: Path | None, version: str, digest: Digester, lock: FolderLock) -> None:
        self.path = path
        self._version = version
        self._digest = digest
        self._lock = lock
        self._guard = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._complete = False
        self._pid = os.getpid()

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The database, for the length of a `with` block; one thread at a time.

        Raises:
            WorkspaceBusyError: if another process kept it locked.
        """
        with self._guard:
            try:
                yield self._connected()
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise WorkspaceBusyError(f"{self.path} is in use by another process. Try again.") from error
                self._discard()
                raise StorageError(f"The cache {self.path} failed ({error}). It will be rebuilt: try again.") from error
            except sqlite3.DatabaseError as error:
                self._discard()
                raise StorageError(f"The cache {self.path} was damaged and is discarded: try again.") from error

    def refresh(self, sources: Iterable[Source], *, whole: bool = False) -> list[str]:
        """Take in what was appended to `sources`. `whole` means that these are all there are: others are dropped.

        Work is committed in batches, so that an interrupted build goes on where it stopped.

        Returns:
            Why some could not be read, as sentences; one strange file does not stop the others.
        """
        problems: list[str] = []
        with self.open() as db:
            # One question for all files costs less than one for each of 10,000 sessions.
            rows = map(_File._make, db.execute("SELECT * FROM files")) if whole else ()
            known: dict[bytes, _File] = {file.path: file for file in rows}
            for source in sources:
                file = known.pop(os.fsencode(source.path), None)
                if not (whole and _is_settled(source.path, file)):
                    problems += self._take_in(db, source)
            for file in known.values():
                with writing(db):
                    _drop_file(db, file.id)
            self._complete |= whole
        return problems

    def _take_in(self, db: sqlite3.Connection, source: Source) -> list[str]:
        try:
            with refusals("looking at", source.path):
                while _take_in(db, source, self._digest):
                    pass
        except (StorageError, NotFoundError) as error:
            return [f"Left out: {error}"]
        return []

    def close(self) -> None:
        with self._guard:
            self._close()

    def _connected(self) -> sqlite3.Connection:
        if self._db is not None and self._pid != os.getpid():
            _INHERITED.append(self._db)  # closing it here would take the parent's locks away
            self._db = None
        if self._db is not None and not self._is_there():
            self._close()  # somebody removed the cache: what we hold open is nobody else's any more
        if self._db is None:
            self._db, self._pid = self._connect(), os.getpid()
            self._inode = _inode(self.path)
            self._complete = False
        return self._db

    def _is_there(self) -> bool:
        return self._inode == _inode(self.path)

    def is_complete(self) -> bool:
        """Whether every file was taken in since the database was opened, and nobody removed it since."""
        with self._guard:
            return self._db is not None and self._complete and self._is_there()

    def _connect(self) -> sqlite3.Connection:
        if self.path is None:
            return self._in_memory()
        try:
            return self._on_disk(self.path)
        except (UnsafePathError, WorkspaceBusyError):
            raise
        except (StorageError, OSError, sqlite3.OperationalError) as error:
            if "locked" in str(error):
                raise
            return self._in_memory()  # a read-only or full disk is no reason not to answer

    def _in_memory(self) -> sqlite3.Connection:
        return _lay_out(_plain_connection(":memory:"), self._version)

    def _on_disk(self, path: Path) -> sqlite3.Connection:
        make_folder(path.parent)
        _refuse_strange(path)
        with self._lock.held():  # of many processes one lays it out
            try:
                return self._shared(path)
            except sqlite3.DatabaseError as error:  # damaged, of another version, or no database at all
                if "locked" in str(error):
                    raise  # by another process, for which it is good enough
                _unlink(path)
                return self._shared(path)

    def _shared(self, path: Path) -> sqlite3.Connection:
        db = _plain_connection(str(path))
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # a lost cache is rebuilt
            # A copy of the file, such as a cloned repository may bring, has another inode and is not believed.
            return _lay_out(db, f"{self._version} {_inode(path)}")
        except BaseException:
            db.close()
            raise

    def _discard(self) -> None:
        """Under the store lock, lest another process's new database loses its journal."""
        self._close()
        if self.path is not None:
            with contextlib.suppress(StorageError, WorkspaceBusyError, OSError), self._lock.held():
                _unlink(self.path)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _inode(path: Path | None) -> tuple[int, int] | None:
    try:
        info = path.lstat() if path else None
    except OSError:
        return None
    return (info.st_dev, info.st_ino) if info else None


def _plain_connection(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, timeout=5.0, check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _refuse_strange(path: Path) -> None:
    """SQLite follows links, and a cloned repository may hold one."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
        raise UnsafePathError(f"{path} is not a plain file of ours. Remove it; it is only a cache.")


def _lay_out(db: sqlite3.Connection, version: str) -> sqlite3.Connection:
    """Make sure that version and layout are exactly ours: a foreign trigger or view would run as our code."""
    layout = [row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if not layout:
        db.executescript(_SCHEMA)
        db.execute("INSERT INTO about VALUES (?)", (version,))
        return db
    ours = [statement.strip() for statement in _SCHEMA.split(";") if statement.strip()]
    if layout != ours or db.execute("SELECT version FROM about").fetchall() != [(version,)]:
        msg = "another version's cache"
        raise sqlite3.DatabaseError(msg)
    return db


def unlink_database(folder: Path) -> None:
    """Remove the cache; whoever has it open goes on with what is no longer there."""
    _unlink(folder / DATABASE)


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class _File(NamedTuple):
    """A row of `files`: how far a file was read, and how we know it again."""

    id: int
    path: bytes  # a name need not be UTF-8
    session: str
    stream: str
    dev: int
    ino: int
    size: int
    mtime_ns: int
    head: bytes
    offset: int
    bad: int
    undated: int

    def is_unchanged(self, info: os.stat_result) -> bool:
        seen = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
        return seen == (self.dev, self.ino, self.size, self.mtime_ns)

    def has_only_grown(self, info: os.stat_result, head: bytes) -> bool:
        same_file = (info.st_dev, info.st_ino) == (self.dev, self.ino)
        return same_file and info.st_size >= self.offset and head.startswith(self.head)


class _Prepared(NamedTuple):
    """A line that was read and thought about, ready to be stored under a short write lock."""

    offset: int
    record: str
    replaces: bool
    digests: list[Digest]


def _is_settled(path: Path, file: _File | None) -> bool:
    """Whether there is nothing to take in: the file is as it was, or was not and is not there."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return file is None
    except OSError:
        return False  # whoever takes it in says why it cannot be looked at
    return file is not None and file.is_unchanged(info)


def _known(db: sqlite3.Connection, path: Path) -> _File | None:
    row = db.execute("SELECT * FROM files WHERE path = ?", (os.fsencode(path),)).fetchone()
    return None if row is None else _File(*row)


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


def _take_in(db: sqlite3.Connection, source: Source, digest: Digester) -> bool:
    """Take in one batch of new lines; returns whether there may be more."""
    known = _known(db, source.path)
    try:
        info = source.path.lstat()
        if known is not None and known.is_unchanged(info):
            return False
        head = _head(source.path)
    except (FileNotFoundError, NotADirectoryError, NotFoundError):
        if known is not None:
            with writing(db):
                _drop_file(db, known.id)
        return False
    grown = known if known is not None and known.has_only_grown(info, head) else None
    start = grown.offset if grown else 0
    lines = list(islice(read_lines(source.path, start), _BATCH))
    prepared = [_prepare(line, source.stream, digest) for line in lines]  # the long part, before any lock
    with writing(db):
        if _known(db, source.path) != known:
            return True  # another process took it in meanwhile: look again
        if known is not None and grown is None:
            _drop_file(db, known.id)
        writer = _Writer(db, source, grown)
        writer.store(prepared)
        done = len(lines) < _BATCH
        seen = (info.st_dev, info.st_ino, info.st_size if done else -1, info.st_mtime_ns)
        writer.note(seen, head, start if not lines else lines[-1].offset + len(lines[-1].data) + 1)
    return not done


def _prepare(line: Line, stream: str, digest: Digester) -> _Prepared | None:
    value = parse_object(line.data)
    if value is None:
        return None
    record = value["id"] if isinstance(value.get("id"), str) else f"@{line.offset}"
    return _Prepared(line.offset, record, value.get("rev", 1) != 1, list(digest(stream, value)))


def _head(path: Path) -> bytes:
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:  # never through a link, never waiting for a pipe
        return file.read(64)


def _drop_file(db: sqlite3.Connection, file_id: int) -> None:
    touched = db.execute("SELECT DISTINCT key, session FROM entries WHERE file = ?", (file_id,)).fetchall()
    db.execute("DELETE FROM entries WHERE file = ?", (file_id,))
    db.execute("DELETE FROM files WHERE id = ?", (file_id,))
    for key, session in touched:
        _tally_again(db, key, session)


def _tally_again(db: sqlite3.Connection, key: int, session: int | None) -> None:
    db.execute("DELETE FROM tallies WHERE key = ? AND session = ?", (key, session))
    db.execute(
        "INSERT INTO tallies SELECT key, session, COUNT(*), SUM(retry), MIN(ts), MAX(ts) FROM entries"
        " WHERE key = ? AND session = ? AND hit GROUP BY key, session",
        (key, session),
    )


class _Writer:
    """Stores prepared lines of one file."""

    def __init__(self, db: sqlite3.Connection, source: Source, known: _File | None) -> None:
        self._db = db
        self._session = self._name(source.session)
        self._bad, self._undated = (known.bad, known.undated) if known else (0, 0)
        self._file = known.id if known else self._new_file(source)

    def _new_file(self, source: Source) -> int:
        row = (os.fsencode(source.path), source.session, source.stream)
        cursor = self._db.execute("INSERT INTO files VALUES (NULL, ?, ?, ?, 0, 0, 0, 0, x'', 0, 0, 0)", row)
        return int(cursor.lastrowid or 0)

    def note(self, seen: tuple[int, ...], head: bytes, offset: int) -> None:
        self._db.execute(
            "UPDATE files SET dev=?, ino=?, size=?, mtime_ns=?, head=?, offset=?, bad=?, undated=? WHERE id=?",
            (*seen, head, offset, self._bad, self._undated, self._file),
        )

    def store(self, lines: Iterable[_Prepared | None]) -> None:
        for line in lines:
            if line is None:
                self._bad += 1
                continue
            if line.replaces:
                self._drop_record(line.record)
            for digest in line.digests:
                self._insert(line.record, line.offset, digest)
                self._undated += digest.ts is None

    def _drop_record(self, record: str) -> None:
        where = (self._file, record)
        touched = self._db.execute("SELECT DISTINCT key FROM entries WHERE file=? AND record=?", where).fetchall()
        self._db.execute("DELETE FROM entries WHERE file=? AND record=?", where)
        for (key,) in touched:
            _tally_again(self._db, key, self._session)

    def _insert(self, record: str, offset: int, digest: Digest) -> None:
        key = self._key(digest)
        retry = int(digest.retryable and self._is_retry(key, digest))
        self._db.execute(
            "INSERT INTO entries VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                self._file, record, offset, key, digest.ts, self._session, self._name(digest.workflow),
                self._name(digest.agent), self._name(digest.category), digest.severity, digest.hit,
                digest.text_hash, retry,
            ),
        )  # fmt: skip
        if digest.hit:
            self._db.execute(
                "INSERT INTO tallies VALUES (?1,?2,1,?3,?4,?4) ON CONFLICT (key, session) DO UPDATE SET n = n + 1,"
                " retries = retries + ?3, first = MIN(COALESCE(first, ?4), COALESCE(?4, first)),"
                " last = MAX(COALESCE(last, ?4), COALESCE(?4, last))",
                (key, self._session, retry, digest.ts),
            )

    def _is_retry(self, key: int, digest: Digest) -> bool:
        if digest.ts is None:
            return False
        found = self._db.execute(
            "SELECT 1 FROM entries WHERE key=? AND ts BETWEEN ? AND ? AND session=? AND hash=? LIMIT 1",
            (key, digest.ts - RETRY_WINDOW, digest.ts, self._session, digest.text_hash),
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
