"""Every state that a crash can leave of a recorded run: rebuilt, recovered by the next command, and judged."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from crash_disk import History, Tree, build_tree, fingerprint, read_tree
from crash_recorder import recorded

from orchestrator_mcp.records.migration import Action, MigrationResult
from orchestrator_mcp.services.migration import rollback
from orchestrator_mcp.storage.migration import recover
from orchestrator_mcp.storage.workspace import Workspace

SEED = 20261121
SAMPLES = 6
SHARE = 0.2  # of the points inside a recovery, those at which power is lost too


class World(Protocol):
    """A project that is migrated: where it is, how it is opened, and what is whole."""

    root: Path
    devices: tuple[str, ...]

    def open(self, root: Path) -> Workspace:
        """A process in a copy of it."""

    def migrate(self, there: Workspace) -> MigrationResult:
        """The migration."""

    def verdict(self, tree: Tree) -> str:
        """`before` or `after`; anything else is a broken promise."""


@dataclass
class Campaign:
    """Every state tried, told apart by what it looks like on disk. `stride`: of the kills in a recovery, every n-th."""

    world: World
    allowed: set[str]
    seen: set[str] = field(default_factory=set)
    deepened: set[str] = field(default_factory=set)
    verdicts: dict[str, int] = field(default_factory=dict)
    number: int = 0
    stride: int = 1

    def try_state(
        self, tree: Tree, must: str | None, where: str, killed: tuple[History, int] | None = None
    ) -> History | None:
        """Rebuild a state, recover it, and judge; unless the state was seen before.

        `killed`: the run that a kill ended here, and after how many changes; then the recovery's record continues it.
        """
        mark = fingerprint(tree)
        if mark in (self.deepened if killed else self.seen):
            return None
        self.seen.add(mark)
        if killed:
            self.deepened.add(mark)
        self.number += 1
        place = self.world.root.parent / f"s{self.number}"
        build_tree(place, tree)
        with recorded(killed[0].resumed(place, killed[1]) if killed else place, devices=self.world.devices) as history:
            self._recover(place)
        result = self.world.verdict(read_tree(place))
        wanted = {must} if must else self.allowed
        assert result in wanted, f"{where} (seed {SEED}): {result}, not {wanted}. Compare {sorted(tree)}"
        self.verdicts[result] = self.verdicts.get(result, 0) + 1
        if self.number % 50 == 1:
            self._carry_on(place, result)
        shutil.rmtree(place)
        return history

    def _recover(self, place: Path) -> None:
        there = self.world.open(place)
        there.store()
        assert recover(there.paths, there.locks) == []

    def _carry_on(self, place: Path, result: str) -> None:
        """What was recovered can be used: the whole way there and back."""
        there = self.world.open(place)
        if result == "before":
            assert self.world.migrate(there).action is Action.MIGRATED
            self._is(place, "after")
        assert rollback(there).action is Action.ROLLED_BACK
        self._is(place, "before")

    def _is(self, place: Path, wanted: str) -> None:
        found = self.world.verdict(read_tree(place))
        assert found == wanted, found

    def crashes(self, history: History, what: str) -> None:
        """A kill after each change; and a kill, or a power loss, after each change of the recovery from that."""
        rng = random.Random(SEED)
        for count in range(len(history.changes) + 1):
            where = f"{what}, killed after change {count}"
            inner = self.try_state(history.after(count), None, where, (history, count))
            if inner is None:
                continue
            for again in range(count + rng.randrange(self.stride), len(inner.changes) + 1, self.stride):
                losses = inner.power_losses(again, rng, 1) if rng.random() < SHARE else ()
                for tree in (inner.after(again), *losses):
                    self.try_state(tree, None, f"{where}, and in recovery after {again - count}")
            for tree in inner.power_losses(len(inner.changes), rng, 2, over=True):
                self.try_state(tree, None, f"{where}, recovered, then power lost")

    def power_losses(self, history: History, what: str, last: str) -> None:
        """A power loss after each change: any unsynced change may be missing."""
        rng = random.Random(SEED)
        for count in range(len(history.changes) + 1):
            for tree in history.power_losses(count, rng, SAMPLES):
                self.try_state(tree, None, f"{what}, power lost after change {count}")
        for tree in history.power_losses(len(history.changes), rng, 40, over=True):
            self.try_state(tree, last, f"{what} acknowledged, then power lost")


def record(world: World, act: Callable[[Workspace], object], unsynced: str | None = None) -> History:
    there = world.open(world.root)
    with recorded(world.root, devices=world.devices, unsynced=unsynced) as history:
        act(there)
    assert fingerprint(history.now.tree()) == fingerprint(read_tree(world.root)), "the model is not the disk"
    return history
