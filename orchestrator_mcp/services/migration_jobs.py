"""What a migration or an import looks at, what it finds there, and what it would do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from orchestrator_mcp.analysis.migration import Part, group_of, groups, is_wanted, parts, plan, planned_files
from orchestrator_mcp.analysis.migration_conflicts import conflict
from orchestrator_mcp.records.legacy import TELEMETRY_FILES
from orchestrator_mcp.records.migration import (
    Choices,
    LegacyEntry,
    MigrationResult,
    PlannedFile,
    Prefer,
    Survey,
)
from orchestrator_mcp.storage.legacy import LegacyFiles
from orchestrator_mcp.storage.migration import unfinished
from orchestrator_mcp.storage.survey import free_bytes, survey
from orchestrator_mcp.storage.taken import known_start
from orchestrator_mcp.storage.workspace import Workspace

from .migration_conflicts import Conflict, find_conflicts
from .migration_store import store_files

TELEMETRY_DIR = "OAK_TELEMETRY_DIR"

_NEW = "<new>"


@dataclass(frozen=True)
class Job:
    """One migration or import.

    Args:
        workspace: where to.
        sources: what is looked at, and whether it stays where it is.
        choices: a person's.
        imported: the folder or file that was named; None for a migration.
    """

    workspace: Workspace
    sources: tuple[tuple[LegacyFiles, bool], ...]
    choices: Choices
    imported: Path | None = None

    @property
    def stays(self) -> bool:
        return self.imported is not None or self.choices.keep

    def survey(self) -> Survey:
        """All that lies there now."""
        wanted = partial(is_wanted, choices=self.choices)
        found = [survey(files, wanted, stays=stays) for files, stays in self.sources]
        return Survey(
            entries=_once([one for each in found for one in each.entries]),
            refusals=[one for each in found for one in each.refusals],
            left_alone=[one for each in found for one in each.left_alone],
        )


@dataclass(frozen=True)
class Found:
    """What was found, and what stands in its way."""

    job: Job
    survey: Survey

    @cached_property
    def conflicts(self) -> list[Conflict]:
        return find_conflicts(self.job.workspace, self.survey.entries, self.job.choices.prefer)

    @cached_property
    def settled(self) -> dict[str, str]:
        """The states that go into no new session, as one has another of the same workflow; and the place they take."""
        wins = self.job.choices.prefer is Prefer.OLD
        return {one.path: f".orchestrator/{one.place}" if wins and one.place else "" for one in self.conflicts}

    def sentences(self) -> list[str]:
        prefer = self.job.choices.prefer
        return [conflict(one.old, one.where, one.ours, prefer) for one in self.conflicts]

    def files(self, folders: Mapping[str, str], first: str) -> list[PlannedFile]:
        backup = f".orchestrator/migration_backup/{first}"
        return planned_files(self.survey.entries, folders, backup, self.settled)

    def parts_of(self, group: str) -> list[Part]:
        mine = (entry for entry in self.survey.entries if group_of(entry) == group)
        return [part for entry in mine for part in parts(entry, self.settled)]


def of_work_tree(workspace: Workspace, choices: Choices) -> Job:
    """What `migrate` moves: the work tree's own, and a copy of what `$OAK_TELEMETRY_DIR` names."""
    sources = [(workspace.legacy, choices.keep)]
    named = workspace.settings.environ.get(TELEMETRY_DIR)
    if named:
        folder = workspace.paths.work_root / named
        if folder != workspace.paths.work_root / "telemetry":
            sources.append((LegacyFiles(folder, workspace.legacy.taken, TELEMETRY_FILES), True))
    return Job(workspace, tuple(sources), choices)


def planned(job: Job) -> MigrationResult:
    """What it would do."""
    workspace, found = job.workspace, Found(job, job.survey())
    names = groups(found.survey.entries)
    new = [_NEW if number == 1 else f"<new {number}>" for number in range(1, len(names) + 1)]
    folders = {name: folder_of(one) for name, one in zip(names, new, strict=True)}
    free = free_bytes(workspace.paths.orchestrator_dir)
    result = plan(found.survey, found.files(folders, _NEW), free, stays=job.stays)
    _, warnings = store_files(workspace, found.survey.entries, found.conflicts, job.choices.prefer)
    if workspace.meta is not None and unfinished(workspace.paths):
        warnings = ["A migration was cut short; the real run finishes it first.", *warnings]
    return result.model_copy(update={"conflicts": found.sentences(), "warnings": warnings})


def folder_of(session_id: str) -> str:
    """A session's folder, as a result names it."""
    return f".orchestrator/sessions/{session_id}"


def _once(entries: Sequence[LegacyEntry]) -> list[LegacyEntry]:
    """The entries, of which none tells what another tells already: older tools copied their files and left both.

    The copy in the newer layout is kept whole; of two logs of which one goes on, each tells its own part.
    """
    alike: dict[str, list[Part]] = defaultdict(list)
    for part in (part for entry in reversed(entries) for part in parts(entry)):
        if part.to is not None and part.original.sha256 and part.original.size:
            alike[part.to.rpartition("/")[2]].append(part)
    taken = {entry.name: dict(entry.taken) for entry in entries}
    for same in alike.values():
        known: tuple[tuple[int, str], ...] = ()
        for part in sorted(same, key=lambda part: part.original.size):
            one = part.original
            start = known_start(Path(part.entry.root) / one.path, known)
            if start > part.skip and (one.path.endswith(".jsonl") or start == one.size):
                taken[part.entry.name][one.path] = start
            known += ((one.size, str(one.sha256)),)
    return [entry.model_copy(update={"taken": taken[entry.name]}) for entry in entries]
