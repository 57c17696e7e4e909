"""Manifests: how far each migration is, told by the name of its manifest in `migration_backup/<id>/`.

pending.json      the session arrives or has arrived: if it has, roll forward, else sweep
manifest.json     the originals are in `originals/`, the session (of the same id) is in use
rollback.json     the originals go back and the session goes away: roll on
rolled_back.json  all is back; the folder remains because it holds something that exists nowhere else
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.base import ID_PATTERN
from orchestrator_mcp.records.legacy import LEGACY_FILES
from orchestrator_mcp.records.migration import EntryKind, Manifest, Original

from .files import read_small, refusals, replace_file, sync_folder
from .paths import OrchestratorPaths

PENDING, DONE, UNDOING, UNDONE = "pending.json", "manifest.json", "rollback.json", "rolled_back.json"

_STAGE = "migration-"
_LEGACY_NAMES = {row.name for row in LEGACY_FILES}
_LARGEST_MANIFEST = 64 << 20


def completed(paths: OrchestratorPaths) -> list[Manifest]:
    """The migrations of this work tree that are in use, oldest first."""
    found = []
    for backup in backups(paths):
        with contextlib.suppress(MigrationError):  # of another work tree, or of nobody here
            if (backup / DONE).exists():
                found.append(read_manifest(paths, backup / DONE))
    return found


def work_of(paths: OrchestratorPaths, manifest: Manifest) -> Path:
    """The work tree of a migration, also where project and work tree were moved together since."""
    return Path(os.path.normpath(paths.base_dir / manifest.work_root))


def is_unfinished(backup: Path) -> bool:
    """Whether something is still to be done here; with nothing in it, that is to remove it."""
    names = set(os.listdir(backup))
    return not names or bool(names & {PENDING, UNDOING})


def backup_of(paths: OrchestratorPaths, session_id: str) -> Path:
    """The folder of the migration that made this session."""
    return paths.backup_dir() / session_id


def backups(paths: OrchestratorPaths) -> Iterator[Path]:
    """Every migration's folder, oldest first."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(paths.backup_dir()), key=lambda entry: entry.name):
            if re.match(ID_PATTERN, entry.name) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def stage_of(paths: OrchestratorPaths, session_id: str) -> Path:
    """Where a session is built, or a backup is taken apart; in the way of nobody else's staging."""
    return paths.tmp_dir() / f"{_STAGE}{session_id}"


def stages(paths: OrchestratorPaths) -> Iterator[Path]:
    """What was being built; whoever holds the store lock knows that nobody builds it any more."""
    with contextlib.suppress(FileNotFoundError):
        yield from (path for path in sorted(paths.tmp_dir().iterdir()) if path.name.startswith(_STAGE))


def read_manifest(paths: OrchestratorPaths, path: Path) -> Manifest:
    """A manifest, if it is one that we would write here: a cloned repository may hold one that names other files.

    Raises:
        MigrationError: if it cannot be read, or asks for more than to move legacy files of this work tree.
    """
    try:
        manifest = Manifest.model_validate_json(read_small(path, _LARGEST_MANIFEST) or b"")
    except ValidationError as error:
        raise MigrationError(
            f"{path} cannot be read, so nothing was moved. Compare it with a copy of yours."
        ) from error
    at_home = work_of(paths, manifest) == paths.work_root and manifest.session_id == path.parent.name
    if not at_home or not all(map(_is_legacy, manifest.originals)):
        raise MigrationError(f"{path} was not written for this work tree, so nothing in it is followed. Remove it.")
    return manifest


def _is_legacy(original: Original) -> bool:
    """Whether this is one of the legacy names or lies beneath one, with nothing that can be run."""
    parts = original.path.split("/")
    safe = all(part not in {"", ".", ".."} and "\\" not in part for part in parts)
    harmless = original.kind is EntryKind.FOLDER or not original.mode & 0o111
    return safe and parts[0] in _LEGACY_NAMES and harmless


def mark(paths: OrchestratorPaths, finishing: Path | None = None) -> None:
    """Write the marker: it names the migrations whose originals are in the backup, `finishing` among them."""
    done = [backup.name for backup in backups(paths) if backup == finishing or (backup / DONE).exists()]
    marker = paths.migration_marker()
    wanted = json.dumps({"migrations": done}).encode() + b"\n" if done else None
    if read_small(marker) == wanted:
        return
    if wanted:
        replace_file(marker, wanted)
    else:
        marker.unlink()
        sync_folder(marker.parent)


def rename(source: Path, target: Path) -> None:
    """Rename, durably."""
    with refusals("renaming", source):
        os.rename(source, target)
        sync_folder(target.parent)
        if source.parent != target.parent:
            sync_folder(source.parent)
