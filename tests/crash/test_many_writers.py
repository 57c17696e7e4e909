"""Many processes that write at once lose, double and mix nothing; who reads meanwhile sees whole lines only."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from torture import checksum

from orchestrator_mcp.storage.lines import parse_object, read_lines

sys.path.append(str(Path(__file__).parents[1] / "server"))

from processes import Server

WRITERS = 8
Figure = Callable[[str], None]


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "disk":
        yield tmp_path
        return
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no /dev/shm here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def crowd(folder: Path, *what: object) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("crowd.py")), str(folder), *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    summary: dict[str, Any] = json.loads(done.stdout)
    assert set(summary["writers"]) == {0}, f"a writer failed: {done.stderr[-2000:]}"
    assert set(summary["readers"]) == {0}, f"a reader saw a torn line (7), or lines that went (8): {summary}"
    return summary


@pytest.mark.parametrize("size", [100, 1_000, 8_000])
def test_no_append_is_lost_doubled_or_mixed(place: Path, size: int, figure: Figure) -> None:
    summary = crowd(place, "append", WRITERS, 1_000, size)
    found: Counter[str] = Counter()
    for line in read_lines(place / "log.jsonl"):
        value = parse_object(line.data)
        assert value is not None
        assert checksum(value["pad"]) == value["sum"]
        found[value["id"]] += 1
    assert found == {f"{writer}-{count}": 1 for writer in range(WRITERS) for count in range(1_000)}
    rate = WRITERS * 1_000 / summary["seconds"]
    figure(f"{WRITERS} writers × 1,000 appends of {size:5,} B beside 2 readers: 0 lost, doubled, mixed; {rate:,.0f}/s")


def test_no_update_is_lost(place: Path, figure: Figure) -> None:
    crowd(place, "put", WRITERS, 50, 0)
    values = [parse_object(line.data) or {} for line in read_lines(place / "failures.jsonl")]
    assert [value["rev"] for value in values] == list(range(1, 401))
    assert [value["context"] for value in values] == [str(count) for count in range(1, 401)]
    figure(f"compare and swap: {WRITERS} processes, 400 updates of one record, 0 lost")


@pytest.mark.campaign
def test_no_append_of_32_writers_is_lost(tmp_path: Path) -> None:
    crowd(tmp_path, "append", 32, 20_000, 300)
    assert sum(1 for _ in read_lines(tmp_path / "log.jsonl")) == 32 * 20_000


CALLS = 150


def test_eight_servers_lose_no_failure(tmp_path: Path, figure: Figure) -> None:
    command = [sys.executable, "-m", "orchestrator_mcp", "--root", str(tmp_path)]
    with ThreadPoolExecutor(WRITERS) as pool:
        times = [took for one in pool.map(lambda number: _log(command, number), range(WRITERS)) for took in one]
    found: Counter[str] = Counter()
    sessions: dict[str, set[str]] = {}
    for path in (tmp_path / ".orchestrator" / "sessions").glob("*/failures.jsonl"):
        for line in read_lines(path):
            value = parse_object(line.data)
            assert value is not None
            found[value["context"]] += 1
            sessions.setdefault(path.parent.name, set()).add(value["context"].split()[1])
    assert found == {f"server {server} call {call}": 1 for server in range(WRITERS) for call in range(CALLS)}
    assert sorted(map(sorted, sessions.values())) == [[str(server)] for server in range(WRITERS)]
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    figure(
        f"{WRITERS} servers × {CALLS} log_failure on one project: 0 lost, {len(sessions)} sessions, "
        f"p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms"
    )


def _log(command: list[str], number: int) -> list[float]:
    times = []
    with Server(command) as server:
        server.handshake()
        for call in range(CALLS):
            begin = time.perf_counter()
            text = f"server {number} call {call}"
            answer = server.call("log_failure", {"context": text, "feedback": "Look first.", "category": "Testing"})
            times.append(time.perf_counter() - begin)
            assert answer["result"].get("isError", False) is False, answer
    return times
