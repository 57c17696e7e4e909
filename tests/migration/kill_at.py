"""Run one verb in a process of its own; SIGKILL itself at the n-th mutating system call, if that comes.

Says what was done, and after how many such calls.

Usage: kill_at.py ROOT migrate|rollback N before|after [GATE]
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from migration_world import workspace

from orchestrator_mcp.services.migration import migrate_state, rollback

CALLS = ("open", "pwrite", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "utime", "chmod", "ftruncate")


def main() -> None:
    root, verb, count, moment, *gate = sys.argv[1:]
    left = arm(int(count), moment) if int(count) else [0]
    if gate:
        print("ready", flush=True)
        while not Path(gate[0]).exists():
            time.sleep(0.0005)
    there = workspace(Path(root))
    result = migrate_state(there, dry_run=False) if verb == "migrate" else rollback(there)
    print(result.action, int(count) - left[0], flush=True)


def arm(count: int, moment: str) -> list[int]:
    left = [count]

    def watched(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = original(*args, **kwargs)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))
    return left


if __name__ == "__main__":
    main()
