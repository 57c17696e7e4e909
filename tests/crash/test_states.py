"""Every state that a kill or a power loss can leave is recovered by the next ordinary operation."""

import errno
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checks import LINE_SCENARIOS, STREAM_SCENARIOS, Campaign, Scenario, failure
from crash_recorder import recorded
from kits import REAL, SYNCS_AGAIN_ONLY, Kit
from worlds import KILLED_SCENARIOS, SYNCED_WORLDS

from orchestrator_mcp.errors import UncertainWriteError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.streams import Stream

Figure = Callable[[str], None]

# Enough of each to go past the promised number, however the tests are spread over processes.
LEAST = {"kill": 7_000, "power": 200}


@pytest.fixture
def base() -> Iterator[Path]:
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def try_all(campaign: Campaign, scenarios: tuple[Scenario, ...], *, power: bool = False) -> None:
    for scenario in scenarios:
        campaign.cut_power(scenario) if power else campaign.kill(scenario)
    assert campaign.problems == []


def told(campaign: Campaign) -> str:
    kinds: Counter[str] = Counter()
    for name, count in campaign.by_scenario.items():
        kinds[name if name.startswith("a ") else name.split()[0]] += count
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items())


def test_kills_in_lines_and_streams(base: Path, figure: Figure) -> None:
    campaign = Campaign(base, REAL)
    try_all(campaign, LINE_SCENARIOS + STREAM_SCENARIOS)
    figure(f"crash states, lines and streams: {campaign.states} distinct, 0 inconsistent: {told(campaign)}")
    assert campaign.states >= LEAST["kill"]


def test_kills_in_sessions_stores_and_erasure(base: Path, figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # the recorder knows paths only
    campaign = Campaign(base, REAL, deepen=80)
    try_all(campaign, KILLED_SCENARIOS)
    figure(f"crash states, stores: {campaign.states} distinct, 0 inconsistent: {told(campaign)}")


def test_power_losses(base: Path, figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    campaign = Campaign(base, REAL, samples=8)
    try_all(campaign, SYNCED_WORLDS, power=True)
    figure(f"power-loss states: {campaign.states} distinct, 0 inconsistent: {told(campaign)}")
    assert campaign.states >= LEAST["power"]


@pytest.mark.campaign
def test_many_more_states(base: Path, figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    campaign = Campaign(base, REAL, samples=6, deepen=4)
    try_all(campaign, LINE_SCENARIOS + STREAM_SCENARIOS + KILLED_SCENARIOS)
    try_all(campaign, SYNCED_WORLDS, power=True)
    figure(f"crash states in a campaign: {campaign.states} distinct, 0 inconsistent")


@pytest.mark.parametrize("act", ["append", "put"])
@pytest.mark.parametrize("kit", [REAL, SYNCS_AGAIN_ONLY], ids=lambda kit: kit.name)
@pytest.mark.parametrize("retry", ["the same process", "another process"])
def test_a_retry_after_a_failed_sync_is_on_the_disk(base: Path, act: str, kit: Kit, retry: str) -> None:
    """A failed sync leaves pages that pass for clean: what was written before it never becomes durable by a sync."""
    with recorded(base) as history, pytest.MonkeyPatch.context() as patch:
        stream = kit.open_stream(base, durable=True)
        with patch.context() as failing:
            failing.setattr(os, "fdatasync", _refuse)
            with pytest.raises(UncertainWriteError):
                store(stream, act)
        lost = {number for number, change in enumerate(history.changes) if change.what == "write"}
        store(stream if retry == "the same process" else kit.open_stream(base, durable=True), act)
    tree = history.after(len(history.changes), frozenset(lost))
    held = parse_object(tree["failures.jsonl"][3].rstrip(b"\n"))
    if kit is REAL:
        assert held is not None
        assert held["id"] == "1"
    else:
        assert held is None, "the mutant was not caught"


def store(stream: Stream[Failure], act: str) -> None:
    if act == "append":
        stream.append(failure("1", request="r1"))
    else:
        stream.put("1", lambda old: failure("1"))


def _refuse(_fd: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
