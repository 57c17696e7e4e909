"""Every state that a crash or a power loss can leave is one that the next operation makes well."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scenarios import SCENARIOS, SESSION, Scenario
from states import Point, Seen, kills, losses_at_end, power_losses, record, restored, scratch
from stores import failure, objects, open_workspace

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.failure import Failure

pytestmark = pytest.mark.torn

Figure = Callable[[str], None]


@pytest.fixture(autouse=True)
def _paths_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # the recorder knows paths only


@contextlib.contextmanager
def explained(scenario: Scenario, point: Point) -> Iterator[None]:
    try:
        yield
    except (AssertionError, OrchestratorError, OSError) as error:
        pytest.fail(f"{scenario.name}: at {point}: {type(error).__name__}: {error}")


def again(scenario: Scenario, root: Path, *, all_parse: bool) -> None:
    """The next attempt makes it well."""
    scenario.act(root)
    scenario.holds(root)
    for path in root.rglob("*.jsonl") if all_parse else ():
        objects(path)


def enumerate_states(scenario: Scenario, folder: Path, seen: Seen, depth: int) -> None:
    start = folder / "start"
    start.mkdir(mode=0o700)
    scenario.before(start)
    history = record(start, scenario.act)
    for number, (point, tree) in enumerate(kills(history, longest=depth)):
        if seen.is_new(scenario.name, tree):
            with restored(folder, tree) as root, explained(scenario, point):
                if number % 8 == 2:
                    enumerate_recovery(scenario, folder, root, point, seen)
                else:
                    again(scenario, root, all_parse=True)
    for point, tree in power_losses(history, seed=11, samples=depth // 3):
        if seen.is_new(scenario.name, tree):
            with restored(folder, tree) as root, explained(scenario, point):
                again(scenario, root, all_parse=False)
    for point, tree in losses_at_end(history, seed=12, samples=depth * 3):
        if scenario.done is not None and seen.is_new(f"{scenario.name}, done", tree):
            with restored(folder, tree) as root, explained(scenario, point):
                scenario.done(root)


def enumerate_recovery(scenario: Scenario, folder: Path, root: Path, outer: Point, seen: Seen) -> None:
    """The recovery is killed as well."""
    history = record(root, scenario.act)
    scenario.holds(root)
    for inner, tree in kills(history, longest=3):
        if seen.is_new(scenario.name, tree):
            point = Point(outer.changes, outer.bytes, inside=inner)
            with restored(folder, tree) as place, explained(scenario, point):
                again(scenario, place, all_parse=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_crash_at_any_point_is_made_well(scenario: Scenario, figure: Figure) -> None:
    seen = Seen()
    with scratch() as folder:
        enumerate_states(scenario, folder, seen, depth=6)
    figure(f"crash states: {len(seen.prints):5} distinct, 0 inconsistent: {scenario.name}")


@pytest.mark.campaign
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_crash_at_any_point_is_made_well_for_long(scenario: Scenario, figure: Figure) -> None:
    seen = Seen()
    with scratch() as folder:
        enumerate_states(scenario, folder, seen, depth=100)
    figure(f"crash states: {len(seen.prints):5} distinct, 0 inconsistent: {scenario.name} (campaign)")


def test_an_index_killed_while_it_is_built_is_finished_with_the_same_answers(tmp_path: Path, figure: Figure) -> None:
    """SQLite makes its own system calls, so here the process is killed at every statement instead."""
    workspace = open_workspace(tmp_path, session=SESSION)
    stream = workspace.stream(Failure)
    for number in range(60):
        stream.append(failure(f"text {number % 7}"))
    stream.supersede(stream.read().records[3].id, lambda old: old.model_copy(update={"context": "changed"}))
    program = str(Path(__file__).with_name("index_killer.py"))
    done = subprocess.run([sys.executable, program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["wrong"] == []
    assert summary["kills"] > 40
    figure(f"crash states: {summary['kills']:5} kills at a statement of the index, 0 wrong answers")
