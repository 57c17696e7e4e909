"""What storage promises, as checks that run over any kit. A broken promise is an AssertionError that names the point."""

import base64
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torture
from kits import Kit
from states import Point, Seen, kills, losses_at_end, power_losses, record, restored
from stores import failure, objects

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.storage.files import write_all
from orchestrator_mcp.storage.lines import encode_line, parse_object

HERE = Path(__file__).parent
OLD: list[dict[str, Any]] = [{"id": "old-1", "text": "é\u2028\u2029\x85 x"}, {"id": "old-2", "nested": {"a": {"b": 1}}}]
NEW = {"id": "new", "outcome": {"status": "x", "more": {"y": [1, {"z": "😀"}]}}, "text": "ü" * 300}
NEXT = {"id": "next"}
TAILS = {
    "nothing": b"",
    "half a record": encode_line(NEW)[:200],
    "a whole record but its newline": encode_line({"id": "tail", "text": "whole"})[:-1],
    "an object inside a torn one": b'{"id": "tail", "outcome": {"id": "ghost", "status": "x"}',
    "part of a letter": '{"id": "tail", "text": "é'.encode()[:-1],
    "zero bytes": b"\0" * 100,
    "zero bytes, then a record": b"\0" * 40 + encode_line({"id": "tail"})[:-1],
    "blanks": b" " * 50,
    "no object": b'"text"',
    "two glued": b'{"id": "tail"}{"id": "tail-2"}',
    "long": b'{"id": "tail", "text": "' + b"x" * 20_000,
}


def writers(kit: Kit, folder: Path, count: int = 8, each: int = 1_000, seed: int = 0) -> None:
    """Nothing is lost, doubled or mixed by many processes that append at once."""
    program = [sys.executable, str(HERE / "appender.py"), str(folder), str(each), kit.name]
    running = [subprocess.Popen([*program, str(number), str(seed)]) for number in range(count)]
    (folder / "go").touch()
    assert [process.wait(120) for process in running] == [0] * count
    found = [value["id"] for value in objects(folder / "log.jsonl")]
    for value in objects(folder / "log.jsonl"):
        assert torture.checksum(value["pad"]) == value["sum"], f"mixed: {value['id']}"
    assert len(found) == len(set(found)) == count * each, f"{count * each} sent, {len(set(found))} found"


def threads(kit: Kit, folder: Path) -> None:
    """The threads of one process exclude each other too."""
    file = kit.open(folder / "log.jsonl")
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(20):
            with file.lock.held():
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                inside -= 1

    running = [threading.Thread(target=enter) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert most == 1, f"{most} threads were inside at once"


def killed_writers(kit: Kit, folder: Path, kills_wanted: int = 250, seed: int = 7) -> dict[str, Any]:
    """Nothing acknowledged is lost, doubled or mixed by writers that are killed."""
    program = [sys.executable, str(HERE / "torture.py"), str(folder), str(kills_wanted), str(seed), kit.name]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    assert summary["problems"] == [], f"seed {seed}: {summary['problems']}"
    return summary


def appended(kit: Kit, folder: Path, seen: Seen | None = None, *, nested: bool = False) -> None:
    """After a kill at any point of an append, with any torn tail before it, the next append makes all well."""
    seen = seen or Seen()
    for name, tail in TAILS.items():
        for label, tree, point in _states_of_append(kit, folder / name.replace(" ", "_"), tail, nested=nested):
            if seen.is_new(f"append {name} {label}", tree):
                with restored(folder, tree) as root:
                    _recovers(kit, root, tail, f"{name}: {point}")


def _states_of_append(kit: Kit, start: Path, tail: bytes, *, nested: bool) -> Iterator[tuple[str, Any, Point]]:
    start.mkdir(mode=0o700)
    (start / "log.jsonl").write_bytes(b"".join(encode_line(value) for value in OLD) + tail)
    (start / "lock").touch()
    history = record(start, lambda root: kit.open(root / "log.jsonl").append(encode_line(NEW)))
    for number, (point, tree) in enumerate(kills(history)):
        yield "", tree, point
        if nested and number % 40 == 3:
            with restored(start.parent, tree) as root:
                again = record(root, lambda root: kit.open(root / "log.jsonl").append(encode_line(NEXT)))
                for inner, inner_tree in kills(again, 3):
                    yield "again", inner_tree, Point(point.changes, point.bytes, inside=inner)


def _recovers(kit: Kit, root: Path, tail: bytes, point: str) -> None:
    path = root / "log.jsonl"
    before = path.read_bytes()
    with _explained(point):
        kit.open(path).append(encode_line({"id": "last"}))
        after = path.read_bytes()
        assert len(after) >= len(before), "the file has shrunk: a reader's offset may lie behind its end"
        found = [parse_object(line.data) for line in kit.read(path)]
        assert None not in found, "a line is no object"
        assert [value for value in found if value and str(value["id"]).startswith("old")] == OLD, (
            "an old record is lost"
        )
        assert all(value and value["id"] != "ghost" for value in found), "a record appeared that nobody wrote"
        assert found[-1] == {"id": "last"}
        known = [json.dumps(value) for value in found if value and value["id"] != "next"]
        assert len(known) == len(set(known)), "a record is there twice"
        for value in found:
            if value and value["id"] == "new":
                assert value == NEW, "a record is there in part"
        kept = b"".join(_quarantined(path))
        whole = parse_object(tail) if tail.startswith(b"{") else None
        if tail.strip() and whole is None and tail not in before:
            assert tail in kept, "what could not be read was not kept"
        if whole is not None:
            assert whole in found, "a whole record without its newline is lost"


def _quarantined(path: Path) -> Iterator[bytes]:
    notes = path.with_name(path.name + ".quarantine")
    if notes.exists():
        for line in notes.read_bytes().split(b"\n")[:-1]:
            yield base64.b64decode(json.loads(line)["bytes_b64"])


def failed_writes(kit: Kit, folder: Path) -> None:
    """A write that the operating system takes in part, and then refuses, leaves the file as it was."""
    for number, taken in enumerate((0, 1, 100, 5_000)):
        place = folder / str(number)
        place.mkdir()
        file = kit.open(place / "log.jsonl")
        file.append(encode_line(OLD[0]))
        before = file.path.read_bytes()
        with mock.patch("os.pwrite", _refusing(os.pwrite, taken, errno.ENOSPC)), contextlib.suppress(OrchestratorError):
            file.append(encode_line({"id": "refused", "text": "x" * 9_000}))
            raise AssertionError("a write that failed was acknowledged")
        assert file.path.read_bytes() == before, f"after {taken} bytes of a refused write something was left"


def _refusing(real: Any, taken: int, number: int) -> Callable[..., int]:
    left = taken

    def pwrite(fd: int, data: Any, offset: int) -> int:
        nonlocal left
        if left == 0:
            raise OSError(number, os.strerror(number))
        bite, left = min(left, len(data)), 0
        return int(real(fd, bytes(data)[:bite], offset))

    return pwrite


def short_writes(kit: Kit, folder: Path) -> None:
    """The operating system may take a line in many bites."""
    real = os.pwrite
    with mock.patch("os.pwrite", lambda fd, data, offset: real(fd, bytes(data)[:7], offset)):
        kit.open(folder / "log.jsonl").append(encode_line(NEW))
    assert objects(folder / "log.jsonl") == [NEW]


def lock_file_removed(kit: Kit, folder: Path) -> None:
    """Two who hold the lock are never two: not even when its file was removed in between."""
    first, second = kit.open(folder / "log.jsonl", 0.05), kit.open(folder / "log.jsonl", 0.05)
    with first.lock.held():
        pass
    (folder / "lock").unlink()
    with second.lock.held():
        try:
            with first.lock.held():
                raise AssertionError("two hold the lock at once")
        except OrchestratorError as error:
            assert "lock" in str(error)  # noqa: PT017  a mutant raises nothing, and that must be an AssertionError


def forked(kit: Kit, folder: Path) -> None:
    """A forked child does not share its parent's lock."""
    program = [sys.executable, str(HERE / "forker.py"), str(folder), kit.name]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "excluded", done.stdout + done.stderr


def rotated(kit: Kit, folder: Path) -> None:
    """What is appended lands in the file that has the name now."""
    file = kit.open(folder / "log.jsonl")
    file.append(encode_line({"id": "before"}))
    os.rename(file.path, folder / "log.1.jsonl")
    file.append(encode_line({"id": "after"}))
    assert objects(folder / "log.jsonl") == [{"id": "after"}]
    file.path.unlink()
    file.append(encode_line({"id": "again"}))
    assert objects(folder / "log.jsonl") == [{"id": "again"}]


def durable_lines(kit: Kit, folder: Path, seen: Seen | None = None) -> None:
    """What was synced and acknowledged survives a power loss: also in a file that another, dead process made."""
    seen = seen or Seen()
    for name, prepare in {"new": "", "made by one who died": '{"id": "old-1"}\n', "torn": '{"id": "x'}.items():
        start = folder / name.replace(" ", "_")
        start.mkdir(mode=0o700)
        (start / "lock").touch()

        def run(root: Path, prepare: str = prepare) -> None:
            if prepare:
                fd = os.open(root / "log.jsonl", os.O_RDWR | os.O_CREAT, 0o600)
                write_all(fd, prepare.encode(), 0)
                os.close(fd)
            file = kit.open(root / "log.jsonl")
            for number in range(3):
                file.append(encode_line({"id": f"new-{number}", "text": "é" * 500}))
                file.sync()

        history = record(start, run)
        for point, tree in losses_at_end(history, seed=1):
            if seen.is_new(f"durable {name}", tree):
                with restored(folder, tree) as root, _explained(f"{name}: {point}"):
                    found = [value for line in kit.read(root / "log.jsonl") if (value := parse_object(line.data))]
                    have = [value["id"] for value in found if value["id"].startswith("new")]
                    assert have == ["new-0", "new-1", "new-2"], f"acknowledged and lost: {have}"


def replaced(kit: Kit, folder: Path, seen: Seen | None = None) -> None:
    """A file that is replaced is the old or the new; once acknowledged, it is the new, whatever fails."""
    seen = seen or Seen()
    for size in (10, 300, 9_000):
        old, new = b"o" * size, b"n" * (size * 2)
        start = folder / f"size-{size}"
        start.mkdir(mode=0o700)
        (start / "state.json").write_bytes(old)

        def run(root: Path, new: bytes = new) -> None:
            kit.replace(root / "state.json", new)

        history = record(start, run)
        during = [*kills(history), *power_losses(history, seed=2)]
        for allowed, states in (({old, new}, during), ({new}, list(losses_at_end(history, seed=3)))):
            for point, tree in states:
                if seen.is_new(f"replace {len(allowed)}", tree):
                    found = tree.get("state.json", ("", 0, 0, b"(missing)"))[3]
                    assert found in allowed, f"{point}: {size} bytes became {found[:20]!r} ({len(found)} bytes)"


def requests(kit: Kit, folder: Path, seen: Seen | None = None) -> None:
    """The same request is stored once, at whatever point the first attempt was killed."""
    seen = seen or Seen()
    start = folder / "start"
    start.mkdir(mode=0o700)
    (start / "lock").touch()
    kit.open_stream(start).append(failure("earlier", request_id="r-0", id="old"))
    history = record(start, lambda root: kit.open_stream(root).append(failure("é" * 40, request_id="r-1")))
    size = len(history.changes)
    for point, tree in kills(history, longest=400):
        if seen.is_new("request", tree):
            with restored(folder, tree) as root, _explained(f"{point} of {size}"):
                stream = kit.open_stream(root)
                first = stream.append(failure("é" * 40, request_id="r-1"))
                again = kit.open_stream(root).append(failure("é" * 40, request_id="r-1"))
                assert first == again
                names = [value["request_id"] for value in objects(root / "failures.jsonl")]
                assert names == ["r-0", "r-1"], f"stored as {names}"


def two_requests(kit: Kit, folder: Path) -> None:
    """Of two processes that send the same request at once, one stores it."""
    first, second = kit.open_stream(folder), kit.open_stream(folder)
    held = first._lock.held

    @contextlib.contextmanager
    def late() -> Iterator[None]:
        second.append(failure("same", request_id="r-1"))
        with held():
            yield

    with mock.patch.object(first._lock, "held", late):
        first.append(failure("same", request_id="r-1"))
    assert len(objects(folder / "failures.jsonl")) == 1


def strange_lines(kit: Kit, folder: Path) -> None:
    """Lines end at a newline alone; a torn tail is not a line."""
    values = [{"id": str(n), "text": f"a{letter}b"} for n, letter in enumerate("\u2028\u2029\x85\x1c\x1d\x1e\v\f😀")]
    path = folder / "log.jsonl"
    path.write_bytes(b"\n".join(encode_line(value)[:-1] for value in values) + b'\r\n\n   \n{"id": "torn"}')
    assert [parse_object(line.data) for line in kit.read(path)] == values


@contextlib.contextmanager
def _explained(point: str) -> Iterator[None]:
    try:
        yield
    except (AssertionError, OrchestratorError, OSError) as error:
        raise AssertionError(f"at {point}: {error}") from error


def stopped_holder(kit: Kit, folder: Path) -> None:
    """A holder that is stopped makes others wait, then tells them whom for."""
    program = [sys.executable, str(HERE / "holder.py"), str(folder), kit.name]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            kit.open(folder / "log.jsonl", deadline=0.1).append(b"{}\n")
            raise AssertionError("the lock of a stopped process was taken")
        except OrchestratorError as error:
            assert str(holder.pid) in str(error), error  # noqa: PT017  see above
        finally:
            os.kill(holder.pid, signal.SIGKILL)
    kit.open(folder / "log.jsonl", deadline=5).append(b"{}\n")


PROMISES: dict[str, Callable[[Kit, Path], object]] = {
    check.__name__: check
    for check in (
        threads, killed_writers, appended, failed_writes, short_writes, lock_file_removed, forked, rotated,
        durable_lines, replaced, requests, two_requests, strange_lines, stopped_holder,
    )
}  # fmt: skip
PROMISES["writers"] = lambda kit, folder: writers(kit, folder, count=8, each=250)
