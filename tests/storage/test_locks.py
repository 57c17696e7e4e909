"""The lock excludes threads, processes and forked children, and says who holds it."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from racers import end, hold, race

from orchestrator_mcp.errors import NotFoundError, StorageError, WorkspaceBusyError
from orchestrator_mcp.storage.locks import FolderLock, Locks, finish_if_free, session_lock
from orchestrator_mcp.storage.paths import OrchestratorPaths


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock", deadline=30)
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(100):
            with lock.held():
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "800"


def test_processes_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    race("count_up", 8, tmp_path, 100)
    assert (tmp_path / "counter").read_text() == "800"


def test_a_forked_child_does_not_inherit_its_parents_hold(tmp_path: Path) -> None:
    assert race("inherit", 1, tmp_path) == ["excluded"]


def test_two_locks_on_one_file_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock", deadline=0.05)
    with first.held(), pytest.raises(WorkspaceBusyError), second.held():
        pass
    with second.held():
        pass


def test_a_killed_holder_gives_the_lock_back_at_once(tmp_path: Path) -> None:
    holder = hold(tmp_path / "lock")
    end(holder)
    began = time.monotonic()
    with FolderLock(tmp_path / "lock", deadline=5).held():
        assert time.monotonic() - began < 1


def test_a_stopped_holder_is_named_within_the_deadline(tmp_path: Path) -> None:
    holder = hold(tmp_path / "lock")
    try:
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(WorkspaceBusyError) as caught, FolderLock(tmp_path / "lock", deadline=0.2).held():
            pass
        assert 0.2 <= time.monotonic() - began < 2
        assert str(tmp_path / "lock") in str(caught.value)
        assert f"process {holder.pid}" in str(caught.value)
    finally:
        end(holder)


def test_a_thread_that_waits_too_long_for_another_is_told_so(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock", deadline=0.1)
    errors: list[WorkspaceBusyError] = []

    def wait() -> None:
        try:
            with lock.held():
                pass
        except WorkspaceBusyError as error:
            errors.append(error)

    with lock.held():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert "lock is held by" in str(errors[0])


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_after_the_lock_file_is_lost_the_next_holder_locks_the_one_that_has_its_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "lock"
    lock, stranger = FolderLock(path, deadline=5), FolderLock(path, deadline=0.1)
    with lock.held():
        path.unlink()
        if what == "replaced":
            path.touch()
    with lock.held(), pytest.raises(WorkspaceBusyError), stranger.held():
        pass


def test_a_waiter_whose_lock_file_is_replaced_meanwhile_gets_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = hold(path)
    lock, held = FolderLock(path, deadline=10), threading.Event()
    proceed = threading.Event()

    def wait() -> None:
        with lock.held():
            held.set()
            proceed.wait(10)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.1)
    path.unlink()  # the waiter has the old file open
    end(holder)
    assert held.wait(10)
    try:
        with pytest.raises(WorkspaceBusyError), FolderLock(path, deadline=0.1).held():
            pass
    finally:
        proceed.set()
        waiter.join()


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder"])
def test_what_is_no_plain_file_is_never_locked(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "lock", tmp_path / "target"
    if kind == "link":
        target.touch()
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target)
    elif kind == "hard link":
        target.touch()
        path.hardlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    began = time.monotonic()
    with pytest.raises(StorageError), FolderLock(path).held():
        pass
    assert time.monotonic() - began < 1
    assert target.exists() == (kind in {"link", "hard link"})


def test_a_lock_in_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    lock = FolderLock(folder / "lock")
    with lock.held():
        pass
    (folder / "lock").unlink()
    folder.rmdir()
    with pytest.raises(NotFoundError), lock.held():
        pass


def test_the_lock_is_free_after_an_exception_in_its_block(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock", deadline=0.1)
    with pytest.raises(RuntimeError), lock.held():
        raise RuntimeError
    with lock.held(), pytest.raises(WorkspaceBusyError), FolderLock(tmp_path / "lock", deadline=0.05).held():
        pass


def test_a_closed_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock")
    with lock.held():
        pass
    lock.close()
    before = len(os.listdir("/proc/self/fd"))
    with lock.held():
        pass
    lock.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_one_process_has_one_lock_for_each_folder(tmp_path: Path) -> None:
    locks = Locks()
    assert locks.of(tmp_path) is locks.of(tmp_path)
    assert locks.of(tmp_path) is not locks.of(tmp_path / "other")


def test_the_lock_file_is_private_and_stays(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock")
    with lock.held():
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    lock.close()
    assert (tmp_path / "lock").exists()


def test_what_was_cut_short_is_finished_by_one_who_need_not_wait(tmp_path: Path) -> None:
    paths, done = OrchestratorPaths(tmp_path), []
    paths.orchestrator_dir.mkdir()

    def finish() -> list[str]:
        done.append(1)
        raise StorageError("The disk is broken.")

    assert finish_if_free(paths, "a thing", lambda: False, finish) == []
    with FolderLock(paths.lock_file()).held():
        assert finish_if_free(paths, "a thing", lambda: True, finish) == []
    assert done == []
    said = finish_if_free(paths, "a thing", lambda: True, finish)
    assert said == ["A thing that was cut short could not be finished: The disk is broken."]
    (tmp_path / "file").write_bytes(b"")
    asked = finish_if_free(paths, "a thing", lambda: bool(os.listdir(tmp_path / "file")), finish)
    assert "Not a directory while finishing a thing" in asked[0]
    assert finish_if_free(paths, "a thing", lambda: True, lambda: None) == []


@pytest.mark.parametrize(
    ("name", "locked"),
    [("sessions/s1/state.json", True), ("sessions/none/x", False), ("sessions", False), ("x", False)],
)
def test_the_session_that_a_file_lies_in_is_locked(tmp_path: Path, name: str, locked: bool) -> None:
    paths = OrchestratorPaths(tmp_path)
    (paths.sessions_dir() / "s1").mkdir(parents=True)
    other = FolderLock(paths.sessions_dir() / "s1" / "lock", deadline=0.0)
    with session_lock(paths, name):
        if locked:
            with pytest.raises(WorkspaceBusyError), other.held():
                pass
        else:
            with other.held():
                pass
    with other.held():
        pass
