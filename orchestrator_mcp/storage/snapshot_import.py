"""A snapshot's way into the store: staged aside, decided by one rename, and rolled forward by whoever comes next.

migration_backup/import-<id>/
    pending.json    decided, and not all is in its place yet; manifest.json once it is
    incoming/       what is still to be moved into its place
    replaced/       our files as they were before theirs took their place
"""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator_mcp.errors import OrchestratorError, SnapshotError, UnsafePathError, WorkspaceBusyError
from orchestrator_mcp.records.snapshot import Pending

from .arrival import TAKEN, arrive
from .backup import remove_tree
from .files import is_folder, make_folder, read_small, refusals, replace_by_chunks, sync_folder, write_chunks, write_new
from .line_news import news
from .lines import LineFile
from .locks import FolderLock, Locks
from .manifests import DONE, PENDING, rename
from .paths import OrchestratorPaths
from .snapshot_contents import LINES, SESSIONS, is_ours, read_chunks
from .snapshot_difference import is_here, is_of_session, unit_of

if TYPE_CHECKING:
    from .snapshot_archive import Snapshot

INCOMING, REPLACED = "incoming", "replaced"

_IMPORT = "import-"


def stage(snapshot: "Snapshot", wanted: Iterable[str], folder: Path) -> None:
    """Unpack some of a snapshot's files, each synced."""
    names = set(wanted)
    for file, chunks in snapshot.read():
        if file.path in names:
            path = folder / INCOMING / file.path
            make_folder(path.parent)
            write_chunks(path, chunks, mtime=file.mtime)


def check_places(paths: OrchestratorPaths, names: Iterable[str]) -> None:
    """Look where files are to go, before anything is decided.

    Raises:
        UnsafePathError: if a link or no plain file stands there, or a link on the way.
    """
    for name in names:
        _refuse_linked(paths, name)
        target = paths.orchestrator_dir / name
        if os.path.lexists(target) and (target.is_symlink() or not target.is_file()):
            raise UnsafePathError(f"{target} is not a plain file, so nothing was changed. Move it away and try again.")
        for parent in target.parents:
            if os.path.lexists(parent):
                if not parent.is_dir():
                    raise UnsafePathError(f"{parent} is not a folder, so nothing was changed. Move it away, try again.")
                break


def commit(paths: OrchestratorPaths, folder: Path, pending: Pending) -> Path:
    """Decide: from here on the import happens, whatever is killed. Under the store lock."""
    write_new(folder / PENDING, pending.model_dump_json().encode() + b"\n")
    decided = paths.backup_dir() / f"{_IMPORT}{folder.name}"
    arrive(folder, decided)
    return decided


def complete(paths: OrchestratorPaths, locks: Locks, decided: Path) -> list[str]:
    """Move all into its place, under the store lock. Can be repeated at will.

    Returns:
        The streams that lines were added to.
    """
    _refuse_links(decided)
    incoming = _incoming(decided)
    pending = _pending(decided, incoming)
    units: dict[str, list[str]] = {}
    for path in incoming:
        units.setdefault(unit_of(path), []).append(path)
    merged = []
    for unit, parts in units.items():
        if is_of_session(unit):
            _move_session(paths, decided, unit, parts)
        elif _move_file(paths, locks, decided, unit, parts):
            merged.append(unit)
    for path in pending.removed:
        _put_away(paths, decided, path)
    _finish(paths, decided)
    return merged


def recover(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    """Finish what a crash cut short; for any command that writes. Never waits, never raises; returns warnings."""
    unfinished = list(_unfinished(paths))
    if not unfinished:
        return []
    lock = FolderLock(paths.lock_file(), deadline=0.0)
    try:
        with lock.held(), refusals("finishing an import in", paths.orchestrator_dir):
            return recover_locked(paths, locks)
    except WorkspaceBusyError:
        return []
    except OrchestratorError as error:
        return [f"An import that was cut short could not be finished: {error}"]
    finally:
        lock.close()


def recover_locked(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    """The same under the store lock."""
    warnings = []
    for decided in _unfinished(paths):
        try:
            _settle(paths, decided)
            complete(paths, locks, decided)
        except OrchestratorError as error:
            warnings.append(f"An import that was cut short could not be finished: {error}")
    return warnings


def _move_session(paths: OrchestratorPaths, decided: Path, unit: str, parts: list[str]) -> None:
    """As a whole by one rename; where one is there already, file by file between two appends."""
    target = paths.orchestrator_dir / unit
    _refuse_linked(paths, unit)
    if not os.path.lexists(target):
        make_folder(target.parent)
        try:
            os.rename(decided / INCOMING / unit, target)
        except OSError as error:
            if error.errno not in TAKEN:  # else somebody opened it this instant
                raise
        else:
            sync_folder(target.parent)
            return
    with _locked(paths, unit):
        for path in parts:
            _replace(paths, decided, path)


@contextlib.contextmanager
def _locked(paths: OrchestratorPaths, path: str) -> Iterator[None]:
    """Hold the lock of the session that a file is in; the store's is held already.

    It is a lock of our own, closed after use: there may be more sessions than files can be open.
    """
    if not path.startswith(f"{SESSIONS}/"):
        yield
        return
    lock = FolderLock(paths.orchestrator_dir / unit_of(path) / "lock")
    try:
        with lock.held():
            yield
    finally:
        lock.close()


def _move_file(paths: OrchestratorPaths, locks: Locks, decided: Path, unit: str, parts: list[str]) -> bool:
    """A file, or a stream with its parts; whether lines were added to one that was here."""
    if unit.endswith(LINES) and is_here(paths, unit):
        return _merge(paths, locks, decided, unit, parts)
    for path in sorted(parts, key=lambda path: (path == unit, path)):  # the one by which the stream is known comes last
        _replace(paths, decided, path)
    return False


def _merge(paths: OrchestratorPaths, locks: Locks, decided: Path, unit: str, parts: list[str]) -> bool:
    _refuse_linked(paths, unit)
    target = paths.orchestrator_dir / unit
    LineFile(target, locks.of(paths.orchestrator_dir)).heal_locked()
    lines = list(news(target, decided / INCOMING / unit))
    if lines:  # at once: a power loss may keep the second of two appends, and lose the first
        replace_by_chunks(target, itertools.chain(read_chunks(target), lines))
    for path in parts:
        (decided / INCOMING / path).unlink()
    return bool(lines)


def _replace(paths: OrchestratorPaths, decided: Path, path: str) -> None:
    """Put a file in its place; what stood there is copied aside first."""
    _refuse_linked(paths, path)
    target = paths.orchestrator_dir / path
    if os.path.lexists(target):
        _keep(target, decided / REPLACED / path)
    make_folder(target.parent)
    os.replace(decided / INCOMING / path, target)
    sync_folder(target.parent)


def _put_away(paths: OrchestratorPaths, decided: Path, path: str) -> None:
    """Take a file of ours away that the snapshot does not have; it is kept aside."""
    _refuse_linked(paths, path)
    target = paths.orchestrator_dir / path
    if os.path.lexists(target):
        with _locked(paths, path):
            _keep(target, decided / REPLACED / path)
            target.unlink()
            sync_folder(target.parent)


def _keep(source: Path, kept: Path) -> None:
    make_folder(kept.parent)
    kept.unlink(missing_ok=True)  # of an earlier try, which may have been cut short
    write_chunks(kept, read_chunks(source), mtime=int(source.lstat().st_mtime))
    sync_folder(kept.parent)


def _finish(paths: OrchestratorPaths, decided: Path) -> None:
    if (decided / INCOMING).is_dir():
        _settle(paths, decided)
        remove_tree(decided / INCOMING)
        sync_folder(decided)
    if (decided / REPLACED).is_dir():
        rename(decided / PENDING, decided / DONE)
        return
    gone = paths.tmp_dir() / decided.name
    make_folder(gone.parent)
    remove_tree(gone)
    rename(decided, gone)
    remove_tree(gone)


def _settle(paths: OrchestratorPaths, decided: Path) -> None:
    """Make the renames so far durable: a killed process may not have, and nothing may be built on what can vanish."""
    tops = (paths.orchestrator_dir, paths.sessions_dir(), decided.parent, paths.orchestrator_dir / "rules")
    for folder in (*tops, *(Path(folder) for folder, _, _ in os.walk(decided))):
        if folder.is_dir():
            sync_folder(folder)


def _unfinished(paths: OrchestratorPaths) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(paths.backup_dir())):
            folder = paths.backup_dir() / name
            if name.startswith(_IMPORT) and is_folder(folder) and (folder / PENDING).exists():
                yield folder


def _pending(decided: Path, incoming: list[str]) -> Pending:
    try:
        pending = Pending.model_validate_json(read_small(decided / PENDING, 64 << 20) or b"")
    except ValidationError as error:
        raise SnapshotError(f"{decided / PENDING} cannot be read, so nothing in it is followed. Remove it.") from error
    if not all(map(is_ours, (*pending.removed, *incoming))):
        raise SnapshotError(f"{decided} was not written by an import, so nothing in it is followed. Remove it.")
    return pending


def _incoming(decided: Path) -> list[str]:
    top = decided / INCOMING
    return sorted(Path(folder, name).relative_to(top).as_posix() for folder, _, files in os.walk(top) for name in files)


def _refuse_links(decided: Path) -> None:
    """A cloned repository may have brought this folder."""
    for folder, folders, files in os.walk(decided):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise UnsafePathError(f"{path} is a link or no plain file, so this import is not finished. Remove it.")


def _refuse_linked(paths: OrchestratorPaths, path: str) -> None:
    """Nothing is moved to where a link leads."""
    for parent in (paths.orchestrator_dir / path).relative_to(paths.orchestrator_dir).parents:
        if (paths.orchestrator_dir / parent).is_symlink():
            raise UnsafePathError(f"{paths.orchestrator_dir / parent} is a symbolic link, and links are not followed.")
