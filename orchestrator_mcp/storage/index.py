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
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError, StorageError, UnsafePathError, WorkspaceBusyError

from .copies import leave_out_copies
from .database import writing
from .files import make_folder, refusals, write_new
from .intake import Digester, File, Source, drop_file, is_settled, take_in
from .locks import FolderLock

DATABASE = "index.sqlite"

_SCHEMA = """
CREATE TABLE about (version TEXT);
CREATE TABLE files (id INTEGER PRIMARY KEY, path BLOB UNIQUE, session TEXT, stream TEXT, inodes TEXT,
  size INTEGER, mtime_ns INTEGER, head BLOB, offset INTEGER, bad INTEGER, undated INTEGER);
CREATE TABLE keys (id INTEGER PRIMARY KEY, space TEXT, key TEXT, template TEXT, kind TEXT, UNIQUE (space, key));
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE entries (id INTEGER PRIMARY KEY, file INTEGER, record TEXT, offset INTEGER, key INTEGER, ts INTEGER,
  session INTEGER, workflow INTEGER, agent INTEGER, category INTEGER, severity INTEGER, hit INTEGER, wording INTEGER,
  retry INTEGER);
CREATE INDEX entries_record ON entries (file, record);
CREATE INDEX entries_key ON entries (key, ts, session, workflow, agent, category, severity, hit, retry, wording);
CREATE INDEX entries_wording ON entries (wording);
CREATE INDEX entries_workflow ON entries (workflow, ts) WHERE workflow IS NOT NULL;
CREATE TABLE facts (id INTEGER PRIMARY KEY, file INTEGER, record TEXT, offset INTEGER, session INTEGER,
  workflow INTEGER, ts INTEGER, what TEXT, phase TEXT, item TEXT, said TEXT);
CREATE INDEX facts_record ON facts (file, record);
CREATE INDEX facts_log ON facts (workflow) WHERE what NOT IN ('tool_feedback', 'process_feedback');
CREATE INDEX facts_other ON facts (file) WHERE what IN ('tool_feedback', 'process_feedback') OR workflow IS NULL;
CREATE TABLE folded (workflow INTEGER PRIMARY KEY, mark TEXT, said TEXT);
CREATE TABLE tallies (key INTEGER, session INTEGER, n INTEGER, retries INTEGER, first INTEGER, last INTEGER,
  PRIMARY KEY (key, session)) WITHOUT ROWID;
CREATE TABLE groupings (space TEXT PRIMARY KEY, mark BLOB, decided BLOB, at INTEGER, engine TEXT,
  placed BLOB);
CREATE TABLE groups (key INTEGER PRIMARY KEY, space TEXT, found INTEGER, grp INTEGER, decided_by TEXT);
CREATE INDEX groups_grp ON groups (space, grp);
CREATE INDEX groups_decided ON groups (space, grp, decided_by) WHERE decided_by IS NOT NULL;
CREATE TABLE standings (grp INTEGER PRIMARY KEY, n INTEGER, retries INTEGER, sessions INTEGER, occasions INTEGER,
  first INTEGER, last INTEGER, wording INTEGER, newest TEXT);
CREATE TABLE standing_where (grp INTEGER, what TEXT, which INTEGER, PRIMARY KEY (grp, what, which)) WITHOUT ROWID;
CREATE TABLE vectors (model TEXT, text BLOB, vector BLOB, PRIMARY KEY (model, text)) WITHOUT ROWID;
CREATE TABLE features (id INTEGER PRIMARY KEY, space TEXT, feature TEXT, n INTEGER, UNIQUE (space, feature));
CREATE TABLE postings (feature INTEGER, seen INTEGER, key INTEGER, PRIMARY KEY (feature, seen, key)) WITHOUT ROWID;
CREATE TABLE documents (key INTEGER PRIMARY KEY, features INTEGER, seen INTEGER);
"""
_OURS = [statement.strip() for statement in _SCHEMA.split(";") if statement.strip()]

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
            rows = map(File._make, db.execute("SELECT * FROM files")) if whole else ()
            known: dict[bytes, File] = {file.path: file for file in rows}
            there = {os.fsencode(source.path): source for source in sources}
            for gone in known.keys() - there.keys():  # first: an entry that moved is no retry of itself
                with writing(db):
                    drop_file(db, known[gone].id)
            for path, source in there.items():
                if not (whole and is_settled(source.path, known.get(path))):
                    problems += self._take_in(db, source)
            if whole:
                leave_out_copies(db)
            self._complete |= whole
        return problems

    def _take_in(self, db: sqlite3.Connection, source: Source) -> list[str]:
        try:
            with refusals("looking at", source.path):
                while take_in(db, source, self._digest):
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
        if not path.exists():
            write_new(path, b"")  # SQLite would make it as readable as the umask lets it
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
    layout = _layout(db)
    if not layout:
        db.executescript(_SCHEMA)
        db.execute("INSERT INTO about VALUES (?)", (version,))
        return db
    if layout != _OURS or db.execute("SELECT version FROM about").fetchall() != [(version,)]:
        msg = "another version's cache"
        raise sqlite3.DatabaseError(msg)
    return db


def _layout(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]


def why_discarded(path: Path, version: str) -> str | None:
    """Why the next use would throw a cache away; None if it would use it, or there is none. Writes nothing.

    Raises:
        UnsafePathError: if it is no plain file, which the next use would refuse.
    """
    _refuse_strange(path)
    journal = path.with_name(path.name + "-wal")
    if not path.exists():
        return None
    as_it_is = "" if journal.exists() and journal.stat().st_size else "&immutable=1"  # else a journal would be made
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{as_it_is}", uri=True)
        with contextlib.closing(db):
            db.execute("PRAGMA trusted_schema = OFF")
            made_by = db.execute("SELECT version FROM about").fetchall() if _layout(db) == _OURS else None
    except sqlite3.DatabaseError as error:
        return None if "locked" in str(error) else f"it is damaged ({error})"
    if made_by == [(f"{version} {_inode(path)}",)]:
        return None
    is_copy = made_by is not None and str(made_by[0][0]).startswith(f"{version} ")
    return "it was copied here from elsewhere" if is_copy else "another version made it"


def unlink_database(folder: Path) -> None:
    """Remove the cache; whoever has it open goes on with what is no longer there."""
    _unlink(folder / DATABASE)


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
