"""What the tables of system-call errors do not reach: looks that fail, disks that take nothing, slow readers."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from checks import failure
from kits import REAL
from worlds import OURS, workspace

from orchestrator_mcp.errors import OrchestratorError, StorageFullError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage import lookup
from orchestrator_mcp.storage.lines import Line, encode_line
from orchestrator_mcp.storage.store import open_store

LOOKS = ("stat", "lstat", "listdir")


def act(root: Path) -> str:
    opened = workspace(root)
    opened.stream(Failure).append(failure("1", request="r1"))
    return opened.stream(Failure).supersede("1", lambda old: old.model_copy(update={"context": "changed"})).id


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
@pytest.mark.parametrize("call", LOOKS)
def test_a_look_that_is_refused_is_told(tmp_path: Path, call: str, code: int) -> None:
    at, reached = 0, True
    while reached:
        at += 1
        root = tmp_path / str(at)
        root.mkdir()
        workspace(root).store()
        with pytest.MonkeyPatch.context() as patch:
            made = refuse(patch, call, at, code, root)
            try:
                assert act(root) == "1"
            except OrchestratorError as error:
                assert str(error).count(".") >= 1, str(error)  # noqa: PT017  success is fine too
        reached = made[0] >= at
        assert act(root) == "1"
        assert [one.context for one in workspace(root).read(Failure).records] == ["changed"]
        shutil.rmtree(root)
    assert at > 1


def refuse(patch: pytest.MonkeyPatch, call: str, at: int, code: int, root: Path) -> list[int]:
    made = [0]
    real: Callable[..., Any] = getattr(os, call)

    def refused(path: Any, *args: Any, **kwargs: Any) -> Any:
        # migrations look for their own leftovers, which is no part of an append
        if str(path).startswith(str(root / OURS)) and not str(path).endswith(("tmp", "migration_backup")):
            made[0] += 1
            if made[0] == at:
                raise OSError(code, os.strerror(code), str(path))
        return real(path, *args, **kwargs)

    patch.setattr(os, call, refused)
    return made


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = REAL.open(tmp_path / "log.jsonl")
    file.append(encode_line({"id": "1"}))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: 0)
    with pytest.raises(StorageFullError):
        file.append(encode_line({"id": "2"}))


def test_after_a_refused_look_at_the_lock_others_can_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = REAL.open(tmp_path / "log.jsonl"), REAL.open(tmp_path / "log.jsonl", 0.1)
    first.append(encode_line({"id": "1"}))
    with monkeypatch.context() as patch:
        refuse_all(patch, "stat")
        with pytest.raises(OrchestratorError):
            first.append(encode_line({"id": "2"}))
    second.append(encode_line({"id": "3"}))


def refuse_all(patch: pytest.MonkeyPatch, call: str) -> None:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patch.setattr(os, call, refused)


def test_what_a_killed_process_left_in_a_store_is_no_other_tool(tmp_path: Path) -> None:
    opened = workspace(tmp_path)
    opened.store()
    folder = tmp_path / OURS
    (folder / ".meta.json.0123456789abcdef.tmp").touch()
    folder.chmod(0o755)
    open_store(opened.paths, opened.locks.of(folder), opened.now())
    assert folder.stat().st_mode & 0o077 == 0


def test_a_thread_that_reads_slowly_spoils_no_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads before it locks. What it learns late must not pass for the newest, or an update is made twice."""
    stream, other = REAL.open_stream(tmp_path), REAL.open_stream(tmp_path)
    other.append(failure("counter", "1"))
    other.supersede("counter", _next)
    half_way, go_on, noted, end = (threading.Event() for _ in range(4))
    real = lookup.read_lines

    def slowly(*args: Any, **kwargs: Any) -> Iterator[Line]:
        for number, line in enumerate(real(*args, **kwargs)):
            if number and threading.current_thread() is reader:
                half_way.set()
                go_on.wait()
                yield line  # which is the newest no more
                noted.set()
                end.wait()
            else:
                yield line

    monkeypatch.setattr(lookup, "read_lines", slowly)
    reader = threading.Thread(target=stream._seen.grow)
    reader.start()
    half_way.wait()
    take_in_all, changed = stream._take_in_all, []

    def take_in_all_then_wait() -> None:
        take_in_all()
        go_on.set()
        noted.wait(1)

    def change(old: Failure) -> Failure:
        if not changed:
            changed.append(other.supersede("counter", _next))
        return _next(old)

    monkeypatch.setattr(stream, "_take_in_all", take_in_all_then_wait)
    threading.Timer(0.5, lambda: (go_on.set(), end.set())).start()  # who reads may have to be waited for
    stream.supersede("counter", change)
    reader.join()
    (counter,) = stream.read().records
    assert (counter.context, counter.rev) == ("4", 4)


def _next(old: Failure) -> Failure:
    return old.model_copy(update={"context": str(int(old.context) + 1)})
