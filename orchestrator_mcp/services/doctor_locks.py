"""Check: who holds the store's locks, and which locks of other tools lie here?"""

import time
from collections.abc import Iterator

from orchestrator_mcp.analysis.doctor import note, ok, warning
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.storage.foreign_locks import foreign_locks
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.processes import age, find_process, is_alive, lock_holders

from .examination import Examination

LONG = 0.25
"""Seconds after which a lock that is still held by the same process is held for long: entries take microseconds."""


def locks(seen: Examination) -> Iterator[Finding]:
    """Who holds the store's locks, and which locks of other tools lie here."""
    held = _held(seen)
    if held:
        time.sleep(LONG)
        held = {name: pid for name, pid in _held(seen).items() if held.get(name) == pid}
    for name, pid in held.items():
        yield warning(
            f"{name} is held by {find_process(pid) or f'process {pid}'}, for longer than an entry takes.",
            f"Migrations and clean-ups take longer. If it is none, or is stopped, end process {pid}.",
            f"{DIRECTORY}/{name}",
        )
    yield from _of_others(seen)
    if not held:
        yield ok("all are free" if lock_holders() is not None else "this system does not tell who holds a lock")


def _held(seen: Examination) -> dict[str, int]:
    holders = lock_holders() or {}
    ours = [one for one in seen.store.ours if one.name == "lock" or one.name.endswith("/lock")]
    return {one.name: holders[one.info.st_ino] for one in ours if one.info.st_ino in holders}


def _of_others(seen: Examination) -> Iterator[Finding]:
    for one in foreign_locks(seen.folder):
        states = {True: "which runs", False: "which is gone", None: "of which nothing is known"}
        whose = f"; it names process {one.pid}, {states[is_alive(one.pid)]}" if one.pid else ""
        yield note(
            f"{one.name} is another orchestrator's lock, {age(one.age)} old{whose}. It is left alone.",
            path=f"{DIRECTORY}/{one.name}",
        )
