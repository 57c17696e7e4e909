"""What exactly lies there? Every legacy file with its mode, time and hash, and whatever forbids moving it."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError, UnsafePathError
from orchestrator_mcp.records.migration import EntryKind, LeftAlone, LegacyEntry, Original, Survey

from .files import refusals
from .legacy import FoundFile, LegacyFiles
from .paths import DIRECTORY
from .trees import DEEPEST, hash_file


def survey(legacy: LegacyFiles, wanted: Callable[[str], bool] = lambda _name: True, *, stays: bool = False) -> Survey:
    """Look at everything with a legacy name; nothing is followed, opened for writing, or waited for.

    Args:
        legacy: where to look.
        wanted: which legacy names.
        stays: it is only copied, so it may be anybody's.
    """
    entries, refused, alone = [], [], []
    for file in legacy.found():
        why = file.problem or _unwanted(legacy, file, wanted)
        if file.unsafe and wanted(file.name):
            refused.append(_refusal(file.name, str(file.problem)))
        if why is None:
            try:
                entries.append(_entry(legacy, file, stays=stays))
            except OrchestratorError as error:
                refused.append(str(error))
        else:
            alone.append(LeftAlone(path=file.name, why=why))
    alone += [LeftAlone(path=name, why=why) for name, why in legacy.familiar()]
    return Survey(entries=entries, refusals=refused, left_alone=alone)


def around(root: Path, names: Iterable[str]) -> list[Original]:
    """The folders between a root and names beneath it, as they are; those of a store look after themselves."""
    above = {"/".join(name.split("/")[:depth]) for name in names for depth in range(1, name.count("/") + 1)}
    found = []
    for path in sorted(above):
        if path.split("/")[0] != DIRECTORY:
            info = (root / path).lstat()
            mode = stat.S_IMODE(info.st_mode)
            found.append(Original(path=path, kind=EntryKind.FOLDER, mode=mode, mtime_ns=info.st_mtime_ns))
    return found


def look(root: Path, name: str, *, stays: bool = False) -> list[Original]:
    """A file, or a folder with all beneath it, as manifest entries; parents before children, in a fixed order.

    Raises:
        UnsafePathError: at anything that is not a plain file or folder, or is another user's and is to be moved.
    """
    return list(_walk(root, name, stays=stays))


def _unwanted(legacy: LegacyFiles, file: FoundFile, wanted: Callable[[str], bool]) -> str | None:
    if not wanted(file.name):
        return "it was left out on request"
    if legacy.is_taken(file):
        return "all that it holds was taken over before"
    return None


def _entry(legacy: LegacyFiles, file: FoundFile, *, stays: bool) -> LegacyEntry:
    if not stays and not os.access(file.path.parent, os.W_OK | os.X_OK):
        raise UnsafePathError(_refusal(file.name, "its folder may not be changed"))
    originals = look(legacy.root, file.name, stays=stays)
    starts = {one.path: _start(legacy, one) for one in originals if one.sha256}
    return LegacyEntry(
        kind=file.row.kind,
        name=file.name,
        becomes=file.row.becomes,
        originals=originals,
        taken={path: start for path, start in starts.items() if start},
        root=str(legacy.root),
        stays=stays,
    )


def _start(legacy: LegacyFiles, one: Original) -> int:
    """How much was taken before: of a file of lines any number of them, of another one all or nothing."""
    start = legacy.taken.start(legacy.root / one.path) if legacy.taken else 0
    return start if one.path.endswith(".jsonl") or start == one.size else 0


def _walk(root: Path, name: str, *, stays: bool) -> Iterator[Original]:
    path = root / name
    with refusals("looking at", path):
        info = path.lstat()
    problem = _problem(name, info) or (None if stays else _strangers(info))
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
        yield from _walk(root, f"{name}/{child}", stays=stays)


def _problem(name: str, info: os.stat_result) -> str | None:
    """Why a path cannot be moved; None if it can."""
    if stat.S_ISLNK(info.st_mode):
        return "it is a symbolic link, and links are not followed"
    if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
        return "it is not a plain file"
    if stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
        return "it has a second name (a hard link)"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "its name is not UTF-8"
    if name.count("/") > DEEPEST:
        return f"it lies more than {DEEPEST} folders deep"
    return None


def _strangers(info: os.stat_result) -> str | None:
    if hasattr(os, "geteuid") and info.st_uid != os.geteuid():
        return f"it belongs to another user (uid {info.st_uid})"
    return None


def _refusal(name: str, problem: str) -> str:
    shown = name.encode("utf-8", "backslashreplace").decode()
    return f"{shown} cannot be migrated: {problem}. Put a plain file of your own there, or leave it out with --exclude."
