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
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.base import ID_PATTERN
from orchestrator_mcp.records.legacy import LEGACY_FILES, OF_THE_STORE
from orchestrator_mcp.records.migration import Manifest, Original, Placement

from .files import LARGEST_DOCUMENT, is_folder, read_small, refusals, replace_file, sync_folder
from .paths import OrchestratorPaths

PENDING, DONE, UNDOING, UNDONE = "pending.json", "manifest.json", "rollback.json", "rolled_back.json"

PREPARED, REPLACED, KEPT = "prepared", "replaced", "kept"
"""Folders of a backup: what is put in place after the commit, copies of what stood there, and copies of what stays."""

_STAGE = "migration-"
_OF_THE_STORE = {row.becomes for row in LEGACY_FILES if row.kind in OF_THE_STORE}
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,70}"
_STATE = re.compile(f"sessions/{_NAME}/(state|workflows/{_NAME})[.]json")


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
    """Whether something is still to be done here; with nothing decided yet, that is to remove it."""
    names = set(os.listdir(backup))
    return names <= {PREPARED, REPLACED, KEPT} or bool(names & {PENDING, UNDOING})


def backup_of(paths: OrchestratorPaths, session_id: str) -> Path:
    """The folder of the migration that made this session."""
    return paths.backup_dir() / session_id


def backups(paths: OrchestratorPaths) -> Iterator[Path]:
    """Every migration's folder, oldest first.

    Raises:
        StorageError: if the operating system refuses.
    """
    for path in listed(paths.backup_dir()):
        if re.match(ID_PATTERN, path.name) and is_folder(path):
            yield path


def stage_of(paths: OrchestratorPaths, session_id: str) -> Path:
    """Where a session is built, or a backup is taken apart; in the way of nobody else's staging."""
    return paths.tmp_dir() / f"{_STAGE}{session_id}"


def stages(paths: OrchestratorPaths) -> Iterator[Path]:
    """What was being built; whoever holds the store lock knows that nobody builds it any more.

    Raises:
        StorageError: if the operating system refuses.
    """
    return (path for path in listed(paths.tmp_dir()) if path.name.startswith(_STAGE))


def listed(folder: Path) -> list[Path]:
    """What lies in a folder of ours, in order of the names; nothing where there is none, or a link to one.

    Raises:
        StorageError: if the operating system refuses.
    """
    with refusals("listing", folder):
        return sorted(folder.iterdir()) if is_folder(folder) else []


def read_manifest(paths: OrchestratorPaths, path: Path) -> Manifest:
    """A manifest, if it is one that we would write here: a cloned repository may hold one that names other files.

    Raises:
        MigrationError: if it cannot be read, or asks for more than to move legacy files of this work tree.
    """
    try:
        manifest = Manifest.model_validate_json(read_small(path, LARGEST_DOCUMENT) or b"")
    except ValidationError as error:
        raise MigrationError(
            f"{path} cannot be read, so nothing was moved. Compare it with a copy of yours."
        ) from error
    at_home = work_of(paths, manifest) == paths.work_root and manifest.session_id == path.parent.name
    if not at_home or not _is_ours(manifest):
        raise MigrationError(f"{path} was not written for this work tree, so nothing in it is followed. Remove it.")
    return manifest


def _is_ours(manifest: Manifest) -> bool:
    """Whether a manifest asks for nothing but what a migration of ours does."""
    tops = manifest.names()
    return (
        (manifest.current is None or manifest.current in manifest.sessions())
        and all(map(_is_legacy, tops))
        and all(_is_harmless(one) for one in (*manifest.originals, *manifest.around))
        and all(any(top.startswith(f"{one.path}/") for top in tops) for one in manifest.around)
        and all(map(_is_ours_to_place, manifest.placements))
    )


def _is_legacy(name: str) -> bool:
    """Whether this is one of the legacy names."""
    return any(name.count("/") == row.name.count("/") and fnmatchcase(name, row.name) for row in LEGACY_FILES)


def _is_harmless(original: Original) -> bool:
    """Whether a path leads nowhere else."""
    return all(
        part not in {"", ".", ".."} and (os.sep == "/" or os.sep not in part) for part in original.path.split("/")
    )


def _is_ours_to_place(one: Placement) -> bool:
    parts = one.to.split("/")
    if one.sha256 is None:
        return len(parts) == 2 and parts[0] == "sessions" and bool(re.match(ID_PATTERN, parts[1]))  # noqa: PLR2004
    return one.to in _OF_THE_STORE or bool(_STATE.fullmatch(one.to) and ".." not in one.to)


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
