"""What becomes of what was found? Where each file goes, the plan, and its obstacles."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator_mcp.records.legacy import CONTAINED, OF_THE_STORE, LegacyKind
from orchestrator_mcp.records.migration import (
    Action,
    Choices,
    LegacyEntry,
    MigrationResult,
    Original,
    PlannedFile,
    Survey,
)

MARGIN = 1 << 20
"""Bytes that must stay free beyond what is copied."""

OWN = "meta.json"
MAIN = ""

_IN_SESSION = {
    "state.json": LegacyKind.STATE,
    "log.jsonl": LegacyKind.LOG,
    "checkpoints": LegacyKind.CHECKPOINTS,
    "feedback/tool.jsonl": LegacyKind.TOOL_FEEDBACK,
    "feedback/process.jsonl": LegacyKind.PROCESS_FEEDBACK,
}


@dataclass(frozen=True)
class Part:
    """One file or folder of what was found. `to`: where it goes, within its session or the store; None: nowhere else.

    `skip`: how many of its first bytes were taken before.
    """

    entry: LegacyEntry
    original: Original
    kind: LegacyKind
    to: str | None
    skip: int = 0


def parts(entry: LegacyEntry, without: Container[str] = ()) -> Iterator[Part]:
    """What becomes of all that lies beneath one legacy name; `without`: paths that go nowhere but into the backup."""
    for one in entry.originals:
        kind, to = _destination(entry, one.path[len(entry.name) :].lstrip("/"))
        skip = entry.taken.get(one.path, 0)
        nothing_new = one.sha256 is not None and skip == one.size and skip > 0
        yield Part(entry, one, kind, None if nothing_new or one.path in without else to, skip)


def _destination(entry: LegacyEntry, inside: str) -> tuple[LegacyKind, str | None]:
    if entry.kind is LegacyKind.SESSION:
        top = inside.partition("/")[0]
        kind = _IN_SESSION.get(top) or _IN_SESSION.get(inside)
        return kind or entry.kind, inside if kind else None
    if entry.kind is LegacyKind.FEEDBACK_FOLDER:
        kind = _IN_SESSION.get(f"feedback/{inside}")
        return kind or entry.kind, f"feedback/{inside}" if kind else None
    return entry.kind, f"{entry.becomes}/{inside}".rstrip("/")


def session_for(entry: LegacyEntry) -> str | None:
    """Of what an entry's session is made: of the work tree's own files, or of a folder; None: it is of no session."""
    if entry.kind in OF_THE_STORE:
        return None
    if entry.kind is LegacyKind.SESSION:
        return entry.name
    return CONTAINED if entry.name.startswith(f"{CONTAINED}/") else MAIN


def sessions_to_make(entries: Iterable[LegacyEntry]) -> list[str]:
    """Of what sessions are made, at least one: its arrival is what commits a migration."""
    found = dict.fromkeys(source for entry in entries if (source := session_for(entry)) is not None)
    return list(found) or [MAIN]


def is_wanted(name: str, choices: Choices) -> bool:
    """Whether a person's patterns let a legacy name through."""
    included = not choices.include or any(fnmatchcase(name, pattern) for pattern in choices.include)
    return included and not any(fnmatchcase(name, pattern) for pattern in choices.exclude)


def plan(survey: Survey, planned: list[PlannedFile], free: int, *, stays: bool = False) -> MigrationResult:
    """What a migration, or an import, would do."""
    return MigrationResult(
        action=Action.PLAN if survey.entries else Action.NOTHING_TO_DO,
        notice=_notice(survey, stays=stays),
        files=planned,
        left_alone=survey.left_alone,
        bytes=total(survey),
        free_bytes=free,
        next_step=_next_step(survey, free, stays=stays),
        legacy_detected=bool(survey.entries),
    )


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


def _notice(survey: Survey, *, stays: bool) -> str:
    if not survey.entries or stays:
        return ""
    count = len(survey.entries)
    return (
        f"Old: {count} {'file or folder' if count == 1 else 'files and folders'} of an older orchestrator in the "
        "project. New: everything in .orchestrator/, ignored by one line, moved by copying one folder."
    )


def _next_step(survey: Survey, free: int, *, stays: bool) -> str:
    if not survey.entries:
        nothing = "There is nothing to import that is not here already." if stays else "There is nothing to migrate."
        return nothing if not survey.refusals else " ".join(survey.refusals)
    if (problem := refusal(survey, free, 1)) is not None:
        return problem
    if stays:
        return "To do this, leave out --dry-run. Nothing is changed where it comes from."
    return (
        "To do this, call migrate_state with dry_run=false (or `orchestrator migrate`). The originals move into "
        ".orchestrator/migration_backup/; `orchestrator migrate --rollback` brings them back."
    )
