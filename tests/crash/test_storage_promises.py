"""The promise holds for the store, and every mutant of it is caught by the very same checks."""

from pathlib import Path

import pytest
from kits import MUTANTS, REAL
from promises import PROMISES
from states import scratch

pytestmark = pytest.mark.torn

CAUGHT_BY = {
    "no lock": "writers",
    "no lock between threads": "threads",
    "no look whether the lock file is still there": "lock_file_removed",
    "lock kept over a fork": "forked",
    "no heal": "appended",
    "heal by a newline only": "appended",
    "heal by cutting": "appended",
    "heal trusts any rest": "appended",
    "no quarantine": "appended",
    "no cut-back": "failed_writes",
    "one bite": "short_writes",
    "acknowledged before written": "killed_writers",
    "no reopen after rotation": "rotated",
    "no sync": "durable_lines",
    "name not synced": "durable_lines",
    "name synced by its maker only": "durable_lines",
    "request looked up before healing": "requests",
    "request looked up before locking": "two_requests",
    "replace without fsync": "replaced",
    "replace without folder fsync": "replaced",
    "replace in place": "replaced",
    "lines split at U+2028": "strange_lines",
    "torn tails read": "strange_lines",
}


ELSEWHERE = {"killed_writers", "writers"}
"""Run over the store itself, and for longer, by the tests of kills and of many writers."""


@pytest.mark.parametrize("promise", sorted(PROMISES.keys() - ELSEWHERE))
def test_the_store_keeps_its_promise(promise: str) -> None:
    with scratch() as folder:
        PROMISES[promise](REAL, folder)


@pytest.mark.parametrize("mutant", CAUGHT_BY)
def test_a_mutant_is_caught(mutant: str) -> None:
    with scratch() as folder, pytest.raises(AssertionError):
        PROMISES[CAUGHT_BY[mutant]](MUTANTS[mutant], folder)


@pytest.mark.parametrize("mutant", ["no lock", "no heal", "heal by a newline only", "acknowledged before written"])
def test_random_kills_alone_catch_a_mutant(mutant: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        PROMISES["killed_writers"](MUTANTS[mutant], tmp_path)
