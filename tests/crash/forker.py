"""Whether a forked child and its parent exclude each other. `forker.py FOLDER KIT` prints `excluded` or what it saw."""

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "storage"), str(Path(__file__).parents[2])]

from kits import KITS

from orchestrator_mcp.errors import WorkspaceBusyError


def try_to_hold() -> int:
    try:
        with lock.held():
            return 1
    except WorkspaceBusyError:
        return 0


lock = KITS[sys.argv[2]].open(Path(sys.argv[1]) / "log.jsonl", 0.2).lock
with lock.held():
    pass
reader, writer = os.pipe()
child = os.fork()  # the lock's descriptor is open, and now shared
if child == 0:
    os.read(reader, 1)
    os._exit(try_to_hold())
with lock.held():
    os.write(writer, b"!")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print("excluded" if code == 0 else "not excluded")
