"""Legacy files: found beside our store, recognised by what they hold, read but never written."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError, UnsafePathError
from orchestrator_mcp.records.legacy import FAMILIAR, LEGACY_FILES, LegacyFile, LegacyKind

from .files import open_plain, read_small, refusals
from .intake import Source
from .lines import parse_object

_LARGEST_STATE = 64 << 20
_ENOUGH = 20
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class FoundFile:
    """A legacy name that exists. `problem` says why it is not ours to touch; None means that it is ours.

    `unsafe`: it may well be ours, but is a link, a device or the like, so nobody can say what moving it would do.
    """

    row: LegacyFile
    path: Path
    problem: str | None
    unsafe: bool = False


class LegacyFiles:
    """The legacy files of one work tree."""

    def __init__(self, work_root: Path) -> None:
        self.work_root = work_root
        self._places = [(row, str(work_root / row.name)) for row in LEGACY_FILES]  # looked at by every call

    def found(self) -> list[FoundFile]:
        """Every legacy name that exists, with the judgement whose it is."""
        return [_judged(row, Path(place)) for row, place in self._places if os.path.lexists(place)]

    def ours(self) -> list[FoundFile]:
        """The legacy files that are ours by their content."""
        return [file for file in self.found() if file.problem is None]

    def detected(self) -> bool:
        """Whether any legacy file of ours lies here."""
        return any(os.path.lexists(place) and _judged(row, Path(place)).problem is None for row, place in self._places)

    def familiar(self) -> Iterator[tuple[str, str]]:
        """Names that other old files have, and why each is left alone."""
        ours = {row.name for row in LEGACY_FILES}
        for name in sorted(os.listdir(self.work_root)):
            why = next((why for pattern, why in FAMILIAR if fnmatchcase(name, pattern)), None)
            if why and name not in ours:
                yield name, why

    def sources(self) -> Iterator[Source]:
        """What the index reads beside our own streams; its session is empty, its workflows speak for themselves."""
        names = {
            LegacyKind.LOG: "log",
            LegacyKind.FEEDBACK: "process_feedback",
            LegacyKind.PROCESS_FEEDBACK: "process_feedback",
            LegacyKind.TOOL_FEEDBACK: "tool_feedback",
        }
        for file in self.ours():
            if file.row.kind in names:
                yield Source(file.path, names[file.row.kind], "")

    def path_of(self, kind: LegacyKind) -> Path | None:
        """Where the legacy file of this kind lies, if it is ours."""
        return next((file.path for file in self.ours() if file.row.kind == kind), None)


def _judged(row: LegacyFile, path: Path) -> FoundFile:
    try:
        unsafe = _unsafe(row, path)
        if unsafe:
            return FoundFile(row, path, unsafe, unsafe=True)
        return FoundFile(row, path, None if _is_ours(row, path) else "its content is another tool's")
    except UnsafePathError as error:
        return FoundFile(row, path, str(error), unsafe=True)
    except OrchestratorError as error:
        return FoundFile(row, path, str(error))
    except OSError:
        return FoundFile(row, path, "it cannot be looked at")


def _unsafe(row: LegacyFile, path: Path) -> str | None:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        return "it is a symbolic link, and links are not followed"
    if row.kind is LegacyKind.CHECKPOINTS:
        return None if stat.S_ISDIR(info.st_mode) else "it is not a folder"
    if not stat.S_ISREG(info.st_mode):
        return "it is not a plain file"
    return "it has a second name (a hard link)" if info.st_nlink > 1 else None


def _is_ours(row: LegacyFile, path: Path) -> bool:
    info = path.lstat()
    return _has_our_content(row, path, info.st_ino, info.st_size, info.st_mtime_ns)


@lru_cache(maxsize=256)  # every result says whether legacy files lie here, so an unchanged one is read once
def _has_our_content(row: LegacyFile, path: Path, *_unchanged: int) -> bool:
    if row.kind is LegacyKind.STATE:
        return _fits(row, read_small(path, _LARGEST_STATE) or b"")
    if row.kind is LegacyKind.CHECKPOINTS:
        return _holds_checkpoints(row, path)
    lines = _first_lines(path)
    return not lines or any(_fits(row, line) for line in lines)


def _first_lines(path: Path) -> list[bytes]:
    """The first lines that are not blank; an only one may lack its newline."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        lines = iter(lambda: file.readline(_LONGEST_LINE), b"")
        return [line for line in islice(lines, _ENOUGH) if line.strip()]


def _holds_checkpoints(row: LegacyFile, folder: Path) -> bool:
    files = [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.is_symlink()]
    return not files or any(_fits(row, read_small(file, _LARGEST_STATE) or b"") for file in files[:_ENOUGH])


def _fits(row: LegacyFile, data: bytes) -> bool:
    value = parse_object(data)
    return value is not None and row.all_of <= value.keys() and bool(row.any_of & value.keys())
