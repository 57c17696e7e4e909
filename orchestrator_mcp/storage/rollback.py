"""Rollback on disk: every original back as it was, the session taken away, nothing written since lost."""

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator_mcp.records.migration import Manifest

from .archive import archived
from .backup import DISPLACED, ORIGINALS, is_intact, restore
from .files import make_folder, read_small, refusals, replace_file, sync_folder
from .locks import Locks
from .manifests import DONE, UNDOING, UNDONE, backup_of, mark, stage_of, work_of
from .paths import OrchestratorPaths
from .placements import changed_since, unplace
from .trees import files_beneath, hash_file, remove_tree, rename

_RETIRED = "sessions"
_LOCK = "lock"


def obstacles(paths: OrchestratorPaths, manifest: Manifest) -> list[str]:
    """What a rollback would set aside: sentences, none if it brings back exactly what was."""
    backup = backup_of(paths, manifest.session_id)
    work, kept = work_of(paths, manifest), backup / ORIGINALS
    found = []
    for session_id, files in manifest.sessions().items():
        session = paths.for_session(session_id).session_dir()
        if session.is_dir() and _written_since(session, files):
            found.append(f"session {session_id} was written to since")
    found += [f"{name} was changed since" for name in changed_since(paths, manifest, backup)]
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
    warnings += unplace(paths, manifest, backup, backup / DISPLACED)
    written = False
    for session_id, files in manifest.sessions().items():
        retired = _retire(paths, locks, session_id, backup)
        if retired.is_dir() and _written_since(retired, files):
            warnings.append(f"The session had been written to since it was migrated. It is kept in {retired}.")
            written = True
    _point_back(paths, manifest)
    mark(paths)
    if written or (backup / DISPLACED).exists():
        rename(backup / UNDOING, backup / UNDONE)
    else:
        _sweep(paths, backup)
    return warnings


def _retire(paths: OrchestratorPaths, locks: Locks, session_id: str, backup: Path) -> Path:
    """Take a session away between two appends: whoever waits for its lock finds it gone, and loses nothing."""
    session, retired = _place_of(paths, session_id), backup / _RETIRED / session_id
    make_folder(retired.parent)
    if session.is_dir():
        lock = locks.of(session)
        with lock.held(), refusals("taking away", session):
            os.rename(session, retired)
        lock.close()
    sync_folder(retired.parent)
    sync_folder(session.parent)
    return retired


def _point_back(paths: OrchestratorPaths, manifest: Manifest) -> None:
    """Have `current` name what it named before, if it names what was taken away."""
    current = paths.current_file()
    if (
        current.is_symlink()
        or (read_small(current) or b"").decode("utf-8", "replace").strip() not in manifest.sessions()
    ):
        return
    if manifest.current_was is not None:
        replace_file(current, manifest.current_was.encode())
    else:
        current.unlink()
        sync_folder(current.parent)


def _place_of(paths: OrchestratorPaths, session_id: str) -> Path:
    """Where the session lies; it may have been cleaned up since it was migrated."""
    session = paths.for_session(session_id).session_dir()
    kept = (folder for name, folder in archived(paths) if name == session_id)
    return session if session.is_dir() else next(kept, session)


def _sweep(paths: OrchestratorPaths, backup: Path) -> None:
    """Remove a backup that holds nothing of its own any more: by a rename first, so that it is never half there."""
    gone = stage_of(paths, backup.name)
    make_folder(gone.parent)
    remove_tree(gone)
    rename(backup, gone)
    remove_tree(gone)


def _written_since(session: Path, files: Mapping[str, str]) -> bool:
    there = {path.relative_to(session).as_posix(): path for path in files_beneath(session) if path.name != _LOCK}
    return there.keys() != files.keys() or any(hash_file(path)[1] != files[name] for name, path in there.items())
