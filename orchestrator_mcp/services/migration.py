"""Migration: legacy files become one session, and come back if a person wants them to."""

import contextlib
import os
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.migration import REWRITTEN, plan, planned_files, refusal
from orchestrator_mcp.errors import MigrationError, OrchestratorError
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import Action, Manifest, MigrationResult, PlannedFile, Survey
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage import rollback as disk_rollback
from orchestrator_mcp.storage.files import refusals
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import parse_object, read_lines
from orchestrator_mcp.storage.manifests import completed
from orchestrator_mcp.storage.survey import free_bytes, survey
from orchestrator_mcp.storage.workspace import Workspace

from .migrated_session import session_files
from .migration_conflicts import conflicts, state_at

DryRun = Annotated[bool, Field(description="Only say what would move; false does it")]

_LINES_LOOKED_AT = 2_000
_NEW = "<new>"


def migrate_state(workspace: Workspace, *, dry_run: DryRun = True) -> MigrationResult:
    """Move legacy .workflow_* files into .orchestrator/ as one session; a dry run unless told otherwise.

    The originals go into a backup, from which a person can bring them back. Once is enough: a second run finds nothing.

    Raises:
        MigrationError: if it is not safe; then nothing was moved.
        ReadOnlyError: under --read-only, unless it is a dry run.
    """
    if dry_run:
        return _planned(workspace)
    if not workspace.read_only and _is_idle(workspace):
        return _planned(workspace)
    workspace.store()
    workspace.redact({})  # the key is made under the store lock, which is taken next
    with _held(workspace, "migrating into"):
        return _migrate(workspace)


def rollback(workspace: Workspace, *, force: bool = False) -> MigrationResult:
    """Bring the originals of the newest migration back, byte for byte, and take its session away.

    Args:
        workspace: the project.
        force: also where the session was written to since, or something stands at an original's place. Both are
            kept in the backup then.

    Raises:
        MigrationError: if that is so and `force` is not given; then nothing was changed.
    """
    workspace.store()
    paths, locks = workspace.paths, workspace.locks
    with _held(workspace, "rolling back in"):
        _, warnings = disk.recover_locked(paths, locks)
        migrations = completed(paths)
        if not migrations:
            return _result(
                workspace, Action.NOTHING_TO_DO, warnings=warnings, next_step="There is nothing to roll back."
            )
        manifest = migrations[-1]
        _refuse_loss(disk_rollback.obstacles(paths, manifest), force=force)
        warnings += disk_rollback.roll_back(paths, locks, manifest)
    return _result(
        workspace, Action.ROLLED_BACK, session_id=manifest.session_id, files=_returned(manifest), warnings=warnings,
        next_step="The legacy files are where they were. `orchestrator migrate` moves them again.",
    )  # fmt: skip


@contextlib.contextmanager
def _held(workspace: Workspace, doing: str) -> Iterator[None]:
    """The store lock, for as long as it takes."""
    store = workspace.paths.orchestrator_dir
    with workspace.locks.of(store).held(), refusals(doing, store):
        yield


def _is_idle(workspace: Workspace) -> bool:
    nothing = workspace.meta is None or not disk.unfinished(workspace.paths)
    return nothing and not workspace.legacy.found()


def _planned(workspace: Workspace) -> MigrationResult:
    found = survey(workspace.legacy)
    result = plan(found, _folder(_NEW), free_bytes(workspace.paths.orchestrator_dir))
    unfinished = (
        ["A migration was cut short; the real run finishes it first."] if disk.unfinished(workspace.paths) else []
    )
    return result.model_copy(update={"conflicts": conflicts(workspace, found), "warnings": unfinished})


def _migrate(workspace: Workspace) -> MigrationResult:
    """All of it, under the store lock."""
    finished, warnings = disk.recover_locked(workspace.paths, workspace.locks)
    found = survey(workspace.legacy)
    planned = plan(found, _folder(_NEW), free_bytes(workspace.paths.orchestrator_dir))
    if not found.entries and not found.refusals:
        return _only_finished(workspace, finished, planned, warnings)
    problem = refusal(found, planned.free_bytes or 0, _copies(workspace))
    if problem is not None:
        raise MigrationError(problem)
    session_id = new_id()
    manifest, more = _arrived(workspace, found, session_id)
    warnings += more + _moved(workspace, manifest)
    return _result(
        workspace,
        Action.MIGRATED,
        session_id=session_id,
        files=list(planned_files(found.entries, _folder(session_id))),
        conflicts=conflicts(workspace, found, session_id),
        left_alone=found.left_alone,
        bytes=planned.bytes,
        free_bytes=planned.free_bytes,
        warnings=warnings + _secrets(workspace, found, session_id),
        next_step="Everything is in the session above. `orchestrator migrate --rollback` brings the originals back.",
    )


def _only_finished(
    workspace: Workspace, finished: list[Manifest], planned: MigrationResult, warnings: list[str]
) -> MigrationResult:
    if not finished:
        return planned.model_copy(update={"warnings": warnings})
    said = "A migration that had been cut short was finished."
    return _result(
        workspace, Action.MIGRATED, session_id=finished[-1].session_id, warnings=[said, *warnings], next_step=said
    )


def _arrived(workspace: Workspace, found: Survey, session_id: str) -> tuple[Manifest, list[str]]:
    """Build, look at the originals a second time, and commit. Until the commit nothing is changed but `tmp/`."""
    written, warnings = session_files(workspace, found.entries, session_id)
    paths = workspace.paths
    try:
        copied = [entry for entry in found.entries if entry.kind not in REWRITTEN]
        hashes = disk.build(paths, session_id, copied, written)
        if survey(workspace.legacy).entries != found.entries:
            raise MigrationError(
                "Nothing was moved: the legacy files were written while they were being copied. "
                "End the tool that writes them, then migrate again."
            )
        manifest = _manifest(workspace, found, session_id, hashes)
        disk.commit(paths, manifest)
    except (OrchestratorError, OSError):
        with contextlib.suppress(OrchestratorError, OSError):  # else the next command tidies up
            disk.recover_locked(paths, workspace.locks)
        raise
    return manifest, warnings


def _moved(workspace: Workspace, manifest: Manifest) -> list[str]:
    try:
        with refusals("moving originals to", workspace.paths.backup_dir()):
            return disk.complete(workspace.paths, manifest)
    except OrchestratorError as error:
        raise MigrationError(
            f"Session {manifest.session_id} is complete, but not all originals are in the backup yet: {error} "
            "Then migrate again: it goes on from here."
        ) from error


def _manifest(workspace: Workspace, found: Survey, session_id: str, hashes: dict[str, str]) -> Manifest:
    paths = workspace.paths
    return Manifest(
        session_id=session_id,
        created_at=workspace.now(),
        version=__version__,
        work_root=os.path.relpath(paths.work_root, paths.base_dir),
        originals=[one for entry in found.entries for one in entry.originals],
        session_files=hashes,
        becomes_current=not conflicts(workspace, found),
    )


def _secrets(workspace: Workspace, found: Survey, session_id: str) -> list[str]:
    """Copies keep every byte, so a secret in them is only pointed out."""
    paths, kinds = workspace.paths.for_session(session_id), {entry.kind for entry in found.entries}
    state = state_at(paths.state_file()) if LegacyKind.STATE in kinds else None
    lines = [line.data for line, _ in zip(read_lines(paths.log_file()), range(_LINES_LOOKED_AT), strict=False)]
    values = [value for value in (state, *map(parse_object, lines)) if value is not None]
    count = sum(1 for value in values if workspace.redact(value) != value)
    if not count:
        return []
    return [f"State and log were copied byte for byte; {count} places in them look like secrets. Look at them."]


def _refuse_loss(obstacles: list[str], *, force: bool) -> None:
    if obstacles and not force:
        raise MigrationError(
            f"Nothing was rolled back: {'; '.join(obstacles)}. "
            "Use --force to bring the originals back all the same; what is in the way is kept in the backup."
        )


def _returned(manifest: Manifest) -> list[PlannedFile]:
    kept = f".orchestrator/migration_backup/{manifest.session_id}/originals"
    return [
        PlannedFile(from_=f"{kept}/{one.path}", to=one.path, bytes=one.size, sha256=one.sha256)
        for one in manifest.originals
        if one.sha256
    ]


def _copies(workspace: Workspace) -> int:
    """Originals on another file system are copied once more, into the backup."""
    paths = workspace.paths
    return 1 if paths.work_root.stat().st_dev == paths.orchestrator_dir.stat().st_dev else 2


def _folder(session_id: str) -> str:
    return f".orchestrator/sessions/{session_id}"


def _result(workspace: Workspace, action: Action, **fields: Any) -> MigrationResult:
    return MigrationResult(action=action, legacy_detected=workspace.legacy.detected(), **fields)
