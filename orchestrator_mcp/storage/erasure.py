"""Erasure: the one place that changes history, for the secret that slipped through."""

import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .files import read_small, replace_file
from .index import unlink_database
from .lines import encode_line, parse_object, read_lines
from .locks import Locks
from .paths import OrchestratorPaths

_LARGEST = 4 << 30

Change = Callable[[dict[str, Any]], dict[str, Any]]
ChangeBytes = Callable[[bytes], bytes]


def find_lines(paths: OrchestratorPaths, fits: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """Every JSON line of the store that fits, wherever it lies."""
    for path in _files(paths):
        if path.suffix == ".jsonl":
            for line in read_lines(path):
                value = parse_object(line.data)
                if value is not None and fits(value):
                    yield value


def erase(paths: OrchestratorPaths, locks: Locks, change: Change, change_bytes: ChangeBytes) -> list[Path]:
    """Rewrite every file of the store in which something must go; returns those that were rewritten.

    Derived files and the cache are removed, they are made anew. Each file is
    replaced whole, under the lock of its folder, so that a crash leaves the old or the new.

    Args:
        paths: the store.
        locks: its locks.
        change: applied to every JSON line; a line it gives back unchanged stays as it is, byte for byte.
        change_bytes: applied to lines that are no JSON, and to all other files.
    """
    rewritten = []
    with locks.of(paths.orchestrator_dir).held():
        shutil.rmtree(paths.reports_dir(), ignore_errors=True)
        unlink_database(paths.cache_dir())
        shared = [path for path in _files(paths) if not _is_in_session(paths, path)]
        rewritten += [path for path in shared if _rewrite(path, change, change_bytes)]
    for path in _files(paths):
        if _is_in_session(paths, path):
            with locks.of(_session_folder(paths, path)).held():
                if _rewrite(path, change, change_bytes):
                    rewritten.append(path)
    return rewritten


def _rewrite(path: Path, change: Change, change_bytes: ChangeBytes) -> bool:
    old = read_small(path, _LARGEST) or b""
    if path.suffix == ".jsonl":
        new = b"".join(_changed_line(line, change, change_bytes) for line in re.findall(rb"[^\n]*\n|[^\n]+", old))
    else:
        new = change_bytes(old)
    if new == old:
        return False
    replace_file(path, new, stat.S_IMODE(path.stat().st_mode))
    return True


def _changed_line(line: bytes, change: Change, change_bytes: ChangeBytes) -> bytes:
    value = parse_object(line)
    if value is None:
        return change_bytes(line)
    changed = change(value)
    return line if changed == value else encode_line(changed)


def _files(paths: OrchestratorPaths) -> Iterator[Path]:
    """Every plain file of the store; secrets and locks hold no records."""
    skipped = {paths.secrets_dir(), paths.cache_dir()}
    for path in sorted(paths.orchestrator_dir.rglob("*")):
        if skipped.isdisjoint(path.parents) and path.name != "lock" and stat.S_ISREG(path.lstat().st_mode):
            yield path


def _is_in_session(paths: OrchestratorPaths, path: Path) -> bool:
    return paths.sessions_dir() in path.parents


def _session_folder(paths: OrchestratorPaths, path: Path) -> Path:
    return paths.sessions_dir() / path.relative_to(paths.sessions_dir()).parts[0]
