"""Migration on disk: built aside with a manifest, committed by one rename, and finished or swept after a crash."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.migration import EntryKind, Manifest, Original, Placement

from .arrival import arrive
from .backup import ORIGINALS, copy_file, stash
from .files import FILE_MODE, make_folder, sync_folder, write_new
from .locks import Locks, finish_if_free
from .manifests import (
    DONE,
    KEPT,
    PENDING,
    PREPARED,
    REPLACED,
    UNDOING,
    backup_of,
    backups,
    is_unfinished,
    mark,
    read_manifest,
    stage_of,
    stages,
    work_of,
)
from .paths import OrchestratorPaths
from .placements import folders, place
from .rollback import undo
from .sessions import SessionManager
from .survey import look
from .trees import hash_file, remove_tree, rename, sync_beneath


@dataclass(frozen=True)
class Copy:
    """One file or folder to copy, byte for byte but for the first `skip`; `to` is relative to what is built."""

    root: Path
    original: Original
    to: str
    skip: int = 0


def build(folder: Path, copies: Sequence[Copy], written: Mapping[str, bytes]) -> dict[str, str]:
    """Build something aside, such as a session: of copies, and of what was `written` for it.

    Returns:
        The hash of every file.

    Raises:
        MigrationError: if an original changes meanwhile; then nothing was moved.
    """
    make_folder(folder)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    for one in copies:
        _copy(one, folder / one.to)
        if one.original.sha256:
            hashes[one.to] = hash_file(folder / one.to)[1] if one.skip else one.original.sha256
    for one in reversed(copies):
        if one.original.kind is EntryKind.FOLDER:
            os.utime(folder / one.to, ns=(one.original.mtime_ns, one.original.mtime_ns))
    for name, data in written.items():
        make_folder((folder / name).parent)
        write_new(folder / name, data)
    return hashes


def prepare(paths: OrchestratorPaths, session_id: str, to: str, data: bytes) -> Placement:
    """Have a file of the store replaced after the commit, and keep a copy of what stands there now."""
    backup, target = backup_of(paths, session_id), paths.orchestrator_dir / to
    make_folder((backup / PREPARED / to).parent)
    write_new(backup / PREPARED / to, data)
    replaces = None
    if os.path.lexists(target):
        original = look(paths.orchestrator_dir, to)[0]
        replaces = original.sha256
        make_folder((backup / REPLACED / to).parent)
        if not copy_file(target, backup / REPLACED / to, original, original.mode):
            raise MigrationError(f"{to} was written meanwhile. Nothing was moved; try again.")
    return Placement(to=to, sha256=hashlib.sha256(data).hexdigest(), replaces=replaces)


def prepared_session(paths: OrchestratorPaths, first: str, session_id: str) -> Path:
    """Where a session is built that arrives after the first."""
    return backup_of(paths, first) / PREPARED / "sessions" / session_id


def keep(paths: OrchestratorPaths, session_id: str, copies: Sequence[Copy]) -> None:
    """Copy into the backup what stays where it is and goes nowhere else."""
    for one in copies:
        _copy(one, backup_of(paths, session_id) / KEPT / one.to)


def commit(paths: OrchestratorPaths, manifest: Manifest) -> None:
    """Make the built session appear. The manifest is durable before it, and so are all folders above it."""
    backup = backup_of(paths, manifest.session_id)
    make_folder(backup)
    make_folder(paths.sessions_dir())
    sync_beneath(backup)
    write_new(backup / PENDING, manifest.model_dump_json(indent=1).encode() + b"\n")
    for folder in (backup, backup.parent, paths.orchestrator_dir, paths.base_dir):
        sync_folder(folder)
    arrive(stage_of(paths, manifest.session_id), paths.for_session(manifest.session_id).session_dir())


def complete(paths: OrchestratorPaths, manifest: Manifest) -> list[str]:
    """After the commit: all else in its place, the originals into the backup, the mark. Can be repeated at will."""
    backup = backup_of(paths, manifest.session_id)
    problems = place(paths, manifest, backup) + stash(manifest, work_of(paths, manifest), backup)
    sessions = SessionManager(paths)
    if manifest.current and sessions.get_current_session() is None and sessions.exists(manifest.current):
        sessions.set_current_session(manifest.current)
    mark(paths, finishing=backup)
    rename(backup / PENDING, backup / DONE)
    return problems


def unfinished(paths: OrchestratorPaths) -> bool:
    """Whether a migration or a rollback is under way, or was cut short. Cheap: a few listings."""
    return any(stages(paths)) or any(is_unfinished(backup) for backup in backups(paths))


def recover(paths: OrchestratorPaths, locks: Locks) -> list[str]:
    """Finish, or sweep away, what a crash cut short, if nobody is at it; returns warnings."""
    return finish_if_free(paths, "a migration", partial(unfinished, paths), lambda: recover_locked(paths, locks)[1])


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


def _copy(one: Copy, target: Path) -> None:
    original = one.original
    make_folder(target.parent)
    if original.kind is EntryKind.FOLDER:
        make_folder(target)
    elif not copy_file(one.root / original.path, target, original, original.mode & 0o777 | FILE_MODE, one.skip):
        raise MigrationError(
            f"{original.path} was written while it was copied. Nothing was moved. End what writes it; try again."
        )


def _durable(paths: OrchestratorPaths, backup: Path, name: str) -> Manifest:
    """The manifest of what was cut short, once all that was renamed so far is sure to stay.

    A killed process may have renamed without syncing, and nothing may be built on names that can still vanish.
    """
    manifest = read_manifest(paths, backup / name)
    ours = (paths.base_dir, paths.orchestrator_dir, paths.sessions_dir(), paths.tmp_dir(), backup.parent, backup)
    tops = (work_of(paths, manifest), backup / ORIGINALS)
    holding = [folder for top in tops for name in manifest.names() for folder in reversed((top / name).parents)]
    holding = [folder for folder in holding if any(folder.is_relative_to(top) for top in tops)]
    for folder in dict.fromkeys((*ours, *holding, *folders(paths, manifest, backup))):
        if folder.is_dir():
            sync_folder(folder)
    return manifest


def _has_arrived(paths: OrchestratorPaths, backup: Path) -> bool:
    arrived = SessionManager(paths).exists(backup.name) or (backup / ORIGINALS).exists()
    return arrived and (backup / PENDING).exists()
