"""Sessions: one folder per agent's conversation, opened once and found again."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError, StorageError, UnsafePathError
from orchestrator_mcp.records.session import Session
from orchestrator_mcp.records.streams import STREAMS

from .arrival import arrive, staging
from .files import is_folder, read_small, refusals, refuse_linked, replace_file, write_new
from .ids import id_of, new_id
from .lines import encode_line, read_lines
from .locks import FolderLock
from .origin import is_origin_session
from .paths import OrchestratorPaths
from .store import open_store

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLACES = ("feedback", "workflows", "checkpoints")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def is_safe_name(name: str) -> bool:
    """Whether a name, which may have come from anywhere, is safe as a folder's or file's."""
    return bool(_SAFE_ID.fullmatch(name)) and ".." not in name and not _RESERVED.fullmatch(name)


def check_session_id(session_id: str) -> str:
    """Give back an id that is safe as a folder's name.

    Raises:
        InvalidInputError: for anything else, such as a path.
    """
    if not is_safe_name(session_id):
        raise InvalidInputError(
            f"{session_id[:80]!r} is no session id. Use one that list_sessions shows: letters, digits, - and _."
        )
    return session_id


class SessionManager:
    """Create, find and list sessions of the store at `paths`, whose lock is `lock`."""

    def __init__(self, paths: OrchestratorPaths, lock: FolderLock | None = None) -> None:
        self.paths = paths
        self._lock = lock or FolderLock(paths.lock_file())

    def create_session(
        self,
        session_id: str | None = None,
        *,
        client: str | None = None,
        client_session: str | None = None,
        label: str | None = None,
        now: datetime | None = None,
    ) -> str:
        """Make a session appear, whole, and return its id. One that is already there is left as it is.

        The store is made if it is not there, and the first session becomes the current one.
        """
        session_id = check_session_id(session_id or new_id())
        now = now or datetime.now(UTC)
        open_store(self.paths, self._lock, now)
        self._make(
            Session(session_id=session_id, created_at=now, client=client, client_session=client_session, label=label)
        )
        self.point_at_first(session_id)
        return session_id

    def point_at_first(self, session_id: str) -> None:
        """Make a session current if none is."""
        if self.get_current_session() is None:
            with self._lock.held():
                if self.get_current_session() is None:
                    self.set_current_session(session_id)

    def current_or_new(self, is_live: Callable[[str], bool], *, client: str | None, now: datetime) -> str:
        """The current session if it is live, else a new one, current from now on. Of several processes one makes it."""
        current = self.get_current_session()
        # Looked at again: another process may have chosen another one, and what is live would be that one.
        if current is None or not is_live(current) or self.get_current_session() != current:
            open_store(self.paths, self._lock, now)
            with self._lock.held():
                current = self.get_current_session()
                if current is None or not is_live(current):
                    current = new_id()
                    self._make(Session(session_id=current, created_at=now, client=client))
                    self.set_current_session(current)
        return current

    def _make(self, session: Session) -> None:
        session_id = session.session_id
        worktree = None if self.paths.work_root == self.paths.base_dir else str(self.paths.work_root)
        here = {"repo_root": str(self.paths.base_dir), "worktree": worktree}
        data = encode_line(session.model_copy(update=here).model_dump(mode="json", exclude_none=True))
        try:
            self._arrive(session_id, data)
        except NotFoundError:  # the stage was swept away by another process that cleaned up
            self._arrive(session_id, data)

    def _arrive(self, session_id: str, data: bytes) -> None:
        with staging(self.paths.tmp_dir()) as stage:
            write_new(stage / "meta.json", data)
            try:
                arrive(stage, self._folder(session_id))
            except StateConflictError:  # another process of the same conversation was first
                if not self.exists(session_id):
                    raise UnsafePathError(
                        f"{self._folder(session_id)} is not a folder of ours. Move it away, or name another session."
                    ) from None

    def client_session_id(self, client_session: str) -> str:
        """The id of the session bound to a client's own session id: computed, so that no table can be lost."""
        return id_of(f"client-session:{client_session}")

    def exists(self, session_id: str) -> bool:
        folder = self._folder(session_id)
        with refusals("looking at", folder):
            try:
                return stat.S_ISDIR(os.lstat(folder).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def read(self, session_id: str) -> Session:
        """A session's own description.

        Raises:
            NotFoundError: if there is no such session, or its description cannot be read.
        """
        data = read_small(self._folder(check_session_id(session_id)) / "meta.json")
        if data is None:
            raise NotFoundError(f"There is no session {session_id}. `orchestrator session list` shows them.")
        try:
            return Session.model_validate_json(data)
        except ValidationError as error:
            raise NotFoundError(
                f"The meta.json of session {session_id} cannot be read. Run with another session."
            ) from error

    def list_sessions(self) -> list[str]:
        """The ids of all sessions: folders only, links and other tools' files left out."""
        return sorted(self._entries())

    def _entries(self) -> Iterator[str]:
        refuse_linked(self.paths.orchestrator_dir, self.paths.sessions_dir().name)
        with refusals("listing", self.paths.sessions_dir()):
            try:
                entries = list(os.scandir(self.paths.sessions_dir()))
            except FileNotFoundError:
                return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and _SAFE_ID.fullmatch(entry.name):
                yield entry.name

    def last_activity(self, session_id: str) -> datetime:
        """When a session's files were last written; 1970 if it has none, or is gone."""
        with refusals("looking at", self._folder(session_id)):
            return datetime.fromtimestamp(max(self._times(session_id), default=0), UTC)

    def _times(self, session_id: str) -> Iterator[float]:
        folder = self._folder(session_id)
        for place in (folder, *(folder / name for name in _PLACES)):
            with suppress(FileNotFoundError, NotADirectoryError):
                for entry in os.scandir(place) if is_folder(place) else ():
                    with suppress(FileNotFoundError):
                        info = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(info.st_mode) and entry.name != "lock":  # which a mere look may make
                            yield info.st_mtime

    def count_entries(self, session_id: str) -> int:
        """How many lines a session's streams have, every revision counted; those that cannot be read count none."""
        return sum(self._count(self._folder(session_id) / spec.file) for spec in STREAMS if spec.in_session)

    def _count(self, path: Path) -> int:
        try:
            return sum(1 for _ in read_lines(path))
        except StorageError:
            return 0

    def worktree_is_gone(self, session: Session) -> bool:
        """Whether the linked worktree in which a session was opened is no longer there."""
        return session.worktree is not None and not os.path.isdir(session.worktree)  # noqa: PTH112  is_dir may raise

    def get_current_session(self) -> str | None:
        """The session that `current` names, if there is one: a default for people, never more than that."""
        path = self.paths.current_file()
        try:
            if path.is_symlink():
                name = path.readlink().name  # other tools make it a link: its target's name is the id
            else:
                name = (read_small(path) or b"").decode("utf-8", "replace").strip()
        except (OSError, StorageError):
            return None  # huge, a folder, a pipe: whatever it is, it names no session
        fits = name and _SAFE_ID.fullmatch(name) and ".." not in name and self.exists(name)
        return name if fits and not is_origin_session(self._folder(name)) else None

    def current_of_origin(self) -> str | None:
        """What `current` says, if it names a session of the older orchestrator: to be said again by a rollback."""
        try:
            name = (read_small(self.paths.current_file()) or b"").decode("utf-8", "replace")
        except StorageError:
            return None
        return name if is_origin_session(self._folder(name.strip() or "-")) else None

    def set_current_session(self, session_id: str) -> None:
        """Point `current` at a session that exists.

        Raises:
            NotFoundError: if there is no such session.
        """
        if not self.exists(check_session_id(session_id)):
            raise NotFoundError(f"There is no session {session_id}. `orchestrator session list` shows them.")
        replace_file(self.paths.current_file(), session_id.encode() + b"\n")

    def chosen_at(self) -> datetime:
        """When a session was last made current."""
        with refusals("looking at", self.paths.current_file()):
            return datetime.fromtimestamp(self.paths.current_file().lstat().st_mtime, UTC)

    _set_current_session = set_current_session  # as the first sketch of this class called it

    def _folder(self, session_id: str) -> Path:
        return self.paths.sessions_dir() / session_id
