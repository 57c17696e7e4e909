"""The workspace: one project as seen by one process — its paths, clock, session and streams."""

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from orchestrator_mcp.errors import NotFoundError, OrchestratorError, ReadOnlyError, StateConflictError, StorageError
from orchestrator_mcp.records.base import Model
from orchestrator_mcp.records.config import Config
from orchestrator_mcp.records.session import StoreMeta
from orchestrator_mcp.records.streams import BY_MODEL, STREAMS

from .archive import archived, finish
from .arrival import sweep_abandoned
from .config import ConfigLoader, Effective
from .files import make_folder, read_small, replace_file
from .flusher import Flusher
from .index import DATABASE, Index
from .intake import Source
from .legacy import LegacyFiles
from .locks import Locks
from .migration import recover
from .own_session import OwnSession
from .paths import HomePaths, OrchestratorPaths, Roots
from .quota import Quota
from .reading import KeptReads, Read, joined, read_records
from .sessions import SessionManager, check_session_id
from .settings import Settings, Thinking
from .snapshot_import import recover as finish_imports
from .store import make_redaction_key, open_store, read_meta, redaction_key, refuse_unmigrated
from .streams import Stream
from .taken import Taken

M = TypeVar("M", bound=Model)

_FLUSHER = Flusher()  # one timer for the process, however many workspaces it opens


class Workspace:
    """Paths, clock, session and streams of one project. Anything named after a feature belongs in a service."""

    def __init__(
        self, roots: Roots, settings: Settings, thinking: Thinking, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.paths = OrchestratorPaths(roots.store, None, roots.work, roots.folder)
        self.settings = settings
        self.home = HomePaths(settings.home) if settings.home else None
        self._loader = ConfigLoader(self.paths, self.home, settings.environ, settings.flags)
        self.locks = Locks()
        self.sessions = SessionManager(self.paths, self.locks.of(self.paths.orchestrator_dir))
        self._own_session = OwnSession(self.sessions, settings)
        self.legacy = LegacyFiles(roots.work, Taken(self.paths))
        self._thinking = thinking
        self._clock = clock or (lambda: datetime.now(UTC))
        self._streams: dict[Path, Stream[Any]] = {}
        self._kept = KeptReads()
        self._index: Index | None = None
        self._key: bytes | None = None
        self._recovered = False
        settings_in_force = self._loader.load_config  # not of `self`: a cycle would keep files open
        self.quota = Quota(self.paths, lambda: settings_in_force().config.max_store_mb)
        self.beside: tuple[Workspace, ...] = ()  # other repositories, which only reviews read
        self.unread: list[str] = []  # why some files could not be taken into the index
        self.before_first_write: Callable[[], Iterable[str]] = tuple

    def now(self) -> datetime:
        return self._clock()

    @property
    def config(self) -> Config:
        """The settings in force. Broken ones stand at their default, with a warning: see `Effective`."""
        return self.effective().config

    def effective(self) -> Effective:
        """The settings in force with their origins and problems; a file that changed is read again."""
        return self._loader.load_config()

    @property
    def read_only(self) -> bool:
        return self.settings.read_only

    def check_writable(self) -> None:
        """Stop before a write outside the store, which `store` does for those inside.

        Raises:
            ReadOnlyError: under --read-only.
        """
        if self.read_only:
            raise ReadOnlyError("This workspace is open read-only, so nothing was written. Start without --read-only.")

    @property
    def meta(self) -> StoreMeta | None:
        """What the store says it is, or None where there is none of ours yet."""
        return read_meta(self.paths)

    def store(self, repo_id: str | None = None, *, migrating: bool = False) -> StoreMeta:
        """The store, made if it is not there; with `repo_id`, if it moves here from elsewhere.

        `migrating`: what an older orchestrator left is taken over next; otherwise its folder is only read.

        Raises:
            ReadOnlyError: under --read-only.
            ForeignStoreError: if the folder is another tool's or a newer version's.
        """
        self.check_writable()
        if not migrating:
            if not self._recovered:
                self._say(self.before_first_write())
            refuse_unmigrated(self.paths)
        meta = open_store(self.paths, self.locks.of(self.paths.orchestrator_dir), self.now(), repo_id)
        if not self._recovered:
            self._recovered = True
            sweep_abandoned(self.paths.tmp_dir())
            unfinished = (recover(self.paths, self.locks), finish_imports(self.paths, self.locks), finish(self.paths))
            self._say(itertools.chain(*unfinished))
        return meta

    def _say(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            print(f"orchestrator-mcp: {warning}", file=sys.stderr)  # noqa: T201  no result to put it in

    def session_id(self) -> str:
        """This process's session, opened on first use.

        Named by flag, argument or environment; else bound to the client's conversation; else this process's own;
        else, for a short-lived process, the one `current` names.
        """
        return self._own_session.open(self.store, self.now)

    def known_session(self) -> str | None:
        """The session without opening one: for reads."""
        return self._own_session.known()

    def touch(self) -> None:
        """Open the agent's session where a store exists, so that sessions without an entry count too."""
        if self.read_only or not self.settings.own_session:
            return
        with contextlib.suppress(OrchestratorError):  # a courtesy of a read, which must not fail for it
            if self.meta is not None:
                self.session_id()

    def stream(self, model: type[M], session_id: str | None = None) -> Stream[M]:
        """The stream of a model, of this process's session or of a named one, ready for writing."""
        spec = BY_MODEL[model]
        if not spec.in_session or session_id:
            self.store()
        path = self._path_of(model, session_id)
        folder = self.paths.sessions_dir() / self._session_of(path) if spec.in_session else self.paths.orchestrator_dir
        if path.parent != folder:
            make_folder(path.parent, parents=False)  # a session that was cleaned up since does not come back half
        if path not in self._streams:
            self.key()  # made under the store lock, which a writer of the store's own streams already holds
            lock, room = self.locks.of(folder), self.quota.take
            self._streams[path] = Stream(model, path, lock, self.redact, _FLUSHER, durable=spec.durable, room=room)
        return self._streams[path]

    def read(self, model: type[M], session_id: str | None = None) -> Read[M]:
        """Every record of a model: of one session, or of all, the archived ones included.

        Takes no lock and writes nothing. Of all sessions, a file that cannot be read is left out: `unread` says so.
        """
        spec = BY_MODEL[model]
        if session_id is not None:
            return read_records(model, self._path_of(model, session_id))
        if not spec.in_session:
            return self._kept.read(model, self.paths.orchestrator_dir / spec.file)
        by_folder: dict[int, Read[M]] = {}
        for _, folder in self.session_folders():
            with contextlib.suppress(FileNotFoundError):  # it moves to the archive just now, and is found there
                # By inode: one that was read and then moved is not read twice.
                by_folder[folder.lstat().st_ino] = self._readable(model, folder / spec.file)
        return joined(by_folder.values())

    def _readable(self, model: type[M], path: Path) -> Read[M]:
        try:
            return read_records(model, path)
        except (StorageError, NotFoundError) as error:
            return Read(unread=[f"Left out: {error}"])

    def session_folders(self) -> Iterator[tuple[str, Path]]:
        """The id and the folder of every session, then of every archived one; an id can come more than once."""
        for session_id in self.sessions.list_sessions():
            yield session_id, self.paths.sessions_dir() / session_id
        yield from archived(self.paths)

    def index(self) -> Index:
        """The cache, brought up to date with every file of every session."""
        index = self._opened_index()
        self.unread = index.refresh(self._sources(), whole=True)
        return index

    def index_of(self, stream: Stream[Any]) -> Index:
        """The cache, brought up to date with one stream of a session; the first use takes in all."""
        if self._index is None or not self._index.is_complete():
            return self.index()
        self._index.refresh([Source(stream.path, BY_MODEL[stream.model].name, self._session_of(stream.path))])
        return self._index

    def write_report(self, name: str, text: str, still: Callable[[], None] = lambda: None) -> None:
        """Write a derived file, unless `still` raises. It can be deleted at any time and is written anew."""
        self.store()
        path = self.paths.reports_dir() / name
        make_folder(path.parent)
        with self.locks.of(self.paths.orchestrator_dir).held():
            still()
            replace_file(path, text.encode("utf-8", "replace"))

    def unless_erased(self) -> Callable[[], None]:
        """A question to ask, under the store lock, before writing what is drawn from texts that were read since now.

        It raises StateConflictError if something was forgotten in between: the texts must be read again.
        """
        mark = read_small(self.paths.erasure_mark())

        def still() -> None:
            if read_small(self.paths.erasure_mark()) != mark:
                raise StateConflictError("A record was forgotten meanwhile, so nothing was written. Try again.")

        return still

    def key(self) -> bytes:
        """The store's own random key, for tags and hashes that nobody outside can guess. Made on first use.

        Raises:
            ReadOnlyError: under --read-only, if there is none yet.
        """
        key = self.known_key()
        if key is None:
            self.check_writable()
            key = self._key = make_redaction_key(self.paths, self.locks.of(self.paths.orchestrator_dir))
        return key

    def known_key(self) -> bytes | None:
        """The same without making one: for reads."""
        if self._key is None:
            self._key = redaction_key(self.paths)
        return self._key

    def flush(self) -> None:
        """Sync what was not synced yet."""
        _FLUSHER.flush()

    def close(self) -> None:
        """Sync, and give back what is held open; the workspace can be used again."""
        self.flush()
        self._streams.clear()  # whose descriptors are closed with them
        if self._index is not None:
            self._index.close()
            self._index = None

    def _opened_index(self) -> Index:
        alone = not (self.read_only or self.beside or self.meta is None)
        path = self.paths.cache_dir() / DATABASE if alone else None
        if self._index is not None and self._index.path != path:  # the store came, or was removed, since
            self._index.close()
            self._index = None
        if self._index is None:
            lock = self.locks.of(self.paths.orchestrator_dir)
            self._index = Index(path, self._thinking.version, self._thinking.digest, lock)
        return self._index

    def _sources(self) -> Iterator[Source]:
        for session_id, folder in self.session_folders():
            for spec in STREAMS:
                if spec.in_session:
                    yield Source(folder / spec.file, spec.name, session_id)
        yield from self.legacy.sources()
        for other in self.beside:
            yield from other._sources()  # noqa: SLF001  of the same class

    def _path_of(self, model: type[Model], session_id: str | None) -> Path:
        spec = BY_MODEL[model]
        if not spec.in_session:
            return self.paths.orchestrator_dir / spec.file
        chosen = check_session_id(session_id) if session_id else self.session_id()
        if session_id and not self.sessions.exists(chosen):
            raise NotFoundError(f"There is no session {chosen}. `orchestrator session list` shows them.")
        return self.paths.sessions_dir() / chosen / spec.file

    def _session_of(self, path: Path) -> str:
        return path.parts[len(self.paths.sessions_dir().parts)]

    def redact(self, value: dict[str, Any]) -> dict[str, Any]:
        """A record's fields without the secrets in its texts; see `Thinking.without_secrets`."""
        return self._thinking.without_secrets(value, self.key())
