"""How legacy files become sessions: looked at, built aside, looked at again, committed, and only then moved.

A migration moves them into a backup; an import, and a migration that is told to, leaves them where they are.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.migration import Part, plan, refusal, sessions_to_make, total
from orchestrator_mcp.errors import MigrationError, OrchestratorError
from orchestrator_mcp.records.legacy import REWRITTEN, LegacyKind
from orchestrator_mcp.records.migration import Action, Manifest, MigrationResult, Placement
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage.files import LARGEST_DOCUMENT, read_small, refusals
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import parse_object, read_lines
from orchestrator_mcp.storage.machine import is_one_disk
from orchestrator_mcp.storage.manifests import stage_of
from orchestrator_mcp.storage.survey import around
from orchestrator_mcp.storage.trees import free_bytes
from orchestrator_mcp.storage.workspace import Workspace

from .migrated_session import Arriving, session_files
from .migration_jobs import Job, Surveyed

_LINES_LOOKED_AT = 2_000
_IMPORTED = "import"


def run_job(job: Job) -> MigrationResult:
    """All of it, under the store lock.

    Raises:
        MigrationError: if it is not safe; then nothing was moved.
    """
    workspace = job.workspace
    finished, warnings = disk.recover_locked(workspace.paths, workspace.locks)
    found = Surveyed(job, job.survey())
    free = free_bytes(workspace.paths.orchestrator_dir)
    if not found.survey.entries and not found.survey.refusals:
        return _only_finished(job, finished, plan(found.survey, [], free, stays=job.stays), warnings)
    problem = refusal(found.survey, free, _copies(workspace))
    if problem is not None:
        raise MigrationError(problem)
    conflicts = found.sentences("`orchestrator migrate --rollback`, then `orchestrator migrate --force-from-old`,")
    arriving = [_arriving(job, source) for source in sessions_to_make(found.survey.entries)]
    manifest, more = _commit(found, arriving)
    warnings += more + _move_originals(workspace, manifest)
    return result_of(
        workspace,
        Action.IMPORTED if job.imported else Action.MIGRATED,
        session_id=manifest.session_id,
        sessions=[one.session_id for one in arriving],
        files=found.files({one.source: one.session_id for one in arriving}),
        conflicts=conflicts,
        left_alone=found.survey.left_alone,
        bytes=total(found.survey),
        free_bytes=free,
        warnings=warnings + _secrets(workspace, found, arriving),
        next_step=_next_step(job, arriving),
    )


def result_of(workspace: Workspace, action: Action, **fields: Any) -> MigrationResult:
    return MigrationResult(action=action, legacy_detected=workspace.legacy.detected(), **fields)


def _next_step(job: Job, arriving: Sequence[Arriving]) -> str:
    first = arriving[0].session_id
    where = f"session {first}" if len(arriving) == 1 else f"{len(arriving)} sessions, {first} and those after it"
    if job.stays:
        return f"Everything is in {where}. Nothing was changed where it came from."
    return f"Everything is in {where}. `orchestrator migrate --rollback` brings the originals back."


def _only_finished(
    job: Job, finished: list[Manifest], nothing: MigrationResult, warnings: list[str]
) -> MigrationResult:
    if not finished:
        return nothing.model_copy(update={"warnings": warnings})
    said = "A migration that had been cut short was finished."
    last = finished[-1].session_id
    return result_of(job.workspace, Action.MIGRATED, session_id=last, warnings=[said, *warnings], next_step=said)


def _arriving(job: Job, source: str) -> Arriving:
    label = f"{'imported' if job.imported else 'migrated'} {source or 'legacy files'}"
    return Arriving(new_id(), source, label, _IMPORTED if job.imported else str(job.workspace.paths.work_root))


def _commit(found: Surveyed, arriving: Sequence[Arriving]) -> tuple[Manifest, list[str]]:
    """Build, look at the originals a second time, and commit. Nothing that anybody reads is changed before."""
    job, paths = found.job, found.job.workspace.paths
    try:
        manifest, warnings = _built(found, arriving)
        if job.survey().entries != found.survey.entries:
            raise MigrationError(
                "Nothing was moved: the legacy files were written while they were being copied. "
                "End the tool that writes them, then migrate again."
            )
        disk.commit(paths, manifest)
    except (OrchestratorError, OSError):
        with contextlib.suppress(OrchestratorError, OSError):  # else the next command tidies up
            disk.recover_locked(paths, job.workspace.locks)
        raise
    return manifest, warnings


def _built(found: Surveyed, arriving: Sequence[Arriving]) -> tuple[Manifest, list[str]]:
    """Everything that will appear, built aside, and the manifest of it."""
    workspace = found.job.workspace
    first, hashes, warnings = arriving[0].session_id, [], []
    for one in arriving:
        mine = found.parts_of(one.source)
        written, said = session_files(workspace, one, mine)
        copied = [part for part in mine if part.to is not None and part.kind not in REWRITTEN]
        copies = [_copy_of(part, str(part.to)) for part in copied]
        hashes.append(disk.build(_place(workspace, first, one.session_id), copies, written))
        warnings += said
    disk.keep(workspace.paths, first, [_copy_of(part, part.original.path) for part in found.unplaced()])
    files, said = found.store_files()
    placements = [disk.prepare(workspace.paths, first, to, data) for to, data in files.items()]
    others = zip(arriving[1:], hashes[1:], strict=True)
    placements += [Placement(to=f"sessions/{one.session_id}", files=each) for one, each in others]
    return _manifest(found, arriving, hashes[0], placements), warnings + said


def _copy_of(part: Part, to: str) -> disk.Copy:
    return disk.Copy(Path(part.entry.root), part.original, to, part.skip if part.to else 0)


def _place(workspace: Workspace, first: str, session_id: str) -> Path:
    if session_id == first:
        return stage_of(workspace.paths, first)
    return disk.prepared_session(workspace.paths, first, session_id)


def _manifest(
    found: Surveyed, arriving: Sequence[Arriving], hashes: dict[str, str], placements: list[Placement]
) -> Manifest:
    job, paths = found.job, found.job.workspace.paths
    was = job.workspace.sessions.current_of_origin()
    moved = [entry for entry in found.survey.entries if not entry.stays]
    kept = [entry for entry in found.survey.entries if entry.stays]
    return Manifest(
        session_id=arriving[0].session_id,
        created_at=job.workspace.now(),
        version=__version__,
        work_root=os.path.relpath(paths.work_root, paths.base_dir),
        originals=[one for entry in moved for one in entry.originals],
        copied=[one for entry in kept for one in entry.originals],
        around=around(paths.work_root, [entry.name for entry in moved]),
        session_files=hashes,
        placements=placements,
        current=None if found.conflicts or job.imported else _current(arriving, was),
        current_was=was,
    )


def _current(arriving: Sequence[Arriving], was: str | None) -> str:
    """The session that becomes current: of what the older tool's `current` named, else the first."""
    mine = (one.session_id for one in arriving if was and one.source.endswith(f"/{was.strip()}"))
    return next(mine, arriving[0].session_id)


def _move_originals(workspace: Workspace, manifest: Manifest) -> list[str]:
    try:
        with refusals("moving originals to", workspace.paths.backup_dir()):
            return disk.complete(workspace.paths, manifest)
    except OrchestratorError as error:
        raise MigrationError(
            f"Session {manifest.session_id} is complete, but not all originals are in the backup yet: {error} "
            "Then migrate again: it goes on from here."
        ) from error


def _secrets(workspace: Workspace, found: Surveyed, arriving: Sequence[Arriving]) -> list[str]:
    """Copies keep every byte, so a secret in them is only pointed out."""
    count = sum(1 for one in arriving for value in _copied(workspace, found, one) if workspace.redact(value) != value)
    if not count:
        return []
    return [f"State and log were copied byte for byte; {count} places in them look like secrets. Look at them."]


def _copied(workspace: Workspace, found: Surveyed, one: Arriving) -> Iterator[dict[str, Any]]:
    paths, kinds = workspace.paths.for_session(one.session_id), {part.kind for part in found.parts_of(one.source)}
    if LegacyKind.STATE in kinds and (state := parse_object(read_small(paths.state_file(), LARGEST_DOCUMENT) or b"")):
        yield state
    for line in itertools.islice(read_lines(paths.log_file()), _LINES_LOOKED_AT):
        if (value := parse_object(line.data)) is not None:
            yield value


def _copies(workspace: Workspace) -> int:
    """Originals on another file system are copied once more, into the backup."""
    paths = workspace.paths
    return 1 if is_one_disk(paths.work_root, paths.orchestrator_dir) else 2
