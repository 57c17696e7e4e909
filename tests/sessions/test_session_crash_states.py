"""Cleaning up, compacting, rotating, keeping a checkpoint, upgrading: cut anywhere, nothing is doubled or lost."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from states import Point, Seen, kills, losses_at_end, power_losses, record, restored, scratch
from stores import VERSION, digest, failure, objects
from stores import open_workspace as opened_now

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.checkpoints import create_checkpoint, list_checkpoints
from orchestrator_mcp.services.session_cleaning import clean_sessions, compact_sessions
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import LineFile, encode_line
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.paths import OrchestratorPaths, Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.store import read_meta
from orchestrator_mcp.storage.upgrades import upgrade
from orchestrator_mcp.storage.workspace import Workspace

pytestmark = pytest.mark.torn

Figure = Callable[[str], None]
LATER = datetime(3000, 1, 1, tzinfo=UTC)  # when every file is old
STORE = ".orchestrator"


@pytest.fixture(autouse=True)
def _paths_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # the recorder knows paths only


@dataclass(frozen=True)
class Case:
    """What is there before, what is cut, what every reader finds at once, and what holds after the next command."""

    name: str
    before: Callable[[Path], Any]
    act: Callable[[Path], Any]
    look: Callable[[Path], None]
    settled: Callable[[Path], None]
    done: Callable[[Path], None]


def later(root: Path, session: str = "current") -> Workspace:
    settings = Settings(session=session)
    return Workspace(Roots(root, root), settings, Thinking(lambda value, _key: value, digest, VERSION), lambda: LATER)


def next_command(root: Path) -> None:
    """Any command that writes."""
    workspace = later(root)
    workspace.stream(Failure).append(failure("next"))
    workspace.close()


# -- cleaning up ------------------------------------------------------------------------------------------------------

SAID = [f"said {number}" for number in range(4)]


def two_sessions(root: Path) -> None:
    opened_now(root, session="current").session_id()
    old = opened_now(root, session="old")
    for text in SAID:
        old.stream(Failure).append(failure(text))
    old.close()
    folder = root / STORE / "sessions/old"
    (folder / "state.json").write_text('{"workflow_id": "w", "status": "completed"}')
    (folder / "workflows").mkdir()
    (folder / "workflows/w.json").write_text("{}")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints/cp_1.json").write_text("{}")


def said_once(root: Path) -> None:
    workspace = later(root)
    found = [one.context for one in workspace.read(Failure).records if one.context != "next"]
    assert found == SAID, f"the failures are {found}"
    with (
        Workspace(Roots(root, root), Settings(read_only=True), Thinking(lambda value, _key: value, digest, VERSION))
        .index()
        .open() as db
    ):
        counted = db.execute(
            "SELECT COUNT(*), SUM(retry) FROM entries JOIN keys ON keys.id = entries.key WHERE keys.key != 'next'"
        )
        assert counted.fetchone() == (len(SAID), 0), "the index counts otherwise"
    there = [name for name in ("sessions", "archive") if (root / STORE / name / "old").is_dir()]
    assert len(there) == 1, f"the session is in {there}"


def tidy_or_not_begun(root: Path) -> None:
    archive = root / STORE / "archive"
    assert not (archive / ".unfinished").exists()
    for folder in archive.glob("old*"):
        assert {path.name for path in folder.iterdir()} == {"meta.json", "failures.jsonl"}


def in_the_archive(root: Path) -> None:
    said_once(root)
    assert (root / STORE / "archive/old").is_dir()


CLEANING = Case(
    "clean", two_sessions, lambda root: clean_sessions(later(root)), said_once, tidy_or_not_begun, in_the_archive
)

# -- compacting -------------------------------------------------------------------------------------------------------

VERSIONS = [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 2), ("a", 3), ("d", 1)]
NEWEST = [("a", 3), ("b", 2), ("c", 1), ("d", 1)]


def superseded(root: Path) -> None:
    """Versions of records over several parts."""
    two_sessions(root)
    folder = root / STORE / "sessions/old"
    (folder / "failures.jsonl").unlink()
    ids = {name: new_id() for name in "abcd"}
    file = LineFile(folder / "failures.jsonl", FolderLock(folder / "lock"))
    file.rotate_at = 700
    for name, rev in VERSIONS:
        one = failure(f"{name}{rev}", id=ids[name], rev=rev)
        file.append(encode_line(one.model_dump(mode="json", exclude_none=True)))
    assert len(list((folder / "rotated").iterdir())) == 2


def folded(root: Path) -> None:
    found = [one.context for one in later(root).read(Failure).records if one.context != "next"]
    assert found == [f"{name}{rev}" for name, rev in NEWEST], found


def compacted(root: Path) -> None:
    folded(root)
    paths = (root / STORE / "sessions/old").rglob("failures.jsonl")
    lines = [line for path in paths for line in path.read_bytes().splitlines()]
    assert sorted(json.loads(line)["context"] for line in lines) == ["a3", "b2", "c1", "d1"]


COMPACTING = Case("compact", superseded, lambda root: compact_sessions(later(root)), folded, folded, compacted)

# -- rotating ---------------------------------------------------------------------------------------------------------


def rotating_file(root: Path) -> LineFile:
    folder = root / STORE / "sessions/old"
    file = LineFile(folder / "failures.jsonl", FolderLock(folder / "lock"))
    file.rotate_at = 1200
    return file


def rotate_twice(root: Path) -> None:
    file = rotating_file(root)
    for number in range(8):
        one = failure(f"more {number}", id=f"more-{number}")
        file.append(encode_line(one.model_dump(mode="json", exclude_none=True)))
        file.sync()


def a_beginning(root: Path) -> None:
    found = [one.context for one in later(root).read(Failure).records if one.context != "next"]
    every = [*SAID, *(f"more {number}" for number in range(8))]
    assert found == every[: len(found)], found
    assert len(found) >= len(SAID)


def all_of_it(root: Path) -> None:
    a_beginning(root)
    assert len(later(root).read(Failure).records) == len(SAID) + 8
    assert (root / STORE / "sessions/old/rotated").is_dir()


ROTATING = Case("rotate", two_sessions, rotate_twice, a_beginning, a_beginning, all_of_it)

# -- a checkpoint -----------------------------------------------------------------------------------------------------


def keep(root: Path) -> None:
    create_checkpoint(opened_now(root, session="current"), message="half done", decisions=["one"])


def none_is_broken(root: Path) -> None:
    listed = list_checkpoints(later(root))
    assert listed.warnings == []
    assert {one.message for one in listed.checkpoints} <= {"half done", None}


def it_is_kept(root: Path) -> None:
    assert "half done" in {one.message for one in list_checkpoints(later(root)).checkpoints}


CHECKPOINT = Case("checkpoint", two_sessions, keep, none_is_broken, none_is_broken, it_is_kept)

# -- an upgrade -------------------------------------------------------------------------------------------------------

OLD, NEW = b'{"mood": "old"}\n', b'{"mood": "new"}\n'
MOODS = ("sessions/old/mood.jsonl", "sessions/current/mood.jsonl", "rules/mood.jsonl")


def moody(root: Path) -> None:
    two_sessions(root)
    (root / STORE / "rules").mkdir()
    for name in MOODS:
        (root / STORE / name).write_bytes(OLD)


def to_format_2(_paths: OrchestratorPaths) -> Iterable[tuple[str, bytes]]:
    return [(name, NEW) for name in MOODS]


def lift(root: Path) -> None:
    paths = OrchestratorPaths(root)
    upgrade(paths, FolderLock(paths.lock_file(), deadline=1), read_meta, 2, {1: to_format_2})


def old_or_new(root: Path) -> None:
    assert {(root / STORE / name).read_bytes() for name in MOODS} <= {OLD, NEW}
    assert [one.context for one in later(root).read(Failure).records][:4] == SAID


def all_new(root: Path) -> None:
    lift(root)
    assert [(root / STORE / name).read_bytes() for name in MOODS] == [NEW] * 3
    assert json.loads((root / STORE / "meta.json").read_text())["format"] == 2
    assert not (root / STORE / "upgrade").exists()


UPGRADE = Case("upgrade", moody, lift, old_or_new, all_new, all_new)

CASES = (CLEANING, COMPACTING, ROTATING, CHECKPOINT, UPGRADE)


def try_one(case: Case, point: Point, root: Path, *, lossy: bool) -> None:
    try:
        case.look(root)
        if case is not UPGRADE:
            next_command(root)
        case.settled(root)
        case.look(root)
        case.act(root)
        case.settled(root)
        for path in [] if lossy else root.rglob("*.jsonl"):
            objects(path)
    except (AssertionError, OrchestratorError, OSError) as error:
        pytest.fail(f"{case.name}: at {point}: {type(error).__name__}: {error}")


def enumerate_states(case: Case, folder: Path, seen: Seen, depth: int) -> None:
    start = folder / "start"
    start.mkdir(mode=0o700)
    case.before(start)
    history = record(start, case.act)
    case.done(start)
    for number, (point, tree) in enumerate(kills(history, longest=depth)):
        if seen.is_new(case.name, tree):
            with restored(folder, tree) as root:
                if number % 5 == 2 and case is not UPGRADE:
                    enumerate_recovery(case, folder, root, point, seen)
                else:
                    try_one(case, point, root, lossy=False)
    for point, tree in power_losses(history, seed=11, samples=depth):
        if seen.is_new(case.name, tree):
            with restored(folder, tree) as root:
                try_one(case, point, root, lossy=True)
    for _, tree in losses_at_end(history, seed=12, samples=depth * 3):
        if seen.is_new(f"{case.name}, done", tree):
            with restored(folder, tree) as root:
                case.done(root)


def enumerate_recovery(case: Case, folder: Path, root: Path, outer: Point, seen: Seen) -> None:
    """The command that goes on is killed as well."""
    history = record(root, next_command)
    for inner, tree in kills(history, longest=2):
        if seen.is_new(case.name, tree):
            with restored(folder, tree) as place:
                try_one(case, Point(outer.changes, outer.bytes, inside=inner), place, lossy=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cut_anywhere_it_goes_on(case: Case, figure: Figure) -> None:
    seen = Seen()
    with scratch() as folder:
        enumerate_states(case, folder, seen, depth=4)
    figure(f"crash states: {len(seen.prints):5} distinct, 0 inconsistent: {case.name}")


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cut_anywhere_it_goes_on_for_long(case: Case, figure: Figure) -> None:
    seen = Seen()
    with scratch() as folder:
        enumerate_states(case, folder, seen, depth=60)
    figure(f"crash states: {len(seen.prints):5} distinct, 0 inconsistent: {case.name} (campaign)")
