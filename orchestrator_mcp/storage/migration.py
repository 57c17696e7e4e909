"""Migration on disk: built aside with a manifest, committed by one rename, and finished or swept after a crash."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator_mcp.errors import MigrationError, OrchestratorError, WorkspaceBusyError
from orchestrator_mcp.records.migration import EntryKind, LegacyEntry, Manifest, Original

from .arrival import arrive
from .backup import ORIGINALS, copy_file, remove_tree, stash
from .files import FILE_MODE, make_folder, refusals, sync_folder, write_new
from .locks import FolderLock, Locks
from .manifests import (
    DONE,
    PENDING,
    UNDOING,
    backup_of,
    backups,
    is_unfinished,
    mark,
    read_manifest,
    rename,
    stage_of,
    stages,
    work_of,
)
from .paths import OrchestratorPaths
from .rollback import undo
from .sessions import SessionManager


def build(
    paths: OrchestratorPaths, session_id: str, entries: Sequence[LegacyEntry], written: Mapping[str, bytes]
) -> dict[str, str]:
    """Build a session aside: copies of `entries`, byte for byte, and what was `written` for it.

    Returns:
        The hash of every file of the session.

    Raises:
        MigrationError: if an original changes meanwhile; then nothing was moved.
    """
    stage = stage_of(paths, session_id)
    make_folder(stage)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    for entry in entries:
        pairs = [(one, entry.becomes + one.path[len(entry.name) :]) for one in entry.originals]
        for one, name in pairs:
            _copy(paths.work_root, one, stage / name)
        for one, name in reversed(pairs):
            if one.kind is EntryKind.FOLDER:
                os.utime(stage / name, ns=(one.mtime_ns, one.mtime_ns))
        hashes |= {name: one.sha256 for one, name in pairs if one.sha256}
    for name, data in written.items():
        make_folder((stage / name).parent)
        write_new(stage / name, data)
    return hashes


def commit(paths: OrchestratorPaths, manifest: Manifest) -> None:
    """Make the built session appear. The manifest is durable before it, and so are all folders above it."""
    backup = backup_of(paths, manifest.session_id)
    make_folder(backup)
    make_folder(paths.sessions_dir())
    write_new(backup / PENDING, manifest.model_dump_json(indent=1).encode() + b"\n")
    for folder in (backup, backup.parent, paths.orchestrator_dir, paths.base_dir):
        sync_folder(folder)
    arrive(stage_of(paths, manifest.session_id), paths.for_session(manifest.session_id).session_dir())


def complete(paths: OrchestratorPaths, manifest: Manifest) -> list[str]:
    """After the commit: move the originals into the backup, and mark the migration done. Can be repeated at will."""
    backup = backup_of(paths, manifest.session_id)
    problems = stash(manifest, work_of(paths, manifest), backup)
    sessions = SessionManager(paths)
    if manifest.becomes_current and sessions.get_current_session() is None and sessions.exists(manifest.session_id):
        sessions.set_current_session(manifest.session_id)
    mark(paths, finishing=backup)
    rename(backup / PENDING, backup / DONE)
    return problems


def unfinished(paths: OrchestratorPaths) -> bool:
    """Whether a migration or a rollback is under way, or was cut short. Cheap: a few listings."""
    return any(stages(paths)) or any(is_unfinished(backup) for backup in backups(paths))


def recover(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    """Finish, or sweep away, what a crash cut short; for any command that writes. Never waits, never raises.

    Returns:
        Warnings. None if nothing was found, or if another process is at it.
    """
    if not unfinished(paths):
        return []
    lock = FolderLock(paths.lock_file(), deadline=0.0)
    try:
        with lock.held(), refusals("finishing a migration in", paths.orchestrator_dir):
            return recover_locked(paths, locks)[1]
    except WorkspaceBusyError:
        return []
    except OrchestratorError as error:
        return [f"A migration that was cut short could not be finished: {error}"]
    finally:
        lock.close()


def recover_locked(paths: OrchestratorPaths, locks: Locks) -> tuple[list[Manifest], list[str]]:
    """The same under the store lock: the migrations that were finished now, and warnings."""
    finished, warnings = [], []
    for backup in backups(paths):
        try:
            if (backup / UNDOING).exists():
                warnings += undo(paths, locks, _durable(paths, backup, UNDOING), backup)
            elif _has_arrived(paths, backup):
                manifest = _durable(paths, backup, PENDING)
                finished.append(manifest)
                warnings += complete(paths, manifest)
            elif is_unfinished(backup):
                remove_tree(backup)
        except MigrationError as error:
            warnings.append(str(error))
    for stage in stages(paths):
        sync_folder(stage.parent)  # else a rename that brought it here could be undone when half of it is gone
        remove_tree(stage)
    mark(paths)
    return finished, warnings


def _copy(work: Path, one: Original, target: Path) -> None:
    make_folder(target.parent)
    if one.kind is EntryKind.FOLDER:
        make_folder(target)
    elif not copy_file(work / one.path, target, one, one.mode & 0o777 | FILE_MODE):
        raise MigrationError(
            f"{one.path} was written while it was copied. Nothing was moved. End what writes it; try again."
        )


def _durable(paths: OrchestratorPaths, backup: Path, name: str) -> Manifest:
    """The manifest of what was cut short, once all that was renamed so far is sure to stay.

    A killed process may have renamed without syncing, and nothing may be built on names that can still vanish.
    """
    manifest = read_manifest(paths, backup / name)
    ours = (paths.base_dir, paths.orchestrator_dir, paths.sessions_dir(), paths.tmp_dir(), backup.parent, backup)
    for folder in (*ours, backup / ORIGINALS, work_of(paths, manifest)):
        if folder.is_dir():
            sync_folder(folder)
    return manifest


def _has_arrived(paths: OrchestratorPaths, backup: Path) -> bool:
    arrived = SessionManager(paths).exists(backup.name) or (backup / ORIGINALS).exists()
    return arrived and (backup / PENDING).exists()
