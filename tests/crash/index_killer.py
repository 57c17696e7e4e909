"""Kills a builder of the index at each of its SQL statements, and compares the answers after. `index_killer.py ROOT`."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "storage"), str(Path(__file__).parents[2])]

from stores import open_workspace

from orchestrator_mcp.storage import index, intake

intake._BATCH = 10
TABLES = ("keys", "names", "entries", "tallies", "files")


def answers(root: Path, *, read_only: bool = False) -> dict[str, list[Any]]:
    workspace = open_workspace(root, session="session-1", read_only=read_only)
    with workspace.index().open() as db:
        found = {name: sorted(map(repr, db.execute(f"SELECT * FROM {name}").fetchall())) for name in TABLES}
    workspace.close()
    return found


def killed_at(root: Path, count: int) -> bool:
    """Build in a child that dies at its `count`-th statement; returns whether it came that far."""
    child = os.fork()
    if child == 0:
        left = count

        def trace(_statement: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connect = index._plain_connection

        def traced(name: str) -> Any:
            db = connect(name)
            db.set_trace_callback(trace)
            return db

        index._plain_connection = traced
        answers(root)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(root: Path) -> None:
    expected = answers(root, read_only=True)
    wrong, kills = [], 0
    for count in [*range(1, 60), *range(60, 2_000, 23)]:
        for path in (root / ".orchestrator" / "cache").glob("index.sqlite*"):
            path.unlink()
        if not killed_at(root, count):
            break
        kills += 1
        if answers(root) != expected:
            wrong.append(count)
    print(json.dumps({"kills": kills, "wrong": wrong}))


main(Path(sys.argv[1]))
