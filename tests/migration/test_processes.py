"""Real processes: killed at random, started twice at once, and a writer that does not stop."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from crash_disk import read_tree
from migration_world import EVENT, NAMES, lines, make_legacy, workspace

from orchestrator_mcp.errors import MigrationError, WorkspaceBusyError
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.migration import recover

SCRIPT = Path(__file__).with_name("kill_at.py")
pytestmark = pytest.mark.torn  # the backup keeps originals as they were

SEED = 7
KILLS = 20


def run(root: Path, verb: str, count: int = 0, moment: str = "before") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(root), verb, str(count), moment]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def legacy(root: Path) -> dict[str, tuple[str, int, int | None, bytes]]:
    return {name: entry for name, entry in read_tree(root).items() if name.split("/")[0] in NAMES}


def count_calls(root: Path, verb: str) -> int:
    make_legacy(root)
    if verb == "rollback":
        migrate_state(workspace(root), dry_run=False)
    return int(run(root, verb, 1_000_000).stdout.split()[1])


@pytest.mark.parametrize("verb", ["migrate", "rollback"])
def test_a_real_kill_at_a_random_call_is_survived(tmp_path: Path, verb: str) -> None:
    rng = random.Random(SEED)
    calls = count_calls(tmp_path / "whole", verb)
    killed, outcomes = 0, set()
    for number in range(KILLS):
        root = tmp_path / str(number)
        make_legacy(root)
        before = legacy(root)
        if verb == "rollback":
            migrate_state(workspace(root), dry_run=False)
        at, moment = rng.randint(1, calls), rng.choice(["before", "after"])
        process = run(root, verb, at, moment)
        assert process.returncode in {0, -signal.SIGKILL}, process.stderr
        killed += process.returncode == -signal.SIGKILL
        there = workspace(root)
        there.store()
        assert recover(there.paths, there.locks) == [], f"seed {SEED}, {verb} killed {moment} call {at}"
        migrated = len(there.sessions.list_sessions())
        outcomes.add(migrated)
        assert legacy(root) == ({} if migrated else before), f"seed {SEED}, {verb} killed {moment} call {at}"
        if migrated:
            assert rollback(there).action is Action.ROLLED_BACK
        assert legacy(root) == before
    assert killed > KILLS // 2
    assert outcomes == {0, 1}, "the kills came all too early or all too late to prove anything"


def test_of_two_processes_one_migrates_and_one_finds_nothing(tmp_path: Path) -> None:
    for number in range(4):
        root, gate = tmp_path / str(number), tmp_path / f"gate{number}"
        make_legacy(root)
        command = [sys.executable, str(SCRIPT), str(root), "migrate", "0", "before", str(gate)]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        gate.touch()
        said = sorted(process.communicate(timeout=60)[0].split()[0] for process in both)
        assert said == ["migrated", "nothing_to_do"]
        assert len(workspace(root).sessions.list_sessions()) == 1


def test_a_writer_that_does_not_stop_loses_no_line(tmp_path: Path) -> None:
    """Every line is in the legacy file still, or in a session; what could not be moved safely was refused."""
    make_legacy(tmp_path)
    log = tmp_path / NAMES[1]
    log.write_bytes(lines(EVENT))
    stop = threading.Event()
    written: list[bytes] = []

    def write() -> None:
        while not stop.is_set():
            line = lines(EVENT | {"message": f"line {len(written)}"})
            with log.open("ab") as file:
                file.write(line)
            written.append(line)
            stop.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            with contextlib.suppress(MigrationError):
                migrate_state(workspace(tmp_path), dry_run=False)
    finally:
        stop.set()
        writer.join()
    migrate_state(workspace(tmp_path), dry_run=False)
    there = b"".join(
        path.read_bytes() for path in tmp_path.glob(".orchestrator/migration_backup/*/originals/*log.jsonl")
    )
    kept = there + (log.read_bytes() if log.exists() else b"")
    assert all(line in kept for line in written)


def test_a_migration_under_way_is_not_disturbed_by_others(tmp_path: Path) -> None:
    make_legacy(tmp_path)
    there = workspace(tmp_path)
    there.store()
    stage = there.paths.tmp_dir() / "migration-01m7y6e3m9y6syec7w7ybzrxfz"
    stage.mkdir(parents=True)
    holder = FolderLock(there.paths.lock_file())
    with holder.held():
        assert recover(there.paths, there.locks) == []
        assert stage.is_dir()
        there.locks.of(there.paths.orchestrator_dir).deadline = 0.05
        with pytest.raises(WorkspaceBusyError, match=r"is held by"):
            there.redact({})
    assert recover(there.paths, there.locks) == []
    assert not stage.exists()


def test_the_staging_of_others_is_not_swept(tmp_path: Path) -> None:
    there = workspace(tmp_path)
    there.store()
    other = there.paths.tmp_dir() / "01m7y6e3m9y6syec7w7ybzrxfz"
    other.mkdir(parents=True)
    make_legacy(tmp_path / "x")
    make_legacy(tmp_path)
    migrate_state(there, dry_run=False)
    assert other.is_dir()
