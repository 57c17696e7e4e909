"""Many writers and readers of one folder at once. `crowd.py FOLDER append|put WRITERS EACH SIZE` prints a JSON summary.

`append`: every writer appends lines, while readers read. `put`: every writer adds one to a counter in one record.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from kits import NOW, REAL
from torture import checksum

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.lines import encode_line, parse_object, read_lines

READERS = 2


def append(folder: Path, number: int, each: int, size: int) -> int:
    file = REAL.open(folder / "log.jsonl")
    pad = "é" * (size // 2)
    for count in range(each):
        file.append(encode_line({"id": f"{number}-{count}", "pad": pad, "sum": checksum(pad)}))
    return 0


def put(folder: Path, number: int, each: int, size: int) -> int:
    stream = REAL.open_stream(folder)
    for _ in range(each):
        stream.put("counter", _one_more)
    return 0


def _one_more(old: Failure | None) -> Failure:
    count = 0 if old is None else int(old.context)
    return Failure(id="counter", rev=0 if old is None else old.rev, timestamp=NOW, context=str(count + 1), feedback="x")


def read(folder: Path) -> int:
    """Read until the writers are done; every line must be whole, and none may ever go again."""
    before = 0
    while True:
        last = (folder / "done").exists()
        count = 0
        for path in (folder / "log.jsonl", folder / "failures.jsonl"):
            for line in read_lines(path):
                value = parse_object(line.data)
                if value is None or ("sum" in value and checksum(value["pad"]) != value["sum"]):
                    return 7
                count += 1
        if count < before:
            return 8
        before = count
        if last:
            return 0
        time.sleep(0.01)


def start(work: Callable[[], int]) -> int:
    process = os.fork()
    if process == 0:
        code = 9
        try:
            code = work()
        finally:
            os._exit(code)
    return process


def main(folder: Path, what: str, writers: int, each: int, size: int) -> None:
    begin = time.monotonic()
    work = {"append": append, "put": put}[what]
    readers = [start(lambda: read(folder)) for _ in range(READERS)]
    running = [start(lambda number=number: work(folder, number, each, size)) for number in range(writers)]  # type: ignore[misc]
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in running]
    seconds = time.monotonic() - begin
    (folder / "done").touch()
    read_codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in readers]
    print(json.dumps({"writers": codes, "readers": read_codes, "seconds": round(seconds, 2)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
