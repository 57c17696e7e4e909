"""The doctor: what is wrong with this store and its surroundings, and what of it can be mended?"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.doctor import cleaned, from_problem, note, plain
from orchestrator_mcp.errors import OrchestratorError, ReadOnlyError
from orchestrator_mcp.records.doctor import Diagnosis, Finding, FindingLevel, Repair
from orchestrator_mcp.records.session import FORMAT
from orchestrator_mcp.storage.workspace import Workspace

from . import (
    doctor_data,
    doctor_locks,
    doctor_machine,
    doctor_mending,
    doctor_privacy,
    doctor_sessions,
    doctor_store,
    doctor_use,
)
from .examination import Examination

MOST = 10
"""Findings of one check that are told one by one."""

F = TypeVar("F", Finding, Repair)

_LEVELS = list(FindingLevel)
_STORE = re.compile(r"(?<![\w~/.-])\.orchestrator\b")


@dataclass(frozen=True)
class Check:
    """One row: what is looked at, and what is mended on a person's word.

    `anywhere`: it is looked at without a store of ours too. `quick`: the cost does not depend on the store.
    """

    name: str
    look: Callable[[Examination], Iterator[Finding]]
    mend: Callable[[Examination], Iterator[Repair]] | None = None
    anywhere: bool = False
    quick: bool = False


CHECKS = (
    Check("store", doctor_store.store, anywhere=True, quick=True),
    Check("origin", doctor_store.copied),
    Check("neighbours", doctor_store.neighbours),
    Check("git_tracks", doctor_store.tracked, doctor_mending.ignore_store),
    Check("git_clean", doctor_store.cleaning),
    Check("permissions", doctor_privacy.permissions, doctor_mending.close_modes),
    Check("secrets", doctor_privacy.secrets, doctor_mending.close_modes),
    Check("lines", doctor_data.lines, doctor_mending.heal_tails),
    Check("quarantine", doctor_data.quarantine),
    Check("leftovers", doctor_data.leftovers, doctor_mending.remove_stale),
    Check("sessions", doctor_sessions.sessions),
    Check("clock", doctor_sessions.clock),
    Check("legacy", doctor_use.legacy, anywhere=True),
    Check("migration", doctor_use.migration, doctor_mending.finish_migration, quick=True),
    Check("locks", doctor_locks.locks),
    Check("capture", doctor_use.capture),
    Check("cache", doctor_use.cache, doctor_mending.rebuild_cache),
    Check("engine", doctor_use.comparing, anywhere=True),
    Check("config", doctor_use.config, anywhere=True),
    Check("disk", doctor_machine.disk, anywhere=True),
    Check("file_system", doctor_machine.file_system, anywhere=True),
    Check("machine", doctor_machine.lasting, anywhere=True, quick=True),
    Check("git", doctor_machine.git, anywhere=True),
)


def diagnose(workspace: Workspace) -> Diagnosis:
    """Say what is wrong with the store and its surroundings, the worst first, and what to do. Changes nothing."""
    seen = Examination(workspace)
    found = [finding for check in CHECKS for finding in _findings(check, seen)]
    return Diagnosis(
        version=__version__,
        format=seen.meta.format if seen.meta else None,
        findings=sorted(found, key=_badness),
        counts=dict(Counter(one.level for one in found)),
        legacy_detected=workspace.legacy.detected(),
    )


def mend(workspace: Workspace) -> Diagnosis:
    """Mend what can be mended without loss, then say what is still wrong. A second run finds nothing to mend.

    Raises:
        ReadOnlyError: under --read-only.
    """
    if workspace.read_only:
        raise ReadOnlyError("This workspace is open read-only, so nothing was mended. Start without --read-only.")
    seen = Examination(workspace)
    repairs: list[Repair] = []
    warnings: list[str] = []
    for check in CHECKS if seen.meta and seen.meta.format <= FORMAT else ():
        try:
            repairs.extend(_mended(check, Examination(workspace)))  # what was done before an error is told too
        except OrchestratorError as error:
            warnings.append(plain(f"{check.name} could not be mended: {error}", _known_folders(workspace)))
    return diagnose(workspace).model_copy(update={"repairs": repairs, "warnings": warnings})


def hints(workspace: Workspace) -> list[str]:
    """What the checks that take no time have to say, as a sentence that sends people to the doctor."""
    seen = Examination(workspace)
    ailing = [check.name for check in CHECKS if check.quick and any(map(_is_bad, _findings(check, seen)))]
    return [f"`orchestrator doctor` has something to say about: {', '.join(ailing)}."] if ailing else []


def _is_bad(finding: Finding) -> bool:
    return finding.level in {FindingLevel.ERROR, FindingLevel.WARNING}


def _findings(check: Check, seen: Examination) -> list[Finding]:
    """What a check has to say, the worst first, and of many alike only some."""
    if not (check.anywhere or seen.meta is not None):
        return []
    found = sorted(_looked(check, seen), key=_badness)
    if len(found) > MOST:
        rest = found[MOST:]
        more = note(f"{len(rest):,} more of this kind.", fixable=any(one.fixable for one in rest))
        found = [*found[:MOST], more.model_copy(update={"level": rest[0].level})]
    known = _known_folders(seen.workspace)
    return [cleaned(_placed(finding, seen.workspace), check.name, known) for finding in found]


def _placed(said: F, workspace: Workspace) -> F:
    """What names the store where it is: checks and mendings write as if it lay in the project."""
    if workspace.paths.in_project:
        return said
    where = str(workspace.paths.orchestrator_dir)
    texts = {name: getattr(said, name, None) for name in ("message", "advice", "path")}
    moved = {name: _STORE.sub(lambda _: where, text) for name, text in texts.items() if text is not None}
    return said.model_copy(update=moved)


def _badness(finding: Finding) -> int:
    return _LEVELS.index(finding.level)


def _looked(check: Check, seen: Examination) -> Iterator[Finding]:
    """What a check finds; one that cannot look has found that. On a read-only disk nothing can be mended."""
    try:
        for finding in check.look(seen):
            yield finding.model_copy(update={"fixable": finding.fixable and not seen.is_read_only})
    except (OrchestratorError, OSError) as error:
        yield from_problem(f"This could not be looked at: {error}")


def _mended(check: Check, seen: Examination) -> Iterator[Repair]:
    if check.mend and any(one.fixable for one in _looked(check, seen)):
        known = _known_folders(seen.workspace)
        for one in check.mend(seen):
            path = plain(_placed(one, seen.workspace).path, known)
            yield one.model_copy(update={"check": check.name, "path": path})


def _known_folders(workspace: Workspace) -> dict[str, str]:
    """What stands for folders whose place on this machine is nobody's business."""
    known = {str(workspace.paths.base_dir): "", str(workspace.paths.work_root): ""}
    return known | ({str(workspace.settings.home): "~"} if workspace.settings.home else {})
