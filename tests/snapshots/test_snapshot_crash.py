"""Killed or unplugged at any instant, an import is afterwards either not begun or complete; recovery may be cut short too."""

import contextlib
import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_disk import Tree, build_tree, read_tree
from crash_recorder import recorded
from snapshot_world import GOOD, META, Forged, block, contents, take, tar_header
from states import Point, Seen, kills, losses_at_end, power_losses, record, restored, scratch
from stores import open_workspace
from test_refused_calls import refusing

from orchestrator_mcp.errors import OrchestratorError, UnsafePathError
from orchestrator_mcp.records.snapshot import ImportAction
from orchestrator_mcp.storage import snapshot_import as disk
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.workspace import Workspace

pytestmark = pytest.mark.torn

SEED = 5
SAME, OTHER, NEW = "01m7ysgtr07f5qd0qx20ttxkah", "01m7ysheztayfv777fxr18yke2", "01m7ysx4yp16ctsxx0nmrz2nbb"
DECISIONS = "rules/patterns.jsonl"


def failures(*names: str) -> bytes:
    return b"".join(b'{"id":"%s","timestamp":"2026-11-21T10:13:06Z","context":"c"}\n' % name.encode() for name in names)


def session(name: str, **files: bytes) -> dict[str, bytes]:
    inside = {"meta.json": b'{"session_id":"%s"}' % name.encode(), "failures.jsonl": failures("a", "b")} | files
    return {f"sessions/{name}/{path.replace('__', '/')}": data for path, data in inside.items()}


THEIRS = GOOD.but(
    files={
        **session(SAME),
        **session(OTHER, **{"failures.jsonl": failures("a", "theirs"), "log.jsonl": failures("x") * 9}),
        **session(NEW, **{"checkpoints__deep__er.json": b"{}", "feedback__tool.jsonl": failures("f")}),
        DECISIONS: failures("d1", "d2", "d3"),
        "rules/suggestions.jsonl": failures("s"),
        "prd/plan.json": b'{"theirs": true}',
        "config.yaml": b"min_frequency: 4\n",
    }
)
OURS = {
    **session(SAME),
    **session(OTHER, **{"failures.jsonl": failures("a", "ours"), "checkpoints__ours.json": b"{}",
                        "agent_invocations.jsonl": failures("private")}),
    DECISIONS: failures("d1", "mine"),
    "prd/plan.json": b'{"theirs": false}',
}  # fmt: skip
EXPECTED = {
    **THEIRS.files,
    f"sessions/{OTHER}/agent_invocations.jsonl": failures("private"),
    DECISIONS: failures("d1", "mine", "d2", "d3"),
}
REPLACED = {
    f"sessions/{OTHER}/failures.jsonl": failures("a", "ours"), f"sessions/{OTHER}/checkpoints/ours.json": b"{}",
    "prd/plan.json": b'{"theirs": false}',
}  # fmt: skip


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / ".orchestrator" / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
        os.chmod(path, 0o600)


def held(tree: Tree) -> dict[str, bytes]:
    """What a store's tree holds, by path inside it; what only describes this machine aside."""
    top = ".orchestrator/"
    files = {path.removeprefix(top): one[3] for path, one in tree.items() if path.startswith(top) and one[0] == "file"}
    noise = ("cache/", "tmp/", "migration_backup/", "secrets/", ".gitignore", "meta.json", "current")
    return {
        path: whole(data) if path == DECISIONS else data
        for path, data in files.items()
        if not path.startswith(noise) and not path.endswith(("lock", ".tmp", ".quarantine"))
    }


def whole(data: bytes) -> bytes:
    """The lines of a stream that is appended to; an append that was cut short leaves blanks, and a note of them."""
    return b"".join(line + b"\n" for line in data.split(b"\n") if parse_object(line) is not None)


def aside(tree: Tree) -> dict[str, bytes]:
    """What the backup holds of ours."""
    return {
        path.partition("/replaced/")[2]: one[3]
        for path, one in tree.items()
        if "/replaced/" in path and one[0] == "file"
    }


class World:
    """A store into which a snapshot is taken, and how what came of it is judged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "start"
        self.root.mkdir(mode=0o700)
        there = open_workspace(self.root)
        there.store(THEIRS_REPO)
        write(self.root, OURS)
        self.snapshot = folder / "snapshot"
        self.snapshot.write_bytes(THEIRS.packed())

    def act(self, root: Path) -> None:
        result = take(open_workspace(root), self.snapshot, on_conflict="replace")
        assert result.action is ImportAction.IMPORTED

    def recover(self, root: Path) -> None:
        there = open_workspace(root)
        there.store()
        assert disk.recover(there.paths, there.locks) == []

    def judge(self, root: Path) -> str:
        """`before` or `after`; anything between is a failure."""
        tree = read_tree(root)
        found = held(tree)
        decided = [path for path in tree if "migration_backup/import-" in path]
        pending = [path for path in decided if path.endswith("/pending.json") or "/incoming" in path]
        assert not pending, pending
        if found == OURS:
            assert not aside(tree)
            return "before"
        assert found == EXPECTED, sorted(set(found.items()) ^ set(EXPECTED.items()))
        assert aside(tree) == REPLACED
        return "after"


THEIRS_REPO = "01m7ysgtqx480jdh1syjvk6gyx"


@pytest.fixture
def world() -> Iterator[World]:
    with scratch() as folder:
        yield World(folder)


def judged(world: World, tree: Tree, point: Point, must: str | None = None) -> str:
    with restored(world.folder, tree) as root:
        try:
            world.recover(root)
            result = world.judge(root)
        except Exception as error:
            raise AssertionError(f"at {point} (seed {SEED}): {type(error).__name__}: {error}") from error
        assert must in {None, result}, f"at {point} (seed {SEED}): {result}"
        return result


def test_all_or_nothing_after_a_kill(world: World, figure: Callable[[str], None]) -> None:
    history = record(world.root, world.act)
    assert world.judge(world.root) == "after"
    seen, verdicts = Seen(), dict[str, int]()
    for number, (point, tree) in enumerate(kills(history, longest=3)):
        if not seen.is_new("import", tree):
            continue
        verdict = judged(world, tree, point)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        if number % 3:
            continue
        with restored(world.folder, tree) as root:
            inner = record(root, world.recover)
        for again, after in kills(inner, longest=2):
            if seen.is_new("recovery", after):
                judged(world, after, Point(point.changes, point.bytes, inside=again))
    assert set(verdicts) == {"before", "after"}, "a campaign that sees only one side proves nothing"
    figure(f"import, killed: {len(seen.prints):,} crash states, {verdicts}")


def test_all_or_nothing_where_power_is_lost_in_what_follows_a_kill(world: World, figure: Callable[[str], None]) -> None:
    """A killed process may not have synced; what it renamed must not vanish once recovery has built on it."""
    history, rng = record(world.root, world.act), random.Random(SEED)
    seen, verdicts = Seen(), dict[str, int]()

    def check(tree: Tree, point: Point, must: str | None = None) -> None:
        if seen.is_new(str(must), tree):
            verdict = judged(world, tree, point, must)
            verdicts[verdict] = verdicts.get(verdict, 0) + 1

    for count in range(len(history.changes) + 1):
        with restored(world.folder, history.after(count)) as root, recorded(history.resumed(root, count)) as inner:
            world.recover(root)
            result = world.judge(root)
        end = len(inner.changes)
        for again in rng.sample(range(count, end + 1), (end - count) // 10):
            for tree in inner.power_losses(again, rng, 1):
                check(tree, Point(count, inside=Point(again, variant=1)))
        for number, tree in enumerate(inner.power_losses(end, rng, 2, over=True), 1):
            check(tree, Point(count, inside=Point(end, variant=number)), result)
    assert set(verdicts) == {"before", "after"}
    figure(f"import, killed, then unplugged: {len(seen.prints):,} crash states, {verdicts}")


def test_all_or_nothing_after_a_power_loss(world: World, figure: Callable[[str], None]) -> None:
    history = record(world.root, world.act)
    seen, verdicts = Seen(), dict[str, int]()
    for point, tree in power_losses(history, SEED, samples=4):
        if seen.is_new("import", tree):
            verdict = judged(world, tree, point)
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
    for point, tree in losses_at_end(history, SEED):
        if seen.is_new("done", tree):
            judged(world, tree, point, must="after")
    assert set(verdicts) == {"before", "after"}
    figure(f"import, unplugged: {len(seen.prints):,} crash states, {verdicts}")


@pytest.mark.parametrize("unsynced", ["file", "folder"])
def test_an_import_that_does_not_sync_is_caught(world: World, unsynced: str) -> None:
    history = record(world.root, world.act, unsynced=unsynced)

    def campaign() -> None:
        for point, tree in power_losses(history, SEED, samples=4):
            judged(world, tree, point)
        for point, tree in losses_at_end(history, SEED):
            judged(world, tree, point, must="after")

    with pytest.raises(AssertionError):
        campaign()


def test_an_import_that_begins_before_it_is_decided_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = disk.commit

    def early(paths: Any, folder: Path, pending: Any) -> Path:
        os.rename(folder / "incoming" / "sessions" / NEW, paths.sessions_dir() / NEW)
        return real(paths, folder, pending)

    monkeypatch.setattr(disk, "commit", early)
    history = record(world.root, world.act)

    def campaign() -> None:
        for point, tree in kills(history, longest=2):
            judged(world, tree, point)

    with pytest.raises(AssertionError):
        campaign()


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_whatever_call_is_refused_it_is_all_or_nothing(world: World, code: int, *, forever: bool) -> None:
    tree, at, ends = read_tree(world.root), 0, set[str]()
    while True:
        at += 1
        with restored(world.folder, tree) as root:
            there = open_workspace(root)
            there.store()
            with refusing(at, code, forever=forever) as seen, contextlib.suppress(OrchestratorError):
                take(there, world.snapshot, on_conflict="replace")
            world.recover(root)
            ends.add(world.judge(root))
            assert not list((root / ".orchestrator" / "tmp").glob("*/incoming")) or forever
        if seen[0] < at:
            break
    assert ends == {"before", "after"}


def test_what_stands_in_the_way_is_found_before_anything_is_decided(world: World) -> None:
    store = world.root / ".orchestrator"
    (store / "prd" / "plan.json").unlink()
    (store / "prd" / "plan.json").mkdir()
    before = read_tree(store / "sessions")
    with pytest.raises(UnsafePathError, match=r"plan\.json is not a plain file"):
        take(open_workspace(world.root), world.snapshot, on_conflict="replace")
    assert read_tree(store / "sessions") == before
    assert not list((store / "migration_backup").glob("import-*"))


def test_the_same_where_there_is_no_store_yet(tmp_path: Path) -> None:
    """Killed while the store moves here, the next import goes on, with the same id."""
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes(THEIRS.packed())

    def act(root: Path) -> None:
        take(open_workspace(root), snapshot)

    start = tmp_path / "start"
    start.mkdir(mode=0o700)
    history = record(start, act)
    last = len(history.changes)
    for count in {0, last, *random.Random(SEED).sample(range(last), last // 3)}:
        root = tmp_path / str(count)
        build_tree(root, history.after(count))
        act(root)
        assert held(read_tree(root)) == THEIRS.files, f"killed after change {count}"
        assert open_workspace(root).meta.repo_id == THEIRS_REPO  # type: ignore[union-attr]


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What is found to be wrong only while it is unpacked, because the file changed since, changes nothing either."""
    there: Workspace = open_workspace(tmp_path)
    there.store(THEIRS_REPO)
    before = contents(tmp_path)
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes(THEIRS.packed())
    wrong = Forged(
        {META: b"{}"}, member=lambda name, data: tar_header(name, len(data)) + block(b"x" * len(data))
    ).packed()

    def swap(done: int, most: int) -> None:
        if done == most:
            with snapshot.open("r+b") as file:
                file.write(wrong)
                file.truncate()

    with pytest.raises(Exception, match="damaged"):
        take(there, snapshot, progress=swap)
    assert contents(tmp_path) == before
    assert not list(there.paths.tmp_dir().iterdir())
