"""What a migration or an import looks at, what it finds there, and what it would do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from orchestrator_mcp.analysis.migration import Part, is_wanted, parts, plan, session_for, sessions_to_make
from orchestrator_mcp.analysis.migration_conflicts import conflict
from orchestrator_mcp.records.legacy import TELEMETRY_FILES, LegacyKind
from orchestrator_mcp.records.migration import (
    Choices,
    LegacyEntry,
    MigrationResult,
    PlannedFile,
    Prefer,
    Survey,
)
from orchestrator_mcp.storage.backup import ORIGINALS
from orchestrator_mcp.storage.legacy import LegacyFiles
from orchestrator_mcp.storage.manifests import KEPT, backup_of
from orchestrator_mcp.storage.migration import unfinished
from orchestrator_mcp.storage.survey import survey
from orchestrator_mcp.storage.taken import known_start
from orchestrator_mcp.storage.trees import free_bytes
from orchestrator_mcp.storage.workspace import Workspace

from .migration_conflicts import Conflict, find_conflicts
from .migration_store import losing_prds, store_files

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
        return self.imported is not None or self.choices.stays

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
class Surveyed:
    """What was found, and what stands in its way."""

    job: Job
    survey: Survey

    @cached_property
    def conflicts(self) -> list[Conflict]:
        return find_conflicts(self.job.workspace, self.survey.entries, self.job.choices.prefer)

    @cached_property
    def lost(self) -> list[LegacyEntry]:
        return losing_prds(self.job.workspace, self.survey.entries, self.job.choices.prefer)

    @cached_property
    def settled(self) -> dict[str, str | None]:
        """What goes into no new session, as another of the same is in use; and where in the store it goes instead."""
        return {one.loser: one.place for one in self.conflicts} | {one.name: None for one in self.lost}

    def sentences(self, how: str) -> list[str]:
        """All conflicts; `how` one has the old one used instead."""
        wins = self.job.choices.prefer is Prefer.OLD
        states = [conflict(one.old.says, one.old.name, one.ours, one.where, old_wins=wins) for one in self.conflicts]
        prds = [
            f"{one.becomes} is there already and differs from {one.name}. It stays in use, and the old one is kept in "
            "the backup."
            for one in self.lost
        ]
        offered = "" if self.job.choices.prefer or self.job.imported else f" {how} uses the old one instead."
        return [f"{said}{offered}" for said in states + prds]

    def store_files(self) -> tuple[dict[str, bytes], list[str]]:
        lost = [one.name for one in self.lost]
        return store_files(self.job.workspace, self.survey.entries, self.conflicts, lost)

    def files(self, ids: Mapping[str, str]) -> list[PlannedFile]:
        """Every file, with the place its content will have; `ids`: those of the sessions, by what they are made of."""
        return [
            PlannedFile(from_=one.path, to=self._place(part, ids), bytes=one.size, sha256=one.sha256)
            for entry in self.survey.entries
            for part in parts(entry, self.settled)
            if (one := part.original).sha256
        ]

    def _place(self, part: Part, ids: Mapping[str, str]) -> str:
        paths, name, source = self.job.workspace.paths, part.original.path, session_for(part.entry)
        top, to = paths.orchestrator_dir, part.to or self.settled.get(name)
        if to is None:
            top, to = backup_of(paths, next(iter(ids.values()))), f"{KEPT if part.entry.stays else ORIGINALS}/{name}"
        elif part.to and source is not None:
            top = paths.for_session(ids[source]).session_dir()
        return paths.shown(top / to)

    def parts_of(self, source: str) -> list[Part]:
        mine = (entry for entry in self.survey.entries if session_for(entry) == source)
        return [part for entry in mine for part in parts(entry, self.settled)]

    def unplaced(self) -> list[Part]:
        """Files that stay where they are, and of which there would be no copy; of settings only some are taken over."""
        stay = (part for entry in self.survey.entries if entry.stays for part in parts(entry, self.settled))
        return [
            part
            for part in stay
            if part.original.sha256
            and (part.kind is LegacyKind.CONFIG or not (part.to or self.settled.get(part.original.path)))
        ]


def of_work_tree(workspace: Workspace, choices: Choices) -> Job:
    """What `migrate` moves: the work tree's own, and a copy of what `$OAK_TELEMETRY_DIR` names."""
    sources = [(workspace.legacy, choices.stays)]
    named = workspace.settings.environ.get(TELEMETRY_DIR)
    if named:
        folder = workspace.paths.work_root / named
        if folder != workspace.paths.work_root / "telemetry":
            sources.append((LegacyFiles(folder, workspace.legacy.taken, TELEMETRY_FILES), True))
    return Job(workspace, tuple(sources), choices)


def planned(job: Job) -> MigrationResult:
    """What it would do."""
    workspace, found = job.workspace, Surveyed(job, job.survey())
    names = sessions_to_make(found.survey.entries)
    ids = {name: _NEW if number == 1 else f"<new {number}>" for number, name in enumerate(names, 1)}
    result = plan(found.survey, found.files(ids), free_bytes(workspace.paths.orchestrator_dir), stays=job.stays)
    _, warnings = found.store_files()
    if workspace.meta is not None and unfinished(workspace.paths):
        warnings = ["A migration was cut short; the real run finishes it first.", *warnings]
    conflicts = found.sentences("`orchestrator migrate --force-from-old`")
    return result.model_copy(update={"conflicts": conflicts, "warnings": warnings})


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
