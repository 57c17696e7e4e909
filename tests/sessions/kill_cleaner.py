"""Clean up in a process that kills itself at its n-th mutating system call, for every n; what it leaves is judged.

As a script: `kill_cleaner.py PLACE` prints one line of JSON: how many kills there were, and what was wrong after any.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / name) for name in ("", "storage", "crash", "migration"))]

from test_session_crash_states import (
    folded,
    later,
    next_command,
    said_once,
    superseded,
    tidy_or_not_begun,
    two_sessions,
)

from orchestrator_mcp.services.session_cleaning import clean_sessions, compact_sessions

CALLS = ("open", "pwrite", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "chmod")


def arm(count: int) -> None:
    left = [count]

    def watched(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def killed(act: Any, root: Path, count: int) -> bool:
    """Whether the process was killed before it was done."""
    pid = os.fork()
    if pid == 0:
        arm(count)
        act(later(root))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def main() -> None:
    place = Path(sys.argv[1])
    wrong, kills = [], 0
    for before, act, looks in (
        (two_sessions, clean_sessions, (said_once,)),
        (superseded, compact_sessions, (folded,)),
    ):
        start = place / act.__name__
        start.mkdir(parents=True)
        before(start)
        count, was_killed = 0, True
        while was_killed:
            count += 1
            root = place / f"{act.__name__}-{count}"
            shutil.copytree(start, root)
            was_killed = killed(act, root, count)
            kills += was_killed
            try:
                for look in looks:
                    look(root)
                next_command(root)
                tidy_or_not_begun(root)
                act(later(root))
                for look in looks:
                    look(root)
            except Exception as error:  # noqa: BLE001  whatever it is, it is told
                wrong.append(f"{act.__name__}, killed before call {count}: {type(error).__name__}: {error}")
            shutil.rmtree(root)
    print(json.dumps({"kills": kills, "wrong": wrong}))


if __name__ == "__main__":
    main()
