"""Whatever the operating system refuses, and whenever: an error of ours or success, and a store that is whole."""

import contextlib
import errno
import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scenarios import SCENARIOS, SESSION, Scenario, readable
from states import scratch
from stores import failure, objects, open_workspace

from orchestrator_mcp.errors import OrchestratorError, StorageError, StorageFullError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.files import replace_file
from orchestrator_mcp.storage.lines import LineFile, encode_line
from orchestrator_mcp.storage.locks import FolderLock

pytestmark = pytest.mark.torn

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EINTR", "EMFILE", "ENOLCK", "EROFS")
CALLS = ("open", "pwrite", "fsync", "fdatasync", "rename", "replace", "mkdir", "ftruncate", "fstat", "pread", "unlink")
Figure = Callable[[str], None]


class Refused(Exception):  # noqa: N818  not an error: a note that the call was reached
    pass


@contextlib.contextmanager
def refusing(at: int, number: int, *, then_all: bool = False) -> Iterator[list[str]]:
    """Refuse the `at`-th system call (or it and all after it); gives the calls as they are made."""
    made: list[str] = []

    def watch(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "flock" and args[1] == fcntl.LOCK_UN:
                return real(*args, **kwargs)
            made.append(name)
            if len(made) == at or (then_all and len(made) > at):
                raise OSError(number, os.strerror(number))
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, watch(name, getattr(os, name)))
        patch.setattr(fcntl, "flock", watch("flock", fcntl.flock))
        yield made


@pytest.mark.parametrize("then_all", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_refusal_at_any_call_is_told_and_leaves_the_store_whole(
    scenario: Scenario, then_all: bool, figure: Figure
) -> None:
    injected = 0
    with scratch() as folder:
        start = folder / "start"
        start.mkdir(mode=0o700)
        scenario.before(start)
        for error in ERRORS if not then_all else ("EIO", "ENOSPC"):
            for at in range(1, 400):
                root = folder / f"{error}-{at}"
                shutil.copytree(start, root)
                if not _refused_at(scenario, root, at, error, then_all=then_all):
                    break
                injected += 1
                shutil.rmtree(root)
    figure(
        f"refused calls: {injected:4} ({'for good' if then_all else 'once'}), 0 untyped or unrecovered: {scenario.name}"
    )


def _refused_at(scenario: Scenario, root: Path, at: int, error: str, *, then_all: bool) -> bool:
    where = f"{scenario.name}: {error} at call {at}"
    with refusing(at, getattr(errno, error), then_all=then_all) as made:
        try:
            scenario.act(root)
        except OrchestratorError as refusal:
            assert str(refusal).count(".") >= 1, f"{where}: no sentence: {refusal}"  # noqa: PT017  success is fine too
        except Exception as strange:  # noqa: BLE001
            pytest.fail(f"{where} ({made[at - 1]}): {type(strange).__name__}: {strange}")
    if len(made) < at:
        return False
    where += f" ({made[at - 1]})"
    for path in root.rglob("*.jsonl"):
        data = path.read_bytes()
        torn = "torn" in scenario.name and data.startswith(b'{"id": "torn"') and b"\n" not in data
        assert torn or data.endswith(b"\n") or not data.strip(b" "), f"{where}: {path.name} has a torn tail"
    try:
        scenario.act(root)
        scenario.holds(root)
        for path in root.rglob("*.jsonl"):
            objects(path)
    except (AssertionError, OrchestratorError, OSError) as strange:
        pytest.fail(f"{where}: afterwards: {type(strange).__name__}: {strange}")
    return True


@pytest.mark.parametrize("bite", [1, 7, 4096])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_short_writes_are_finished(
    scenario: Scenario, bite: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.before(tmp_path)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:bite], offset))
    scenario.act(tmp_path)
    scenario.holds(tmp_path)


# What follows refuses by real means.


def run_limited(tmp_path: Path, limit: int, size: int) -> dict[str, Any]:
    """Append in a process that may have no more than `size` of a resource; then once more, without the limit."""
    program = str(Path(__file__).with_name("limited.py"))
    command = [sys.executable, program, str(tmp_path), str(limit), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_a_limit_on_file_size_is_told_and_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    summary = run_limited(tmp_path, resource.RLIMIT_FSIZE, 10_000)
    assert summary["error"] == "StorageFullError", summary
    assert "File too large" in summary["text"]
    assert [value["id"] for value in objects(tmp_path / "log.jsonl")] == summary["acknowledged"]


def test_a_limit_on_open_files_is_told(tmp_path: Path) -> None:
    summary = run_limited(tmp_path, resource.RLIMIT_NOFILE, 3)
    assert summary["error"] == "StorageError", summary
    assert "Too many open files" in summary["text"]


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "small", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("mount is missing")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("small_disk", ["size=64k"], indirect=True)
def test_a_disk_that_fills_up_is_told_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    file = LineFile(small_disk / "log.jsonl", FolderLock(small_disk / "lock"))
    acknowledged: list[str] = []
    with pytest.raises(StorageFullError, match="No space left"):  # noqa: PT012  at some point
        for number in range(1_000):
            file.append(encode_line({"id": str(number), "pad": "x" * 700}))
            acknowledged.append(str(number))
    assert file.path.read_bytes().endswith(b"\n")
    with pytest.raises(StorageFullError):
        replace_file(small_disk / "state.json", b"x" * 9_000)
    assert sorted(path.name for path in small_disk.iterdir()) == ["lock", "log.jsonl"], "a part was left behind"
    assert [value["id"] for value in objects(file.path)] == acknowledged
    subprocess.run(["mount", "-o", "remount,size=256k", str(small_disk)], check=True)
    file.append(encode_line({"id": "last"}))
    assert [value["id"] for value in objects(file.path)] == [*acknowledged, "last"]


@pytest.mark.parametrize("small_disk", ["nr_inodes=14"], indirect=True)
def test_a_disk_without_inodes_is_told_and_no_half_of_a_session_is_seen(small_disk: Path) -> None:
    with pytest.raises(StorageFullError, match="No space left"):  # noqa: PT012  at some point
        for _ in range(20):
            open_workspace(small_disk, own_session=True).stream(Failure).append(failure())
    for session_id in open_workspace(small_disk).sessions.list_sessions():
        assert open_workspace(small_disk).sessions.read(session_id)


@pytest.mark.parametrize("small_disk", ["size=1m"], indirect=True)
def test_a_read_only_disk_is_read_and_refuses_writes(small_disk: Path) -> None:
    program = str(Path(__file__).with_name("one_failure.py"))  # a process of its own holds nothing open
    subprocess.run([sys.executable, program, str(small_disk)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    workspace = open_workspace(small_disk, session=SESSION)
    assert [one.context for one in workspace.read(Failure).records] == ["first"]
    with workspace.index().open() as db:
        assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
    with pytest.raises(StorageError, match="Read-only"):
        workspace.stream(Failure).append(failure())


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EACCES", "EINTR", "EMFILE"])
@pytest.mark.parametrize("call", ["openat", "pwrite64", "fsync", "fdatasync", "flock", "mkdir", "rename"])
def test_errors_from_the_kernel_itself_are_told(tmp_path: Path, call: str, error: str, figure: Figure) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")
    program = [sys.executable, str(Path(__file__).with_name("one_failure.py")), str(tmp_path)]
    trace = ["strace", "-f", "-o", os.devnull, "-P", str(tmp_path)]
    injected = 0
    if subprocess.run([*trace, "-e", "trace=none", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    for when in (1, 2):
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]
        command = [arg for arg in trace if arg not in {"-P", str(tmp_path)}] if call != "openat" else trace
        done = subprocess.run([*command, *inject, *program], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{call} {error} when={when}: {done.stderr[-500:]}"
        injected += 1
        answer = json.loads(done.stdout)
        assert answer in ("stored", "told"), answer
    scenario = next(one for one in SCENARIOS if one.name == "a first failure in a bare folder")
    scenario.act(tmp_path)
    scenario.holds(tmp_path)
    assert len(readable(tmp_path / ".orchestrator/sessions" / SESSION / "failures.jsonl")) == 1
    figure(f"errors from the kernel: {injected} by strace: {call} {error}")
