"""Killed or unplugged at any instant, a migration or a rollback is afterwards either not begun or complete.

Each run is recorded once; every state a crash can leave is then rebuilt, recovered and judged. Recovery is recorded
too, and every state that a crash in it can leave is recovered again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crash_campaign import Campaign, record
from crash_disk import Tree, build_tree, read_tree
from crash_recorder import recorded
from migration_world import NAMES, fast_folder, make_legacy, workspace

from orchestrator_mcp.records.migration import Manifest, MigrationResult
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage import migration as disk
from orchestrator_mcp.storage.migration import recover
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.workspace import Workspace

EMPTY = ("file", 0, 0, b"")


@dataclass
class Layout:
    """Where the legacy files lie, and where the store."""

    root: Path
    work: str
    devices: tuple[str, ...] = ()
    legacy: Tree = field(default_factory=dict)

    @property
    def store(self) -> str:
        return "store/" if self.devices else ""

    def open(self, root: Path) -> Workspace:
        return workspace(root / "store", root / "work") if self.devices else workspace(root)

    def migrate(self, there: Workspace) -> MigrationResult:
        return migrate_state(there, dry_run=False)

    def verdict(self, tree: Tree) -> str:
        return verdict(self, tree)


@pytest.fixture(params=["one", "two"], ids=["one file system", "two file systems"])
def world(request: pytest.FixtureRequest) -> Iterator[Layout]:
    base = fast_folder()
    root = base / "start"
    if request.param == "one":
        made = Layout(root, "")
        make_legacy(root)
    else:
        made = Layout(root, "work/", ("work", "store"))
        make_legacy(root / "work", small=True)
        (root / "store").mkdir()
    made.legacy = legacy_of(read_tree(root), made.work)
    yield made
    shutil.rmtree(base)


def legacy_of(tree: Tree, prefix: str) -> Tree:
    """What lies at the legacy names (or anywhere beneath a folder of originals), whatever the folder is called."""
    inside = {name.removeprefix(prefix): entry for name, entry in tree.items() if name.startswith(prefix)}
    return {name: entry for name, entry in inside.items() if name.split("/")[0].startswith(NAMES)}


def verdict(world: Layout, tree: Tree) -> str:
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


def _session_problem(world: Layout, tree: Tree, folder: str, session: str) -> str | None:
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


def migrating(there: Workspace) -> object:
    return migrate_state(there, dry_run=False)


@pytest.mark.parametrize("loss", ["killed", "unplugged"])
@pytest.mark.parametrize("what", ["migrate", "rollback"])
def test_all_or_nothing_in_every_crash_state(
    world: Layout, what: str, loss: str, figure: Callable[[str], None]
) -> None:
    if what == "rollback":
        migrating(world.open(world.root))
    history = record(world, migrating if what == "migrate" else rollback)
    last = "after" if what == "migrate" else "before"
    assert world.verdict(read_tree(world.root)) == last
    campaign = Campaign(world, {"before", "after"})
    if loss == "killed":
        campaign.crashes(history, what)
    else:
        campaign.power_losses(history, what, last)
    assert set(campaign.verdicts) == {"before", "after"}, "a campaign that sees only one side proves nothing"
    layout = "two file systems" if world.devices else "one file system"
    figure(f"{what}, {loss}, {layout}: {len(campaign.seen):,} crash states, {campaign.verdicts}")


def test_a_forced_rollback_loses_nothing_in_any_crash_state(world: Layout) -> None:
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
def test_a_migration_that_does_not_sync_is_caught(world: Layout, unsynced: str) -> None:
    there = world.open(world.root)
    there.store()
    there.redact({})
    history = record(world, migrating, unsynced)
    with pytest.raises(AssertionError, match=r"power lost|acknowledged"):
        Campaign(world, {"before", "after"}).power_losses(history, "a mutant", "after")


@pytest.mark.parametrize("world", ["one"], indirect=True)
def test_a_migration_that_moves_originals_before_the_commit_is_caught(
    world: Layout, monkeypatch: pytest.MonkeyPatch
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
