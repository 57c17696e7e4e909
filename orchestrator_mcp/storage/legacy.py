"""Legacy files: found beside our store, recognised by what they hold, read but never written."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.legacy import LEGACY_FILES, LegacyFile, LegacyKind

from .files import read_small
from .index import Source
from .lines import parse_object, read_lines

_LARGEST_STATE = 64 << 20


@dataclass(frozen=True)
class FoundFile:
    """A legacy name that exists. `problem` says why it is not ours to touch; None means that it is ours."""

    row: LegacyFile
    path: Path
    problem: str | None


class LegacyFiles:
    """The legacy files of one work tree."""

    def __init__(self, work_root: Path) -> None:
        self.work_root = work_root

    def found(self) -> list[FoundFile]:
        """Every legacy name that exists, with the judgement whose it is."""
        rows = ((row, self.work_root / row.name) for row in LEGACY_FILES)
        return [FoundFile(row, path, _problem(row, path)) for row, path in rows if os.path.lexists(path)]

    def ours(self) -> list[FoundFile]:
        """The legacy files that are ours by their content."""
        return [file for file in self.found() if file.problem is None]

    def detected(self) -> bool:
        """Whether any legacy file of ours lies here."""
        return any(_problem(row, self.work_root / row.name) is None for row in LEGACY_FILES)

    def sources(self) -> Iterator[Source]:
        """What the index reads beside our own streams; its session is empty, its workflows speak for themselves."""
        names = {
            LegacyKind.LOG: "log",
            LegacyKind.FEEDBACK: "process_feedback",
            LegacyKind.PROCESS_FEEDBACK: "process_feedback",
        }
        for file in self.ours():
            if file.row.kind in names:
                yield Source(file.path, names[file.row.kind], "")

    def path_of(self, kind: LegacyKind) -> Path | None:
        """Where the legacy file of this kind lies, if it is ours."""
        return next((file.path for file in self.ours() if file.row.kind == kind), None)


def _problem(row: LegacyFile, path: Path) -> str | None:
    try:
        info = path.lstat()
    except OSError:
        return "it cannot be looked at"
    if stat.S_ISLNK(info.st_mode):
        return "it is a symbolic link, and links are not followed"
    if row.kind is LegacyKind.CHECKPOINTS:
        return None if stat.S_ISDIR(info.st_mode) else "it is not a folder"
    if not stat.S_ISREG(info.st_mode):
        return "it is not a plain file"
    try:
        return None if _is_ours(row, path) else "its content is another tool's"
    except OrchestratorError as error:
        return str(error)


def _is_ours(row: LegacyFile, path: Path) -> bool:
    if row.kind is LegacyKind.STATE:
        return _fits(row, read_small(path, _LARGEST_STATE) or b"")
    if path.stat().st_size == 0:
        return True
    return any(_fits(row, line.data) for line in islice(read_lines(path), 20))


def _fits(row: LegacyFile, data: bytes) -> bool:
    value = parse_object(data)
    return value is not None and row.all_of <= value.keys() and bool(row.any_of & value.keys())
