"""The lock: one kernel lock per folder, which a dying process always gives back."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

from orchestrator_mcp.errors import OrchestratorError, WorkspaceBusyError

from .files import is_at, open_plain, refusals
from .paths import OrchestratorPaths
from .processes import lock_holders

FIRST_WAIT = 50e-6
LONGEST_WAIT = 1e-3
DEADLINE = 10.0


class FolderLock:
    """An exclusive lock on a file that is never deleted, between processes and between threads.

    The kernel lock does not exclude threads that share its descriptor, hence the lock beside it. Neither is
    held across a fork, an await or a sync to disk.
    """

    def __init__(self, path: Path, deadline: float = DEADLINE) -> None:
        self.path = path
        self.deadline = deadline
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._threads = threading.Lock()
        self._fd: int | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a `with` block.

        Raises:
            WorkspaceBusyError: if it was not free within the deadline.
            NotFoundError: if the folder is gone.
            StorageError: if the operating system refuses.
        """
        if self._pid != os.getpid():
            # A forked child shares its parent's descriptor, which would exclude nobody; kept open, it would hold the
            # lock on after its parent was killed.
            self._drop()
            self._start_over()
        until = time.monotonic() + self.deadline
        if not self._threads.acquire(timeout=self.deadline):
            raise self._busy()
        try:
            fd = self._acquire(until)
            try:
                yield
            finally:
                self._release(fd)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Give the descriptor back, and the lock with it."""
        self._drop()

    def __del__(self) -> None:
        self.close()

    def _acquire(self, until: float) -> int:
        while True:
            fd = self._fd if self._fd is not None else self._open()
            try:
                with refusals("locking", self.path):
                    self._wait(fd, until)
                    if self._is_still(fd):
                        return fd
            except BaseException:
                self._drop()  # it may be locked already, and nobody would give it back
                raise
            self._drop()  # which gives the lock back too

    def _release(self, fd: int) -> None:
        try:
            unlock_descriptor(fd)
        except OSError:
            self._drop()  # closing gives it back as well, and what was done under it is done

    def _open(self) -> int:
        self._fd = open_plain(self.path, os.O_RDWR | os.O_CREAT)
        return self._fd

    def _drop(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None  # forgotten first: a close that fails has closed all the same
            os.close(fd)

    def _wait(self, fd: int, until: float) -> None:
        pause = FIRST_WAIT
        while not lock_descriptor(fd, blocking=False):
            if time.monotonic() > until:
                raise self._busy()
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  jitter, not a secret
            pause = min(2 * pause, LONGEST_WAIT)

    def _is_still(self, fd: int) -> bool:
        """Whether the locked file still has our path; a lock on a removed file excludes nobody."""
        return is_at(fd, self.path)

    def _busy(self) -> WorkspaceBusyError:
        return WorkspaceBusyError(
            f"{self.path} is held by {self._holder()} and was not free within {self.deadline:g} s. "
            "Wait for it to finish, or end it, then try again."
        )

    def _holder(self) -> str:
        """Who holds the lock, where the kernel says so (Linux)."""
        holders = lock_holders()
        try:
            inode = self.path.stat().st_ino
        except OSError:
            holders = None
        if holders is None:
            return "another process"
        return f"process {holders[inode]}" if inode in holders else "another thread"


class Locks:
    """One `FolderLock` per path for the whole process, so that its threads exclude each other."""

    def __init__(self) -> None:
        self._locks: dict[Path, FolderLock] = {}
        self._guard = threading.Lock()

    def of(self, folder: Path) -> FolderLock:
        """The lock of a folder; its file is called `lock` and lies inside."""
        with self._guard:
            return self._locks.setdefault(folder, FolderLock(folder / "lock"))


@contextlib.contextmanager
def session_lock(paths: OrchestratorPaths, name: str) -> Iterator[None]:
    """Hold the lock of the session that a file of the store lies in, if it lies in one; the store's is held already.

    It is a lock of its own, closed after use: there may be more sessions than files can be open.
    """
    top, _, inside = name.partition("/")
    session = paths.sessions_dir() / inside.partition("/")[0]
    if top != paths.sessions_dir().name or not inside or not session.is_dir():
        yield
        return
    lock = FolderLock(session / "lock")
    try:
        with lock.held():
            yield
    finally:
        lock.close()


def finish_if_free(
    paths: OrchestratorPaths, what: str, unfinished: Callable[[], bool], finish: Callable[[], list[str] | None]
) -> list[str]:
    """Finish under the store lock what a crash cut short; for any command that writes. Never waits, never raises.

    Args:
        paths: the store's.
        what: it is, such as `a migration`.
        unfinished: whether there is any; asked without the lock.
        finish: does it, and returns warnings if it has any.

    Returns:
        Warnings. None if nothing was found, or if another process is at it.
    """
    lock = FolderLock(paths.lock_file(), deadline=0.0)
    try:
        with refusals(f"finishing {what} in", paths.orchestrator_dir):
            if not unfinished():
                return []
            with lock.held():
                return finish() or []
    except WorkspaceBusyError:
        return []
    except OrchestratorError as error:
        return [f"{what.capitalize()} that was cut short could not be finished: {error}"]
    finally:
        lock.close()
