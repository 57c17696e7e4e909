"""Writers killed at any instant lose, double or mix nothing that was acknowledged."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEED = 20261121
PROGRAM = str(Path(__file__).with_name("torture.py"))

Figure = Callable[[str], None]


def torture(folder: Path, kills: int, seed: int, kit: str = "real") -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, PROGRAM, str(folder), str(kills), str(seed), kit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert isinstance(summary, dict)
    return summary


def check(summary: dict[str, Any], figure: Figure) -> None:
    print(f"seed {summary['seed']}")
    assert summary["problems"] == [], f"seed {summary['seed']}"
    steps = ", ".join(f"{step} {count}" for step, count in summary["histogram"].items())
    figure(
        f"kills: {summary['kills']} in {summary['seconds']} s, {summary['acknowledged']} records acknowledged, 0 lost, "
        f"{summary['in_lock'] / summary['kills']:.0%} inside the lock, {summary['torn']} torn tails quarantined, "
        f"seed {summary['seed']}"
    )
    figure(f"kills by step: {steps}")
    assert summary["in_lock"] >= 0.3 * summary["kills"]
    assert summary["torn"] >= 0.02 * summary["kills"]
    assert summary["histogram"]["write in part"] > 0
    assert sum(count for step, count in summary["histogram"].items() if step.startswith("heal")) > 0


def test_1000_kills_lose_nothing_acknowledged(tmp_path: Path, figure: Figure) -> None:
    check(torture(tmp_path / "store", 1_000, SEED), figure)


@pytest.mark.campaign
def test_50000_kills_lose_nothing_acknowledged(tmp_path: Path, figure: Figure) -> None:
    total: dict[str, Any] = {}
    for seed in range(SEED, SEED + 50):
        one = torture(tmp_path / str(seed), 1_000, seed)
        assert one["problems"] == [], f"seed {seed}"
        histogram = total.get("histogram", dict.fromkeys(one["histogram"], 0))
        total = {name: total.get(name, 0) + one[name] for name in one if name not in {"seed", "histogram", "problems"}}
        total["histogram"] = {step: count + one["histogram"][step] for step, count in histogram.items()}
    check(total | {"seed": SEED, "problems": []}, figure)
