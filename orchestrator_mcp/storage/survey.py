"""What exactly lies there? Every legacy file with its mode, time and hash, and whatever forbids moving it."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError, UnsafePathError
from orchestrator_mcp.records.migration import EntryKind, LeftAlone, LegacyEntry, Original, Survey

from .files import open_plain, refusals
from .legacy import FoundFile, LegacyFiles

CHUNK = 1 << 20


def survey(legacy: LegacyFiles) -> Survey:
    """Look at everything with a legacy name; nothing is followed, opened for writing, or waited for."""
    entries, refused = [], []
    found = legacy.found()
    for file in found:
        if file.problem is None:
            try:
                entries.append(_entry(file))
            except OrchestratorError as error:
                refused.append(str(error))
        elif file.unsafe:
            refused.append(_refusal(file.row.name, file.problem))
    alone = [LeftAlone(path=file.row.name, why=file.problem) for file in found if file.problem]
    alone += [LeftAlone(path=name, why=why) for name, why in legacy.familiar()]
    return Survey(entries=entries, refusals=refused, left_alone=alone)


def look(root: Path, name: str) -> list[Original]:
    """A file, or a folder with all beneath it, as manifest entries; parents before children, in a fixed order.

    Raises:
        UnsafePathError: at anything that is not a plain file or folder of this user's.
    """
    return list(_walk(root, name))


def free_bytes(folder: Path) -> int:
    """Room on the file system that `folder`, or its nearest existing parent, lies on."""
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _entry(file: FoundFile) -> LegacyEntry:
    row = file.row
    return LegacyEntry(kind=row.kind, name=row.name, becomes=row.becomes, originals=look(file.path.parent, row.name))


def _walk(root: Path, name: str) -> Iterator[Original]:
    path = root / name
    with refusals("looking at", path):
        info = path.lstat()
    problem = _problem(name, info)
    if problem:
        raise UnsafePathError(_refusal(name, problem))
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISREG(info.st_mode):
        size, digest = hash_file(path)
        yield Original(path=name, kind=EntryKind.FILE, mode=mode, mtime_ns=info.st_mtime_ns, size=size, sha256=digest)
        return
    yield Original(path=name, kind=EntryKind.FOLDER, mode=mode, mtime_ns=info.st_mtime_ns)
    with refusals("looking at", path):
        inside = sorted(os.listdir(path))
    for child in inside:
        yield from _walk(root, f"{name}/{child}")


def _problem(name: str, info: os.stat_result) -> str | None:
    """Why a path cannot be moved; None if it can."""
    if stat.S_ISLNK(info.st_mode):
        return "it is a symbolic link, and links are not followed"
    if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
        return "it is not a plain file"
    if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
        return "it has a second name (a hard link)"
    if hasattr(os, "geteuid") and info.st_uid != os.geteuid():
        return f"it belongs to another user (uid {info.st_uid})"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "its name is not UTF-8"
    return None


def _refusal(name: str, problem: str) -> str:
    shown = name.encode("utf-8", "backslashreplace").decode()
    return f"{shown} cannot be migrated: {problem}. Put a plain file of your own there, or move it away."


def hash_file(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a plain file."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()
