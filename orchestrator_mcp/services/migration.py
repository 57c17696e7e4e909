"""Migration: legacy files become sessions, and come back if a person wants them to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from orchestrator_mcp.analysis.migration import is_wanted
from orchestrator_mcp.errors import MigrationError, NotFoundError, OrchestratorError
from orchestrator_mcp.records.legacy import IMPORTED_FILES
from orchestrator_mcp.records.migration import Action, Choices, Manifest, MigrationResult, PlannedFile
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage import rollback as disk_rollback
from orchestrator_mcp.storage.backup import ORIGINALS
from orchestrator_mcp.storage.files import refusals
from orchestrator_mcp.storage.legacy import FoundFile, legacy_at
from orchestrator_mcp.storage.manifests import backup_of, completed
from orchestrator_mcp.storage.workspace import Workspace

from .gitignore import gitignore_diff
from .migrating import result_of, run_job
from .migration_jobs import Job, of_work_tree, planned

DryRun = Annotated[bool, Field(description="Only say what would move; false does it")]

_MOVED = "The legacy files are where they were. `orchestrator migrate` moves them again."
_SEEN = 3
_COPIED = "The copies are gone. What they were copied from was not touched."


def migrate_state(workspace: Workspace, *, dry_run: DryRun = True) -> MigrationResult:
    """Move legacy .workflow_* files into .orchestrator/ as one session; a dry run unless told otherwise.

    The originals go into a backup, from which a person can bring them back.

    Raises:
        MigrationError: if it is not safe; then nothing was moved.
        ReadOnlyError: under --read-only, unless it is a dry run.
    """
    return migrate(workspace, Choices(), dry_run=dry_run)


def migrate(workspace: Workspace, choices: Choices, *, dry_run: bool) -> MigrationResult:
    """The same with a person's choices.

    Raises:
        MigrationError: if it is not safe; then nothing was moved.
        ReadOnlyError: under --read-only, unless it is a dry run.
    """
    result = _run(of_work_tree(workspace, choices), dry_run=dry_run)
    moving = {file.from_.partition("/")[0] for file in result.files} if dry_run and not choices.stays else ()
    offered = result.files or workspace.meta is not None  # also after an agent migrated
    return result.model_copy(update={"gitignore": gitignore_diff(workspace, moving) if offered else ""})


def import_legacy(workspace: Workspace, path: Path, *, dry_run: bool = False) -> MigrationResult:
    """Copy what an older orchestrator, failure tracker or telemetry left anywhere into a session here.

    Nothing is changed at `path`: a project, a folder such as `.learnings`, or a single file. What was imported or
    migrated before is known by its content and not taken twice.

    Raises:
        NotFoundError: if there is nothing at `path`, or nothing that any of these tools left.
        MigrationError: if it is not safe; then nothing was imported.
    """
    files = legacy_at(path, workspace.legacy.taken)
    choices = Choices() if files.root == path else Choices(include=(path.name,))
    _refuse_unknown(path, [one for one in files.found() if is_wanted(one.name, choices)])
    return _run(Job(workspace, ((files, True),), choices, imported=path), dry_run=dry_run)


def _refuse_unknown(path: Path, found: list[FoundFile]) -> None:
    if any(one.problem is None or one.unsafe for one in found):
        return
    seen = "; ".join(f"{one.name}: {one.problem}" for one in found[:_SEEN])
    known = ", ".join(row.name for row in IMPORTED_FILES if row.is_certain or (row.beneath and not row.is_pattern))
    raise NotFoundError(
        f"Nothing at {path} is known here{f' ({seen})' if seen else ''}. An import knows, by name and content: {known}."
    )


def migrate_unasked(workspace: Workspace) -> list[str]:
    """Migrate before the first write, where a person set `auto_migrate`; returns warnings.

    What prevents it does not stop the write: nothing was moved then.
    """
    try:
        if not workspace.legacy.detected():
            return []
        result = migrate_state(workspace, dry_run=False)
    except OrchestratorError as error:
        return [f"The legacy files were not migrated: {error}"]
    return [f"The legacy files were migrated. {result.next_step}", *result.conflicts, *result.warnings]


def rollback(workspace: Workspace, *, force: bool = False) -> MigrationResult:
    """Bring the originals of the newest migration back, byte for byte, and take its session away.

    Args:
        workspace: the project.
        force: also where the session was written to since, or something stands at an original's place. Both are
            kept in the backup then.

    Raises:
        MigrationError: if that is so and `force` is not given; then nothing was changed.
    """
    workspace.store(migrating=True)
    paths, locks = workspace.paths, workspace.locks
    with _held(workspace, "rolling back in"):
        _, warnings = disk.recover_locked(paths, locks)
        migrations = completed(paths)
        if not migrations:
            nothing = "There is nothing to roll back."
            return result_of(workspace, Action.NOTHING_TO_DO, warnings=warnings, next_step=nothing)
        manifest = migrations[-1]
        _refuse_loss(disk_rollback.obstacles(paths, manifest), force=force)
        warnings += disk_rollback.roll_back(paths, locks, manifest)
    return result_of(
        workspace, Action.ROLLED_BACK, session_id=manifest.session_id, sessions=list(manifest.sessions()),
        files=_returned(workspace, manifest), warnings=warnings, next_step=_MOVED if manifest.originals else _COPIED,
    )  # fmt: skip


def _run(job: Job, *, dry_run: bool) -> MigrationResult:
    workspace = job.workspace
    if dry_run or (not workspace.read_only and _is_idle(job)):
        return planned(job)
    workspace.store(migrating=True)
    workspace.key()  # it is made under the store lock, which is taken next
    with _held(workspace, "migrating into"):
        return run_job(job)


@contextlib.contextmanager
def _held(workspace: Workspace, doing: str) -> Iterator[None]:
    """The store lock, for as long as it takes."""
    store = workspace.paths.orchestrator_dir
    with workspace.locks.of(store).held(), refusals(doing, store):
        yield


def _is_idle(job: Job) -> bool:
    nothing = job.workspace.meta is None or not disk.unfinished(job.workspace.paths)
    found = (file for files, _ in job.sources for file in files.found())
    return nothing and not any(file.problem is None or file.unsafe for file in found)


def _refuse_loss(obstacles: list[str], *, force: bool) -> None:
    if obstacles and not force:
        raise MigrationError(
            f"Nothing was rolled back: {'; '.join(obstacles)}. "
            "Use --force to bring the originals back all the same; what is in the way is kept in the backup."
        )


def _returned(workspace: Workspace, manifest: Manifest) -> list[PlannedFile]:
    kept = backup_of(workspace.paths, manifest.session_id) / ORIGINALS
    return [
        PlannedFile(from_=workspace.paths.shown(kept / one.path), to=one.path, bytes=one.size, sha256=one.sha256)
        for one in manifest.originals
        if one.sha256
    ]
