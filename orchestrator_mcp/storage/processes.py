"""Which processes hold what? Only where the kernel says so, which is Linux; elsewhere nobody is known to."""

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_STOPPED = {"T", "t"}


class Process(NamedTuple):
    """A process as its kernel describes it. `started`: seconds since the epoch."""

    pid: int
    name: str
    started: float
    is_stopped: bool

    def __str__(self) -> str:
        stopped = ", stopped" if self.is_stopped else ""
        return f"process {self.pid} ({self.name}{stopped}, running for {age(time.time() - self.started)})"


def lock_holders() -> dict[int, int] | None:
    """The inode of every locked file, and the process that holds its lock; None if this system does not tell."""
    try:
        lines = (_PROC / "locks").read_text("ascii").splitlines()
    except OSError:
        return None
    held = (line.split() for line in lines if "->" not in line)  # an arrow marks those who wait
    return {int(words[5].rpartition(":")[2]): int(words[4]) for words in held}


def find_process(pid: int) -> Process | None:
    """A process that is alive; None if it is gone, or this system does not tell."""
    folder = _PROC / str(pid)
    try:
        name, _, rest = (folder / "stat").read_text("utf-8", "replace").partition("(")[2].rpartition(")")
        return Process(pid, name, folder.stat().st_mtime, rest.split()[0] in _STOPPED)
    except (OSError, IndexError):
        return None


def open_beneath(folder: Path) -> dict[Path, int]:
    """What lies beneath a folder and is open in a process that we may look at, with that process."""
    found: dict[Path, int] = {}
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            for descriptor in os.listdir(process / "fd"):
                with contextlib.suppress(OSError):
                    path = (process / "fd" / descriptor).readlink()
                    if path.is_relative_to(folder):
                        found[path] = int(process.name)
    return found


def age(seconds: float) -> str:
    """A span in its largest unit, such as `3 days`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{max(0, int(seconds))} s"


def is_alive(pid: int) -> bool | None:
    """Whether a process runs; None if this system does not tell without ending it."""
    if not hasattr(os, "geteuid") or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    return True
