"""What a snapshot has beside what is here: added, the same, differing; by session, by stream, by file."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator_mcp.records.snapshot import SnapshotFile

from .paths import OrchestratorPaths
from .snapshot_contents import ARCHIVE, LINES, SESSIONS, stream_of


@dataclass(frozen=True)
class Difference:
    """What a snapshot has, beside what is here. Names are those of `unit_of`.

    Args:
        added: what is not here.
        merged: streams of the store that have other lines.
        differing: sessions, and single files, that are here and are not the same.
        same: how many are.
        elsewhere: sessions that are here, but archived, while the snapshot's are not; or the reverse.
        files: of each of these, all but the same, the paths in the snapshot that we do not have so.
        surplus: of each that differs, our files that the snapshot does not have.
    """

    added: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    same: int = 0
    elsewhere: list[str] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)
    surplus: dict[str, list[str]] = field(default_factory=dict)

    def paths(self, units: Iterable[str]) -> list[str]:
        return [path for unit in units for path in self.files[unit]]


def unit_of(path: str) -> str:
    """What a file is compared, added and replaced with as one: its session, its stream with all parts, or itself."""
    return "/".join(path.split("/")[:2]) if is_of_session(path) else stream_of(path)


def is_of_session(path: str) -> bool:
    """Whether a file, or a unit, is a session's, archived or not."""
    return path.startswith((f"{SESSIONS}/", f"{ARCHIVE}/"))


def difference(
    paths: OrchestratorPaths, files: Iterable[SnapshotFile], ours: Callable[[set[str]], dict[str, SnapshotFile]]
) -> Difference:
    """Compare a snapshot's files with the store's.

    Args:
        paths: the store's.
        files: the snapshot's.
        ours: given names of units, the files that we have of them, as a snapshot would have them.
    """
    theirs: dict[str, dict[str, SnapshotFile]] = {}
    for one in files:
        theirs.setdefault(unit_of(one.path), {})[one.path] = one
    here = {unit for unit in theirs if is_here(paths, unit)}
    mine: dict[str, dict[str, SnapshotFile]] = {unit: {} for unit in here}
    for path, one in ours(here).items():
        mine[unit_of(path)][path] = one
    same = {unit for unit in here if _digests(mine[unit]) == _digests(theirs[unit])}
    elsewhere = {unit for unit in theirs.keys() - here if _is_elsewhere(paths, unit)}
    streams = {unit for unit in here - same if not is_of_session(unit) and unit.endswith(LINES)}
    return Difference(
        added=sorted(theirs.keys() - here - elsewhere),
        merged=sorted(streams),
        differing=sorted(here - same - streams),
        same=len(same),
        elsewhere=sorted(elsewhere),
        files={unit: _unlike(theirs[unit], mine.get(unit, {})) for unit in theirs.keys() - same},
        surplus={unit: sorted(mine[unit].keys() - theirs[unit].keys()) for unit in here - same - streams},
    )


def any_here(paths: OrchestratorPaths, units: Iterable[str]) -> bool:
    """Whether any of these is in the store by now."""
    return any(is_here(paths, unit) for unit in units)


def sessions_in(files: Iterable[SnapshotFile]) -> int:
    """How many sessions some files are of."""
    return len({unit_of(one.path) for one in files if is_of_session(one.path)})


def is_here(paths: OrchestratorPaths, unit: str) -> bool:
    """Whether a unit is in the store."""
    return os.path.lexists(paths.orchestrator_dir / unit)


def _is_elsewhere(paths: OrchestratorPaths, unit: str) -> bool:
    place, _, name = unit.partition("/")
    other = {SESSIONS: ARCHIVE, ARCHIVE: SESSIONS}.get(place)
    return other is not None and is_here(paths, f"{other}/{name.partition('~')[0]}")


def _digests(files: dict[str, SnapshotFile]) -> dict[str, str]:
    return {path: one.sha256 for path, one in files.items()}


def _unlike(theirs: dict[str, SnapshotFile], ours: dict[str, SnapshotFile]) -> list[str]:
    return [path for path, one in theirs.items() if path not in ours or ours[path].sha256 != one.sha256]
