"""The archive: where sessions go that were cleaned up. Their streams stay what they were, so that reviews count them.

A session goes there whole, by one rename. What nobody needs any more is removed from it afterwards, its lock last: an
archived folder with a lock is one whose tidying was cut short, and `UNFINISHED` tells that there may be one.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.workflow import FINISHED, STATE_FILE

from .files import is_folder, is_staged, make_folder, refusals, replace_file, sync_folder
from .locks import FolderLock, finish_if_free
from .paths import OrchestratorPaths
from .processes import open_beneath
from .trees import remove_tree

UNFINISHED = ".unfinished"

_LOCK = "lock"
_REMOVED = (STATE_FILE, f"{STATE_FILE}.unreadable", FINISHED, "checkpoints")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})(~[0-9]{1,9})?")

Objection = Callable[[str], str | None]
"""Why a session may not go, as a sentence; None if it may."""


class Settled(NamedTuple):
    """What became of one session: `kept` says why it stays; None means that it is in the archive."""

    session_id: str
    kept: str | None


def archived(paths: OrchestratorPaths) -> Iterator[tuple[str, Path]]:
    """The id and the folder of every archived session; one that was used again and cleaned again has several."""
    with refusals("listing", paths.archive_dir()):
        if not is_folder(paths.archive_dir()):
            return
        entries = sorted(os.scandir(paths.archive_dir()), key=lambda entry: entry.name)
    for entry in entries:
        name = _NAME.fullmatch(entry.name)
        if name and entry.is_dir(follow_symlinks=False):
            yield name[1], Path(entry.path)


def in_use(paths: OrchestratorPaths) -> dict[str, int]:
    """The sessions of which another process has a file open, with that process; where the kernel tells."""
    sessions = paths.sessions_dir().resolve()
    return {
        path.relative_to(sessions).parts[0]: pid
        for path, pid in open_beneath(sessions).items()
        if pid != os.getpid() and path != sessions
    }


def put_away(
    paths: OrchestratorPaths, lock: FolderLock, session_ids: Iterable[str], objection: Objection
) -> list[Settled]:
    """Move sessions into the archive, each by one rename; one that cannot be moved does not keep the others.

    Args:
        paths: the store's.
        lock: the store's.
        session_ids: which.
        objection: asked under a session's own lock, when nothing can be written to it.

    Raises:
        StorageError: if what is left of them cannot be tidied; the next command that writes goes on with that.
    """
    settled = []
    with lock.held():
        make_folder(paths.archive_dir())
        replace_file(paths.archive_dir() / UNFINISHED, b"")
        for session_id in session_ids:
            try:
                settled.append(Settled(session_id, _put_away(paths, session_id, objection)))
            except OrchestratorError as error:
                settled.append(Settled(session_id, str(error)))
        finish_locked(paths)
    return settled


def _put_away(paths: OrchestratorPaths, session_id: str, objection: Objection) -> str | None:
    folder = paths.for_session(session_id).session_dir()
    lock = FolderLock(folder / _LOCK, deadline=1.0)  # one of our own: there may be more sessions than open files
    try:
        with lock.held(), refusals("archiving", folder):
            why = objection(session_id)
            if why is None:
                os.rename(folder, _free_place(paths, session_id))
                sync_folder(paths.archive_dir())
                sync_folder(paths.sessions_dir())
        return why
    finally:
        lock.close()


def _free_place(paths: OrchestratorPaths, session_id: str) -> Path:
    place, number = paths.archive_dir() / session_id, 1
    while os.path.lexists(place):
        number += 1
        place = paths.archive_dir() / f"{session_id}~{number}"
    return place


def finish(paths: OrchestratorPaths) -> list[str]:
    """Go on where a clean-up was cut short, if nobody is at it; returns warnings."""
    return finish_if_free(
        paths,
        "a clean-up of sessions",
        lambda: os.path.lexists(paths.archive_dir() / UNFINISHED),
        partial(finish_locked, paths),
    )


def finish_locked(paths: OrchestratorPaths) -> None:
    """The same under the store lock.

    Raises:
        StorageError: if the operating system refuses.
    """
    with refusals("tidying", paths.archive_dir()):
        # A killed process may have renamed without syncing, and what could still come back must not be half gone.
        sync_folder(paths.archive_dir())
        if is_folder(paths.sessions_dir()):
            sync_folder(paths.sessions_dir())
        for _, folder in archived(paths):
            if os.path.lexists(folder / _LOCK):
                _tidy(folder)
        (paths.archive_dir() / UNFINISHED).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Remove what is not a stream, by name: what others put there stays."""
    for name in (*_REMOVED, *(name for name in os.listdir(folder) if is_staged(name))):
        remove_tree(folder / name)
    sync_folder(folder)
    (folder / _LOCK).unlink()
    sync_folder(folder)
