"""Killed or unplugged at any instant, a migration or a rollback is afterwards either not begun or complete.

Each run is recorded once; every state a crash can leave is then rebuilt, recovered and judged. Recovery is recorded
too, and every state that a crash in it can leave is recovered again.
"""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crash_disk import History, Tree, build_tree, fingerprint, read_tree
from crash_recorder import recorded
from migration_world import NAMES, fast_folder, make_legacy, workspace

from orchestrator_mcp.records.migration import Action, Manifest
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage.migration import recover
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.workspace import Workspace

SEED = 20261121
SAMPLES = 6
SHARE = 0.2  # of the points inside a recovery, those at which power is lost too
EMPTY = ("file", 0, 0, b"")

Opener = Callable[[Path], Workspace]


@dataclass
class World:
    """One layout: where the legacy files lie, and where the store."""

    root: Path
    open: Opener
    work: str
    devices: tuple[str, ...] = ()
    legacy: Tree = field(default_factory=dict)

    @property
    def store(self) -> str:
        return "store/" if self.devices else ""


@pytest.fixture(params=["one", "two"], ids=["one file system", "two file systems"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    base = fast_folder()
    root = base / "start"
    if request.param == "one":
        made = World(root, workspace, "")
        make_legacy(root)
    else:
        made = World(root, lambda there: workspace(there / "store", there / "work"), "work/", ("work", "store"))
        make_legacy(root / "work", small=True)
        (root / "store").mkdir()
    made.legacy = legacy_of(read_tree(root), made.work)
    yield made
    shutil.rmtree(base)


def legacy_of(tree: Tree, prefix: str) -> Tree:
    """What lies at the legacy names (or anywhere beneath a folder of originals), whatever the folder is called."""
    inside = {name.removeprefix(prefix): entry for name, entry in tree.items() if name.startswith(prefix)}
    return {name: entry for name, entry in inside.items() if name.split("/")[0].startswith(NAMES)}


def verdict(world: World, tree: Tree) -> str:
    """`before` or `after`; anything else is a broken promise."""
    ours = f"{world.store}.orchestrator/"
    sessions = [name for name in tree if name.startswith(f"{ours}sessions/") and name.endswith("/meta.json")]
    backups = [
        name for name in tree if name.startswith(f"{ours}migration_backup/") and name.count("/") > ours.count("/")
    ]
    legacy = legacy_of(tree, world.work)
    leftovers = [name for name in tree if name.startswith(f"{ours}tmp/")]
    if leftovers:
        return f"not swept: {leftovers}"
    if not sessions and legacy == world.legacy:
        return "before" if not backups and f"{ours}.migration_complete" not in tree else f"left: {backups}"
    if len(sessions) != 1 or legacy:
        return f"half: {sessions} {sorted(legacy)}"
    session = sessions[0].split("/")[-2]
    backup = f"{ours}migration_backup/{session}/"
    kept = legacy_of(tree, f"{backup}originals/")
    if kept != world.legacy:
        return f"the backup is not what was: {sorted(kept)}"
    return _session_problem(world, tree, f"{ours}sessions/{session}/", session) or _marks_problem(tree, ours, backup)


def _session_problem(world: World, tree: Tree, folder: str, session: str) -> str | None:
    state, log, checkpoint = NAMES[0], NAMES[1], f"{NAMES[2]}/cp_1.json"
    for old, new in ((state, "state.json"), (log, "log.jsonl"), (checkpoint, "checkpoints/cp_1.json")):
        there = tree.get(folder + new)
        if there is None or there[3] != world.legacy[old][3] or there[2] != world.legacy[old][2]:
            return f"session: {new} is not as it was"
    empty = tree.get(f"{folder}checkpoints/empty")
    tool = tree.get(f"{folder}feedback/tool.jsonl", EMPTY)[3].count(b"\n")
    process = tree.get(f"{folder}feedback/process.jsonl", EMPTY)[3].count(b"\n")
    wanted = (1, 0) if NAMES[3] not in world.legacy else (2, 3)
    if empty is None or (tool, process) != wanted or session.encode() not in tree[f"{folder}meta.json"][3]:
        return "session: it is not whole"
    return None


def _marks_problem(tree: Tree, ours: str, backup: str) -> str:
    marked = f"{ours}.migration_complete" in tree
    return "after" if marked and f"{backup}manifest.json" in tree else "not marked as done"


@dataclass
class Campaign:
    """Every state tried, told apart by what it looks like on disk."""

    world: World
    allowed: set[str]
    seen: set[str] = field(default_factory=set)
    deepened: set[str] = field(default_factory=set)
    verdicts: dict[str, int] = field(default_factory=dict)
    number: int = 0

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
        result = verdict(self.world, read_tree(place))
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
            assert migrate_state(there, dry_run=False).action is Action.MIGRATED
            assert verdict(self.world, read_tree(place)) == "after"
        assert rollback(there).action is Action.ROLLED_BACK
        assert verdict(self.world, read_tree(place)) == "before"

    def crashes(self, history: History, what: str) -> None:
        """A kill after each change; and a kill, or a power loss, after each change of the recovery from that."""
        rng = random.Random(SEED)
        for count in range(len(history.changes) + 1):
            where = f"{what}, killed after change {count}"
            inner = self.try_state(history.after(count), None, where, (history, count))
            if inner is None:
                continue
            for again in range(count, len(inner.changes) + 1):
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


def migrating(there: Workspace) -> object:
    return migrate_state(there, dry_run=False)


def record(world: World, act: Callable[[Workspace], object], unsynced: str | None = None) -> History:
    there = world.open(world.root)
    with recorded(world.root, devices=world.devices, unsynced=unsynced) as history:
        act(there)
    assert fingerprint(history.now.tree()) == fingerprint(read_tree(world.root)), "the model is not the disk"
    return history


@pytest.mark.parametrize("loss", ["killed", "unplugged"])
@pytest.mark.parametrize("what", ["migrate", "rollback"])
def test_all_or_nothing_in_every_crash_state(world: World, what: str, loss: str, figure: Callable[[str], None]) -> None:
    if what == "rollback":
        migrating(world.open(world.root))
    history = record(world, migrating if what == "migrate" else rollback)
    last = "after" if what == "migrate" else "before"
    assert verdict(world, read_tree(world.root)) == last
    campaign = Campaign(world, {"before", "after"})
    if loss == "killed":
        campaign.crashes(history, what)
    else:
        campaign.power_losses(history, what, last)
    assert set(campaign.verdicts) == {"before", "after"}, "a campaign that sees only one side proves nothing"
    layout = "two file systems" if world.devices else "one file system"
    figure(f"{what}, {loss}, {layout}: {len(campaign.seen):,} crash states, {campaign.verdicts}")


def test_a_forced_rollback_loses_nothing_in_any_crash_state(world: World) -> None:
    """What was written to the session since, and what stood in the way, is somewhere after every kill and recovery."""
    session = migrate_state(world.open(world.root), dry_run=False).session_id
    precious = {
        f"{world.store}.orchestrator/sessions/{session}/failures.jsonl": b'{"id":"1"}\n',
        f"{world.work}{NAMES[1]}": b"new\n",
    }
    for name, data in precious.items():
        (world.root / name).write_bytes(data)
    history = record(world, lambda there: rollback(there, force=True))
    for count in range(len(history.changes) + 1):
        place = world.root.parent / f"f{count}"
        build_tree(place, history.after(count))
        with recorded(place, devices=world.devices):
            there = world.open(place)
            recover(there.paths, there.locks)
        tree = read_tree(place)
        contents = [entry[3] for entry in tree.values()]
        assert all(data in contents for data in precious.values()), f"killed after change {count}: {sorted(tree)}"
        if count:
            back = legacy_of(tree, world.work)
            assert back == world.legacy, f"killed after change {count}: {sorted(back)}"
        shutil.rmtree(place)


@pytest.mark.parametrize("world", ["two"], indirect=True)
@pytest.mark.parametrize("unsynced", ["file", "folder"])
def test_a_migration_that_does_not_sync_is_caught(world: World, unsynced: str) -> None:
    there = world.open(world.root)
    there.store()
    there.redact({})
    history = record(world, migrating, unsynced)
    with pytest.raises(AssertionError, match=r"power lost|acknowledged"):
        Campaign(world, {"before", "after"}).power_losses(history, "a mutant", "after")


@pytest.mark.parametrize("world", ["one"], indirect=True)
def test_a_migration_that_moves_originals_before_the_commit_is_caught(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = disk.commit

    def early(paths: OrchestratorPaths, manifest: Manifest) -> None:
        for name in manifest.names():
            os.rename(paths.work_root / name, paths.tmp_dir() / f"migration-{name}")
        real(paths, manifest)

    monkeypatch.setattr(disk, "commit", early)
    history = record(world, migrating)
    with pytest.raises(AssertionError, match=r"half|not swept"):
        Campaign(world, {"before", "after"}).crashes(history, "a mutant")
