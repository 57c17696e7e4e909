"""How long does it take to append one line of 400 bytes, alone and beside seven other writers?

    python tests/bench/append.py [--folder FOLDER] [--each 3000]

The lines are serialised before; nothing is synced. The references: a bare `O_APPEND` write, which a killed writer's
torn tail spoils, and the same write under filelock's `FileLock`, which polls.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from orchestrator_mcp.storage.lines import LineFile, encode_line
from orchestrator_mcp.storage.locks import FolderLock

WRITERS = 8
BYTES = 400
TARGETS = {("ours", 1): ("p50", 40e-6), ("ours", WRITERS): ("p99", 5e-3)}

Append = Callable[[bytes], object]


def ours(folder: Path) -> Append:
    return LineFile(folder / "log.jsonl", FolderLock(folder / "lock")).append


def bare(folder: Path) -> Append:
    fd = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return lambda line: os.write(fd, line)


def file_lock(folder: Path) -> Append:
    lock, write = FileLock(folder / "lock"), bare(folder)

    def append(line: bytes) -> None:
        with lock:
            write(line)

    return append


METHODS = {"ours": ours, "O_APPEND write": bare, "FileLock + write": file_lock}


def measure(method: Callable[[Path], Append], writers: int, each: int, base: Path) -> list[float]:
    """Seconds of each append, over all writers, which start together."""
    with tempfile.TemporaryDirectory(dir=base) as folder:
        gate, opened = os.pipe()
        results = []
        for number in range(writers):
            reader, writer = os.pipe()
            if os.fork() == 0:
                code = 1
                try:
                    os.close(opened)
                    os.read(gate, 1)
                    with os.fdopen(writer, "w") as pipe:
                        pipe.write(" ".join(map(str, times(method(Path(folder)), number, each))))
                    code = 0
                finally:
                    os._exit(code)
            os.close(writer)
            results.append(reader)
        os.close(opened)
        os.close(gate)
        found = []
        for reader in results:
            with os.fdopen(reader) as pipe:
                found += [int(value) / 1e9 for value in pipe.read().split()]
        for _ in range(writers):
            os.wait()
        lines = (Path(folder) / "log.jsonl").read_bytes().count(b"\n")
    if lines != writers * each or len(found) != lines:
        sys.exit(f"{writers * each} lines were sent and {lines} are there")
    return found


def times(append: Append, number: int, each: int) -> list[int]:
    line = encode_line({"id": f"{number:03}", "text": "x" * (BYTES - 23)})
    append(line)  # opens what is to be opened
    taken = []
    for _ in range(each - 1):
        begin = time.perf_counter_ns()
        append(line)
        taken.append(time.perf_counter_ns() - begin)
    return [taken[0], *taken]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if omitted")
    parser.add_argument("--each", type=int, default=3_000, help="appends of each writer")
    options = parser.parse_args()
    print(
        f"{'method':17} {'writers':>7} {'p50':>10} {'p99':>10} {'longest':>11} {'p50 to ours':>12} {'p99 to ours':>12}"
    )
    for writers in (1, WRITERS):
        own = (1.0, 1.0)
        for name, method in METHODS.items():
            found = measure(method, writers, options.each, options.folder or Path(tempfile.gettempdir()))
            p50, p99 = statistics.median(found), statistics.quantiles(found, n=100)[98]
            own = (p50, p99) if name == "ours" else own
            which, target = TARGETS.get((name, writers), ("", 0.0))
            got = {"p50": p50, "p99": p99, "": 0.0}[which]
            word = f"  target {which} ≤ {target * 1e6:,.0f} µs: {'met' if got <= target else 'MISSED'}" if which else ""
            print(
                f"{name:17} {writers:7} {p50 * 1e6:7,.1f} µs {p99 * 1e6:7,.1f} µs {max(found) * 1e3:8,.2f} ms"
                f" {p50 / own[0]:12.2f} {p99 / own[1]:12.2f}{word}"
            )


if __name__ == "__main__":
    main()
