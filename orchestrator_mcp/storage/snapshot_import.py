"""A snapshot's way into the store: staged aside, decided by one rename, and rolled forward by whoever comes next.

migration_backup/import-<id>/
    pending.json    decided, and not all is in its place yet; manifest.json once it is
    incoming/       what is still to be moved into its place
    replaced/       our files as they were before theirs took their place
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator_mcp.errors import OrchestratorError, SnapshotError
from orchestrator_mcp.records.snapshot import Pending

from .arrival import TAKEN, arrive
from .chunks import read_chunks
from .files import (
    LARGEST_DOCUMENT,
    is_folder,
    is_staged,
    make_folder,
    read_small,
    refusals,
    refuse_linked,
    sync_folder,
    write_chunks,
    write_new,
)
from .line_news import add, news
from .lines import LineFile
from .locks import Locks, finish_if_free, session_lock
from .manifests import DONE, PENDING, listed
from .paths import OrchestratorPaths
from .snapshot_contents import LINES, folders, is_ours
from .snapshot_difference import is_here, is_of_session, unit_of
from .snapshot_guards import refuse_links
from .trees import files_beneath, remove_tree, rename, walk

if TYPE_CHECKING:
    from .snapshot_manifest import Snapshot

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
    refuse_links(decided)
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


def kept_aside(paths: OrchestratorPaths, decided: Path) -> str | None:
    """Where an import that is complete keeps what it replaced, relative to the project; None if it replaced nothing."""
    return decided.relative_to(paths.base_dir).as_posix() if is_folder(decided) else None


def recover(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    """Finish what a crash cut short; for any command that writes. Never waits, never raises; returns warnings."""
    return finish_if_free(paths, "an import", lambda: bool(_unfinished(paths)), lambda: _finish_all(paths, locks))


def _finish_all(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    warnings = []
    for decided in _unfinished(paths):
        try:
            with refusals("finishing", decided):
                _settle(paths, decided)
                complete(paths, locks, decided)
        except OrchestratorError as error:
            warnings.append(f"An import that was cut short could not be finished: {error}")
    return warnings


def _move_session(paths: OrchestratorPaths, decided: Path, unit: str, parts: list[str]) -> None:
    """As a whole by one rename; where one is there already, file by file between two appends."""
    target = paths.orchestrator_dir / unit
    refuse_linked(paths.orchestrator_dir, unit)
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
    with session_lock(paths, unit):
        for path in parts:
            _replace(paths, decided, path)


def _move_file(paths: OrchestratorPaths, locks: Locks, decided: Path, unit: str, parts: list[str]) -> bool:
    """A file, or a stream with its parts; whether lines were added to one that was here."""
    if unit.endswith(LINES) and is_here(paths, unit):
        return _merge(paths, locks, decided, unit, parts)
    for path in sorted(parts, key=lambda path: (path == unit, path)):  # the one by which the stream is known comes last
        _replace(paths, decided, path)
    return False


def _merge(paths: OrchestratorPaths, locks: Locks, decided: Path, unit: str, parts: list[str]) -> bool:
    refuse_linked(paths.orchestrator_dir, unit)
    target = paths.orchestrator_dir / unit
    for left in target.parent.glob(f".{target.name}.*"):  # by a merge that was killed: no other holds the lock
        if is_staged(left.name):
            left.unlink()
    LineFile(target, locks.of(paths.orchestrator_dir)).heal_locked()
    added = add(target, news(target, decided / INCOMING / unit))
    for path in parts:
        (decided / INCOMING / path).unlink()
    return added


def _replace(paths: OrchestratorPaths, decided: Path, path: str) -> None:
    """Put a file in its place; what stood there is copied aside first."""
    refuse_linked(paths.orchestrator_dir, path)
    target = paths.orchestrator_dir / path
    if os.path.lexists(target):
        _keep(target, decided / REPLACED / path)
    make_folder(target.parent)
    os.replace(decided / INCOMING / path, target)
    sync_folder(target.parent)


def _put_away(paths: OrchestratorPaths, decided: Path, path: str) -> None:
    """Take a file of ours away that the snapshot does not have; it is kept aside."""
    refuse_linked(paths.orchestrator_dir, path)
    target = paths.orchestrator_dir / path
    if os.path.lexists(target):
        with session_lock(paths, path):
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
        _sync(_inside(decided))
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
    """Make all so far durable: a killed process may not have, and nothing may be built on what can vanish."""
    _sync((paths.orchestrator_dir, decided.parent, *_inside(decided), *folders(paths)))


def _sync(folders: Iterable[Path]) -> None:
    for folder in folders:
        sync_folder(folder)


def _inside(decided: Path) -> Iterator[Path]:
    return (folder for folder, _, _ in walk(decided))


def _unfinished(paths: OrchestratorPaths) -> list[Path]:
    found = [one for one in listed(paths.backup_dir()) if one.name.startswith(_IMPORT) and is_folder(one)]
    return [one for one in found if os.path.lexists(one / PENDING)]


def _pending(decided: Path, incoming: list[str]) -> Pending:
    try:
        pending = Pending.model_validate_json(read_small(decided / PENDING, LARGEST_DOCUMENT) or b"")
    except ValidationError as error:
        raise SnapshotError(f"{decided / PENDING} cannot be read, so nothing in it is followed. Remove it.") from error
    if not all(map(is_ours, (*pending.removed, *incoming))):
        raise SnapshotError(f"{decided} was not written by an import, so nothing in it is followed. Remove it.")
    return pending


def _incoming(decided: Path) -> list[str]:
    top = decided / INCOMING
    return sorted(path.relative_to(top).as_posix() for path in files_beneath(top))
