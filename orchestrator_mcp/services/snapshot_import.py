"""Snapshots: taken into the store, from a file or from a branch."""

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError, SnapshotError, StateConflictError
from orchestrator_mcp.records.snapshot import (
    ImportAction,
    OnConflict,
    Pending,
    SnapshotFile,
    SnapshotHeader,
    SnapshotImported,
)
from orchestrator_mcp.storage import snapshot_difference as compared
from orchestrator_mcp.storage import snapshot_import as disk
from orchestrator_mcp.storage.arrival import staging
from orchestrator_mcp.storage.files import refusals
from orchestrator_mcp.storage.snapshot_archive import Progress, opened, silent
from orchestrator_mcp.storage.snapshot_contents import Content, as_it_is, find, measured
from orchestrator_mcp.storage.snapshot_difference import Difference
from orchestrator_mcp.storage.snapshot_guards import check_places
from orchestrator_mcp.storage.snapshot_manifest import Snapshot
from orchestrator_mcp.storage.store import git_remote
from orchestrator_mcp.storage.trees import free_bytes
from orchestrator_mcp.storage.workspace import Workspace

_NAMED = 5
_ATTEMPTS = 5


def import_snapshot(
    workspace: Workspace,
    path: Path,
    *,
    passphrase: Callable[[], str],
    force: bool = False,
    on_conflict: OnConflict = OnConflict.KEEP,
    dry_run: bool = False,
    progress: Progress = silent,
) -> SnapshotImported:
    """Take a snapshot in: what is not here is added, what differs is kept unless told otherwise.

    Args:
        workspace: the project. Where it has no store yet, the store moves here, with its `repo_id`.
        path: the snapshot's file.
        passphrase: asked for if the snapshot is encrypted.
        force: also if it is another repository's.
        on_conflict: what becomes of sessions and files that are here and differ.
        dry_run: only say what would be done.
        progress: told how far reading has come.

    Raises:
        SnapshotError: if it is not whole, not ours, or another repository's; then nothing was changed.
    """
    with opened(path, passphrase, workspace.config.max_store_mb << 20) as snapshot:
        if not force and not _is_own(workspace, snapshot.header):
            raise SnapshotError(
                f"The snapshot is of another repository ({_whose(snapshot.header)}). Nothing was changed. "
                "Use --force if its sessions belong here all the same."
            )
        return take_in(workspace, snapshot, on_conflict=on_conflict, dry_run=dry_run, progress=progress)


def take_in(
    workspace: Workspace,
    snapshot: Snapshot,
    *,
    on_conflict: OnConflict = OnConflict.KEEP,
    dry_run: bool = False,
    progress: Progress = silent,
    content: Content = as_it_is,
) -> SnapshotImported:
    """Take in a snapshot that may be taken in.

    Args:
        workspace: the project.
        snapshot: what was opened; it is read whole before anything is changed, and checked once more after.
        on_conflict: see `import_snapshot`.
        dry_run: the same.
        progress: the same.
        content: how ours would be packed up, to compare.

    Raises:
        SnapshotError: if it is not whole, or `on_conflict` refuses; then nothing was changed.
        StateConflictError: if others write what it would add, time and again.
    """
    _check(snapshot, progress)
    for _ in range(_ATTEMPTS):
        found = difference(workspace, snapshot.files, content, include_private=snapshot.header.include_private)
        chosen = _chosen(found, on_conflict)
        result = _result(snapshot, found, chosen, on_conflict)
        if dry_run or not chosen:
            return result
        done = _arrive(workspace, snapshot, found, chosen)
        if done is not None:
            return _told(result, found, chosen, *done)
    raise StateConflictError("Others keep writing what the snapshot would add. Nothing was imported; try again later.")


def difference(
    workspace: Workspace, files: Sequence[SnapshotFile], content: Content, *, include_private: bool = False
) -> Difference:
    """What a snapshot has, beside what is here."""
    paths = workspace.paths

    def ours(units: set[str]) -> dict[str, SnapshotFile]:
        names = find(paths, include_private=include_private).paths if units else []
        return measured(paths, (name for name in names if compared.unit_of(name) in units), content)

    return compared.difference(paths, files, ours)


def _is_own(workspace: Workspace, header: SnapshotHeader) -> bool:
    """Whether a snapshot is of this repository: it says the same id, or the same remote. A new store has no id yet."""
    meta = workspace.meta
    remote = meta.git_remote if meta else git_remote(workspace.paths.base_dir)
    if meta is not None and meta.repo_id == header.repo_id:
        return True
    if header.git_remote and remote:
        return header.git_remote == remote
    return meta is None


def _whose(header: SnapshotHeader) -> str:
    return f"{header.git_remote or 'no remote'}, {header.repo_id}"


def _check(snapshot: Snapshot, progress: Progress) -> None:
    """Read it all."""
    done = 0
    for _, chunks in snapshot.read():
        for chunk in chunks:
            done += len(chunk)
            progress(done, snapshot.header.bytes)


def _chosen(found: Difference, on_conflict: OnConflict) -> list[str]:
    """What is to be taken in."""
    if found.differing and on_conflict is OnConflict.REFUSE:
        raise SnapshotError(
            f"{_few(found.differing)}: here and in the snapshot, and not the same. Nothing was changed. "
            "Use --on-conflict keep, or --on-conflict replace, which puts ours into the backup."
        )
    return found.added + found.merged + (found.differing if on_conflict is OnConflict.REPLACE else [])


def _arrive(
    workspace: Workspace, snapshot: Snapshot, found: Difference, chosen: list[str]
) -> tuple[list[str], str | None] | None:
    """Stage, decide, and move all into its place; None if others were faster, and it must be compared again."""
    paths = workspace.paths
    _refuse_too_large(workspace, snapshot.header.bytes)
    is_new = workspace.meta is None
    workspace.store(snapshot.header.repo_id if is_new and _is_own(workspace, snapshot.header) else None)
    with staging(paths.tmp_dir()) as stage, refusals("importing into", paths.orchestrator_dir):
        disk.stage(snapshot, found.paths(chosen), stage)
        removed = [path for unit in chosen for path in found.surplus.get(unit, [])]
        pending = Pending(version=snapshot.header.version, created_at=workspace.now(), removed=removed)
        with workspace.locks.of(paths.orchestrator_dir).held():
            if compared.any_here(paths, found.added):
                return None
            check_places(paths, found.paths(chosen))
            decided = disk.commit(paths, stage, pending)
            merged = _completed(workspace, decided)
    return merged, disk.kept_aside(paths, decided)


def _completed(workspace: Workspace, decided: Path) -> list[str]:
    try:
        with refusals("moving into place what is in", decided):
            return disk.complete(workspace.paths, workspace.locks, decided)
    except OrchestratorError as error:
        raise SnapshotError(
            f"The snapshot is taken in, but not all is in its place yet: {error} The next command goes on with it."
        ) from error


def _refuse_too_large(workspace: Workspace, size: int) -> None:
    free = free_bytes(workspace.paths.orchestrator_dir)
    if size > free:
        raise SnapshotError(f"The snapshot unpacks to {size:,} bytes, and {free:,} are free. Nothing was changed.")


def _result(snapshot: Snapshot, found: Difference, chosen: list[str], on_conflict: OnConflict) -> SnapshotImported:
    """What would be done."""
    kept = on_conflict is OnConflict.KEEP and found.differing
    warnings = []
    if kept:
        warnings.append(
            f"Ours were kept, which differ: {_few(found.differing)}. "
            "--on-conflict replace takes theirs, and puts ours into the backup."
        )
    if found.elsewhere:
        warnings.append(f"Archived either here or there, and left so: {_few(found.elsewhere)}.")
    return SnapshotImported(
        action=ImportAction.PLAN if chosen else ImportAction.NOTHING_TO_DO,
        repo_id=snapshot.header.repo_id,
        exported_at=snapshot.header.exported_at,
        added=found.added,
        merged=found.merged,
        same=found.same,
        differing=found.differing,
        warnings=warnings,
        next_step="Nothing was changed yet; without --dry-run it is." if chosen else "",
    )


def _told(
    planned: SnapshotImported, found: Difference, chosen: list[str], merged: list[str], backup: str | None
) -> SnapshotImported:
    """What was done: a stream that differed may have had nothing new for us."""
    changed = merged or set(chosen) - set(found.merged)
    return planned.model_copy(
        update={
            "action": ImportAction.IMPORTED if changed else ImportAction.NOTHING_TO_DO,
            "merged": merged,
            "same": found.same + len(found.merged) - len(merged),
            "backup": backup,
            "next_step": "`orchestrator review --all` counts it all." if changed else "",
        }
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
