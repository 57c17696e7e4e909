"""Writers that acknowledge over a pipe, and are killed at any instant; then the acknowledged history is checked.

Run as a program of its own, because it forks: `python torture.py FOLDER KILLS SEED [KIT]` prints a JSON summary.
Half the kills come from outside after a random time, half from a writer itself at a chosen step, where a write may
have been taken in part. Every writer notes its step in shared memory before it makes a system call.
"""

import contextlib
import fcntl
import hashlib
import heapq
import json
import mmap
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from kits import KITS, NOW, Kit

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.lines import encode_line, parse_object, read_lines
from orchestrator_mcp.storage.parts import extent

WRITERS = 8
STEPS = (
    "serialise", "open", "lock", "lock taken", "look at lock", "look at file", "read tail", "heal: read",
    "heal: quarantine", "heal: write", "write", "write in part", "written", "unlock", "unlocked", "sync", "acknowledge",
)  # fmt: skip
IN_LOCK = {
    "lock taken", "look at file", "read tail", "heal: read", "heal: quarantine", "heal: write", "write",
    "write in part", "written", "unlock",
}  # fmt: skip
HEALING = ("heal: read", "heal: quarantine", "heal: write")
VICTIMS = (*STEPS, *sorted(IN_LOCK) * 2, *HEALING * 3, *["write in part"] * 5)
SIZES = (20, 300, 300, 2_000, 9_000)


class Writer:
    """One life of one writer, in a forked child."""

    def __init__(self, folder: Path, kit: Kit, number: int, seed: int, pipe: int, slot: Callable[[int], None]) -> None:
        self.folder, self.kit, self.number, self.pipe, self.slot = folder, kit, number, pipe, slot
        self.rng = random.Random(seed)
        self.healing = ""
        self.locked = False
        weights = [5 if step in IN_LOCK else 1 for step in STEPS]
        self.victim = self.rng.choices(STEPS, weights)[0] if self.rng.random() < 0.8 else ""
        self.countdown = 1 if self.victim in HEALING else self.rng.randint(1, 3)

    def at(self, step: str) -> bool:
        """Note a step; returns whether the writer is to die in it."""
        self.slot(STEPS.index(step))
        if step != self.victim:
            return False
        self.countdown -= 1
        return self.countdown == 0

    def pass_by(self, step: str) -> None:
        if self.at(step):
            die()

    def live(self, first: dict[str, Any] | None) -> None:
        """Append for ever; `first` is what the writer before had sent and not seen acknowledged."""
        self._watch()
        append = self._append_lines() if self.number % 4 else self._append_requests(first)
        for _ in append:
            pass

    def _append_lines(self) -> Iterator[None]:
        file = self.kit.open(self.folder / "log.jsonl")
        for value in self._values():
            self.pass_by("serialise")
            data = encode_line(value)
            end = file.append(data) + len(data)
            if self.rng.random() < 0.1:
                file.sync()
            self._acknowledge(value["id"], end)
            yield

    def _append_requests(self, first: dict[str, Any] | None) -> Iterator[None]:
        stream = self.kit.open_stream(self.folder)
        values = self._values()
        value = first or next(values)
        while True:
            os.write(self.pipe, b"?" + json.dumps(value).encode() + b"\n")
            self.pass_by("serialise")
            record = Failure(
                id=value["id"], timestamp=NOW, context=value["pad"], feedback=value["sum"], request_id=value["id"]
            )
            stream.append(record)
            self._acknowledge(value["id"])
            yield
            value = next(values)

    def _values(self) -> Iterator[dict[str, Any]]:
        life = self.rng.getrandbits(60)
        for count in range(1_000_000):
            size = self.rng.choice(SIZES)
            pad = self.rng.choice("aé\u2028😀") * self.rng.randint(size // 2, size)
            yield {"id": f"{self.number}-{life:x}-{count}", "pad": pad, "sum": checksum(pad)}

    def _acknowledge(self, name: str, end: int = 0) -> None:
        self.pass_by("acknowledge")
        os.write(self.pipe, b"!%s %d\n" % (name.encode(), end))

    def _watch(self) -> None:
        real_open, real_pwrite, real_pread, real_stat = os.open, os.pwrite, os.pread, os.stat
        real_fdatasync, real_flock = os.fdatasync, fcntl.flock
        line_file: Any = self.kit.line_file
        real_heal, real_quarantine = line_file._heal, line_file._quarantine

        def watched_open(*args: Any, **kwargs: Any) -> int:
            self.pass_by("heal: quarantine" if self.healing else "open")
            return real_open(*args, **kwargs)

        def watched_pwrite(fd: int, data: Any, offset: int) -> int:
            if self.healing:
                if self.at(self.healing):
                    real_pwrite(fd, bytes(data)[: self.rng.randrange(len(data) + 1)], offset)
                    die()
                return real_pwrite(fd, data, offset)
            self.pass_by("write")
            if self.at("write in part"):
                real_pwrite(fd, bytes(data)[: self.rng.randrange(1, len(data))], offset)
                die()
            count = real_pwrite(fd, data, offset)
            self.pass_by("written")
            return count

        def watched_pread(fd: int, length: int, offset: int) -> bytes:
            self.pass_by("heal: read" if self.healing else "read tail")
            return real_pread(fd, length, offset)

        def watched_stat(path: Any, **kwargs: Any) -> os.stat_result:
            if kwargs.get("follow_symlinks") is False:
                self.pass_by("look at lock" if str(path).endswith("lock") else "look at file")
            return real_stat(path, **kwargs)

        def watched_fdatasync(fd: int) -> None:
            self.pass_by("sync")
            real_fdatasync(fd)

        def watched_flock(fd: int, flags: int) -> None:
            if flags == fcntl.LOCK_UN:
                self.pass_by("unlock")
                real_flock(fd, flags)
                self.pass_by("unlocked")
            else:
                self.pass_by("lock")
                real_flock(fd, flags)
                self.pass_by("lock taken")

        def watched_heal(file: Any, fd: int, end: int) -> int:
            self.healing = "heal: write"
            try:
                return int(real_heal(file, fd, end))
            finally:
                self.healing = ""

        def watched_quarantine(file: Any, fragment: bytes, offset: int) -> None:
            self.healing = "heal: quarantine"
            real_quarantine(file, fragment, offset)
            self.healing = "heal: write"

        changes: dict[str, Any] = {"open": watched_open, "pwrite": watched_pwrite, "pread": watched_pread,
                   "stat": watched_stat, "fdatasync": watched_fdatasync}  # fmt: skip
        for name, watched in changes.items():
            setattr(os, name, watched)
        fcntl.flock = watched_flock  # type: ignore[assignment]
        line_file._heal, line_file._quarantine = watched_heal, watched_quarantine


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Nursery:
    """Starts writers, kills them, hears what they acknowledge."""

    def __init__(self, folder: Path, kit: Kit, kills: int, seed: int) -> None:
        self.folder, self.kit, self.kills = folder, kit, kills
        self.rng = random.Random(seed)
        self.steps = mmap.mmap(-1, WRITERS)
        self.acknowledged: set[str] = set()
        self.pending: dict[int, dict[str, Any]] = {}
        self.end = 0  # of what was acknowledged in the log
        self.shrank: list[str] = []
        self.died: Counter[str] = Counter()
        self.living: dict[int, tuple[int, int]] = {}  # process → writer, pipe
        self.heard: dict[int, bytes] = {}
        self.deadlines: list[tuple[float, int]] = []

    def run(self) -> None:
        for number in range(WRITERS):
            self._start(number)
        while sum(self.died.values()) < self.kills:
            self._listen(0.0005)
            self._strike()
            self._bury()
        for process in list(self.living):
            os.kill(process, signal.SIGKILL)
        while self.living:
            self._bury()

    def _start(self, number: int) -> None:
        reader, writer = os.pipe()
        seed = self.rng.getrandbits(60)
        process = os.fork()
        if process == 0:
            with contextlib.suppress(BaseException):
                os.close(reader)

                def slot(step: int) -> None:
                    self.steps[number] = step

                Writer(self.folder, self.kit, number, seed, writer, slot).live(self.pending.get(number))
            os._exit(3)
        os.close(writer)
        os.set_blocking(reader, False)
        self.living[process] = (number, reader)
        self.heard[process] = b""
        heapq.heappush(self.deadlines, (time.monotonic() + self.rng.uniform(0.002, 0.12), process))

    def _listen(self, wait: float) -> None:
        pipes = {reader: process for process, (_, reader) in self.living.items()}
        for reader in select.select(list(pipes), [], [], wait)[0]:
            self._hear(pipes[reader])

    def _hear(self, process: int) -> None:
        number, reader = self.living[process]
        with contextlib.suppress(BlockingIOError):
            while data := os.read(reader, 1 << 20):
                self.heard[process] += data
        *whole, self.heard[process] = self.heard[process].split(b"\n")
        for line in whole:
            if line[:1] == b"!":
                name, end = line[1:].decode().split()
                self.acknowledged.add(name)
                self.end = max(self.end, int(end))
                self.pending.pop(number, None)
            else:
                self.pending[number] = json.loads(line[1:])

    def _strike(self) -> None:
        now = time.monotonic()
        while self.deadlines and self.deadlines[0][0] < now:
            process = heapq.heappop(self.deadlines)[1]
            if process in self.living:
                os.kill(process, signal.SIGKILL)

    def _bury(self) -> None:
        while self.living:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            self._hear(process)
            number, reader = self.living.pop(process)
            os.close(reader)
            if not os.WIFSIGNALED(status):
                raise SystemExit(f"writer {number} failed instead of being killed: {status}")
            self.died[STEPS[self.steps[number]]] += 1
            log = extent(self.folder / "log.jsonl")  # with what was rotated out of it
            if self.end and (log is None or log.size < self.end):
                self.shrank.append(f"log.jsonl shrank below {self.end}, which was acknowledged")
            if sum(self.died.values()) < self.kills:
                self._start(number)


def problems(folder: Path, acknowledged: set[str], kit: Kit) -> list[str]:
    """Everything that breaks the promise."""
    kit.open(folder / "log.jsonl").append(encode_line({"id": "last", "pad": "", "sum": checksum("")}))
    kit.open_stream(folder).append(
        Failure(id="last", timestamp=NOW, context="", feedback=checksum(""), request_id="last")
    )
    found: Counter[str] = Counter()
    wrong = []
    for name, text, total in (("log.jsonl", "pad", "sum"), ("failures.jsonl", "context", "feedback")):
        for line in read_lines(folder / name):
            value = parse_object(line.data)
            if value is None:
                wrong.append(f"{name}: no object at byte {line.offset}: {line.data[:60]!r}")
            elif checksum(value[text]) != value[total]:
                wrong.append(f"{name}: mixed line at byte {line.offset}")
            else:
                found[value["id"]] += 1
        if not (folder / name).read_bytes().endswith(b"\n"):
            wrong.append(f"{name}: a torn tail is left")
    wrong += [f"lost: {name}" for name in sorted(acknowledged - found.keys())]
    wrong += [f"{count} times: {name}" for name, count in found.items() if count > 1 and name != "last"]
    return wrong


def main(folder: Path, kills: int, seed: int, kit: str) -> None:
    begin = time.monotonic()
    nursery = Nursery(folder, KITS[kit], kills, seed)
    nursery.run()
    notes = sum(1 for path in folder.glob("*.quarantine") for _ in read_lines(path))
    wrong = nursery.shrank + problems(folder, nursery.acknowledged, KITS[kit])
    histogram = {step: nursery.died[step] for step in STEPS}
    print(json.dumps({
        "seed": seed, "kills": sum(nursery.died.values()), "acknowledged": len(nursery.acknowledged),
        "in_lock": sum(histogram[step] for step in IN_LOCK), "torn": notes, "histogram": histogram,
        "problems": wrong[:20], "seconds": round(time.monotonic() - begin, 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "real")
