"""What becomes of what was found? The plan, its obstacles, and which of our own states it meets."""

from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import Action, EntryKind, LegacyEntry, MigrationResult, PlannedFile, Survey

REWRITTEN = frozenset({LegacyKind.FEEDBACK, LegacyKind.TOOL_FEEDBACK, LegacyKind.PROCESS_FEEDBACK})
"""Read and written anew, as our own records; all else is copied byte for byte."""

MARGIN = 1 << 20
"""Bytes that must stay free beyond what is copied."""

_BOOKKEEPING = "_"


def plan(survey: Survey, folder: str, free: int) -> MigrationResult:
    """What a migration would do, with `folder` as the new session's."""
    return MigrationResult(
        action=Action.PLAN if survey.entries else Action.NOTHING_TO_DO,
        files=list(planned_files(survey.entries, folder)),
        left_alone=survey.left_alone,
        bytes=total(survey),
        free_bytes=free,
        next_step=_next_step(survey, free),
        legacy_detected=bool(survey.entries),
    )


def planned_files(entries: Iterable[LegacyEntry], folder: str) -> Iterator[PlannedFile]:
    """Every file, with the place its content will have."""
    for entry in entries:
        for one in entry.originals:
            if one.kind is EntryKind.FILE and one.sha256:
                to = f"{folder}/{entry.becomes}{one.path[len(entry.name) :]}"
                yield PlannedFile(from_=one.path, to=to, bytes=one.size, sha256=one.sha256)


def total(survey: Survey) -> int:
    """Bytes to copy."""
    return sum(one.size for entry in survey.entries for one in entry.originals)


def refusal(survey: Survey, free: int, copies: int) -> str | None:
    """Why this cannot be migrated now; None if it can. `copies`: how many times everything is written."""
    if survey.refusals:
        return f"Nothing was moved. {' '.join(survey.refusals)}"
    needed = copies * total(survey) + MARGIN
    if free < needed:
        return f"Nothing was moved: it needs {needed:,} free bytes and there are {free:,}. Free some space; try again."
    return None


def state_conflicts(old: dict[str, Any], ours: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Sessions of ours with another state of the same workflow."""
    workflow = workflow_of(old)
    return [
        f"Workflow {workflow} already has a different state in session {session}. Both are kept: that one stays in "
        "use, and the old one gets a session of its own."
        for session, state in ours
        if workflow and workflow_of(state) == workflow and _content(state) != _content(old)
    ]


def workflow_of(state: dict[str, Any]) -> str | None:
    """The workflow's id, under either of the names it has had."""
    name = state.get("workflow_id") or state.get("id")
    return name if isinstance(name, str) else None


def _content(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith(_BOOKKEEPING)}


def _next_step(survey: Survey, free: int) -> str:
    if not survey.entries:
        return "There is nothing to migrate." if not survey.refusals else " ".join(survey.refusals)
    if (problem := refusal(survey, free, 1)) is not None:
        return problem
    return (
        "To do this, call migrate_state with dry_run=false (or `orchestrator migrate`). The originals move into "
        ".orchestrator/migration_backup/; `orchestrator migrate --rollback` brings them back."
    )
