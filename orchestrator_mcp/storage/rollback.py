"""Rollback on disk: every original back as it was, the session taken away, nothing written since lost."""

import os
from pathlib import Path

from orchestrator_mcp.records.migration import Manifest

from .backup import DISPLACED, ORIGINALS, is_intact, remove_tree, restore
from .files import make_folder, read_small, refusals, sync_folder
from .locks import Locks
from .manifests import DONE, UNDOING, UNDONE, backup_of, mark, rename, stage_of, work_of
from .paths import OrchestratorPaths
from .survey import hash_file

RETIRED = "session"

_LOCK = "lock"


def obstacles(paths: OrchestratorPaths, manifest: Manifest) -> list[str]:
    """What a rollback would set aside: sentences, none if it brings back exactly what was."""
    work, kept = work_of(paths, manifest), backup_of(paths, manifest.session_id) / ORIGINALS
    session = paths.for_session(manifest.session_id).session_dir()
    found = []
    if session.is_dir() and _written_since(session, manifest):
        found.append(f"session {manifest.session_id} was written to since")
    for name in manifest.names():
        if os.path.lexists(kept / name):
            if os.path.lexists(work / name):
                found.append(f"a {name} stands where the original belongs")
            if not is_intact(kept, manifest.part(name)):
                found.append(f"the backup of {name} is not what was stored")
    return found


def roll_back(paths: OrchestratorPaths, locks: Locks, manifest: Manifest) -> list[str]:
    """Bring the originals back and take the session away. One rename decides; the rest can be repeated at will."""
    backup = backup_of(paths, manifest.session_id)
    rename(backup / DONE, backup / UNDOING)
    return undo(paths, locks, manifest, backup)


def undo(paths: OrchestratorPaths, locks: Locks, manifest: Manifest, backup: Path) -> list[str]:
    """What follows that rename, from wherever a crash left it."""
    warnings = restore(manifest, work_of(paths, manifest), backup)
    _retire(paths, locks, manifest.session_id, backup)
    retired = backup / RETIRED
    written = retired.is_dir() and _written_since(retired, manifest)
    if written:
        warnings.append(f"The session had been written to since it was migrated. It is kept in {retired}.")
    mark(paths)
    if written or (backup / DISPLACED).exists():
        rename(backup / UNDOING, backup / UNDONE)
    else:
        _sweep(paths, backup)
    return warnings


def _retire(paths: OrchestratorPaths, locks: Locks, session_id: str, backup: Path) -> None:
    """Take the session away between two appends: whoever waits for its lock finds it gone, and loses nothing."""
    session = paths.for_session(session_id).session_dir()
    current = paths.current_file()
    if not current.is_symlink() and (read_small(current) or b"").strip() == session_id.encode():
        current.unlink()
        sync_folder(current.parent)
    if session.is_dir():
        lock = locks.of(session)
        with lock.held(), refusals("taking away", session):
            os.rename(session, backup / RETIRED)
        lock.close()
    sync_folder(backup)
    sync_folder(session.parent)


def _sweep(paths: OrchestratorPaths, backup: Path) -> None:
    """Remove a backup that holds nothing of its own any more: by a rename first, so that it is never half there."""
    gone = stage_of(paths, backup.name)
    make_folder(gone.parent)
    remove_tree(gone)
    rename(backup, gone)
    remove_tree(gone)


def _written_since(session: Path, manifest: Manifest) -> bool:
    there = {
        path.relative_to(session).as_posix(): path
        for path in session.rglob("*")
        if path.name != _LOCK and (path.is_symlink() or not path.is_dir())
    }
    return there.keys() != manifest.session_files.keys() or any(
        hash_file(path)[1] != manifest.session_files[name] for name, path in there.items()
    )
