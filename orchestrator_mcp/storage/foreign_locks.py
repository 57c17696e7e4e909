"""Locks that other orchestrators keep beside our store: recognised, neither taken nor honoured nor removed."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orchestrator_mcp.errors import OrchestratorError

from .files import read_small, refusals

LOCK_FOLDER, MIGRATION_LOCK = "locks", ".migration.lock"
_LONGEST_PID = 20


class ForeignLock(NamedTuple):
    """A lock file of another tool, the process that it names, if any, and for how many seconds it has been there."""

    name: str
    pid: int | None
    age: float


def foreign_locks(store: Path) -> Iterator[ForeignLock]:
    """The lock files that an older orchestrator makes in its own folder of locks, or while it migrates."""
    for name in (MIGRATION_LOCK, *_in_folder(store)):
        with contextlib.suppress(FileNotFoundError):
            changed = (store / name).lstat().st_mtime
            yield ForeignLock(name, _pid_in(store / name), time.time() - changed)


def _in_folder(store: Path) -> list[str]:
    folder = store / LOCK_FOLDER
    with refusals("listing", folder):
        if folder.is_symlink() or not folder.is_dir():
            return []
        return [f"{LOCK_FOLDER}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".lock")]


def _pid_in(path: Path) -> int | None:
    """The process that a lock file names in plain text."""
    try:
        text = (read_small(path, _LONGEST_PID) or b"").decode("ascii").strip()
    except (OrchestratorError, ValueError):
        return None
    return int(text) if text.isdigit() else None
