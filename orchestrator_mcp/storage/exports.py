"""Reading what others exported or collected: files of strangers, in which anything may stand."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError, OrchestratorError, StorageError

from .files import CHUNK, open_plain, refusals
from .trees import walk

SUFFIXES = {".json", ".jsonl"}
LONGEST_LINE = 64 * 1024
"""Bytes; an event of ours has a few thousand."""

_LARGEST_ARRAY = 16 << 20


def export_files(path: Path) -> list[Path]:
    """A file, or every `.json` and `.jsonl` beneath a folder, links not followed.

    Raises:
        NotFoundError: if there is neither.
        StorageError: (and its kin) if the operating system refuses to look.
    """
    with refusals("looking at", path):
        if path.is_file():
            return [path.resolve()]
        if path.is_dir():
            return sorted(one for one in _beneath(path.resolve()) if stat.S_ISREG(one.lstat().st_mode))
    raise NotFoundError(f"There is nothing at {path}. Name a file of shared feedback, or a folder with such files.")


def _beneath(path: Path) -> Iterator[Path]:
    for folder, _, names in walk(path, _refuse):
        yield from (folder / name for name in names if Path(name).suffix in SUFFIXES)


def read_events(path: Path) -> Iterator[bytes | None]:
    """Each event of a file as bytes, be it one a line or an array; None for what can be none."""
    try:
        fd = open_plain(path, os.O_RDONLY)
    except OrchestratorError:
        yield None
        return
    with os.fdopen(fd, "rb", buffering=CHUNK) as file, refusals("reading", path):
        if file.read(1) == b"[" and (found := _array(b"[" + file.read(_LARGEST_ARRAY))) is not None:
            yield from found
            return
        file.seek(0)
        skipping = False
        while line := file.readline(LONGEST_LINE):
            whole = line.endswith(b"\n")
            if not skipping and (text := line.strip().rstrip(b",")) not in {b"", b"[", b"]"}:
                yield text if whole or len(line) < LONGEST_LINE else None
            skipping = not whole


def _array(data: bytes) -> list[bytes] | None:
    """The members of an array, each as bytes again; None if it is none, and may yet be lines."""
    try:
        values = json.loads(data)
        return [json.dumps(one).encode() for one in values]
    except (ValueError, RecursionError):
        return None


def _refuse(error: OSError) -> None:
    raise StorageError(f"{error.strerror} while looking into {error.filename}. Check its permissions.") from error
