"""Legacy files: found in a work tree, told apart by what they hold, read but never written."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError, OrchestratorError, UnsafePathError
from orchestrator_mcp.records.legacy import FAMILIAR, IMPORTED_FILES, LEGACY_FILES, LegacyFile, LegacyKind

from .intake import Source
from .legacy_content import IN_FEEDBACK, foreign_at, unsafe_at
from .taken import Taken

_SHOWN = 3
_STREAMS = {
    LegacyKind.LOG: "log",
    LegacyKind.FEEDBACK: "process_feedback",
    LegacyKind.PROCESS_FEEDBACK: "process_feedback",
    LegacyKind.TOOL_FEEDBACK: "tool_feedback",
}


@dataclass(frozen=True)
class FoundFile:
    """A legacy name that exists. `problem` says why it is not ours to touch; None means that it is ours.

    `unsafe`: it may well be ours, but is a link, a device or the like, so nobody can say what moving it would do.
    """

    row: LegacyFile
    name: str
    path: Path
    problem: str | None
    unsafe: bool = False


class LegacyFiles:
    """The legacy files of one folder, usually a work tree.

    Args:
        root: the folder.
        taken: what was migrated or imported already.
        rows: what is looked for.
    """

    def __init__(self, root: Path, taken: Taken | None = None, rows: Sequence[LegacyFile] = LEGACY_FILES) -> None:
        self.root = root
        self.taken = taken
        self._patterns = [row for row in rows if row.is_pattern]
        self._places = [(row, str(root / row.name)) for row in rows if not row.is_pattern]  # looked at by every call

    def found(self) -> list[FoundFile]:
        """Every legacy name that exists, with the judgement whose it is."""
        return [self._judged(row, name) for row, name in self._names()]

    def ours(self) -> list[FoundFile]:
        """The legacy files that are ours by their content."""
        return [file for file in self.found() if file.problem is None]

    def waiting(self) -> Iterator[FoundFile]:
        """Those of them in which something is that was not taken yet."""
        for row, name in self._names():
            file = self._judged(row, name)
            if file.problem is None and not self.is_taken(file):
                yield file

    def detected(self) -> bool:
        """Whether any legacy file of ours lies here that waits to be migrated."""
        return any(True for _ in self.waiting())

    def is_taken(self, file: FoundFile) -> bool:
        """Whether all that it holds was migrated or imported before."""
        try:
            return self.taken is not None and self.taken.whole(file.path)
        except (OrchestratorError, OSError):
            return False

    def familiar(self) -> Iterator[tuple[str, str]]:
        """Names that other old files have, and why each is left alone."""
        ours = {name for _, name in self._names()}
        found = defaultdict(list)
        for name in self._all_names():
            match = next(((pattern, why) for pattern, why in FAMILIAR if fnmatchcase(name, pattern)), None)
            if match and name not in ours:
                found[match].append(name)
        for (pattern, why), names in found.items():
            if len(names) > _SHOWN and "*" in pattern:
                yield pattern, f"{why} ({len(names)} of them)"
            else:
                yield from ((name, why) for name in names)

    def sources(self) -> Iterator[Source]:
        """What the index reads beside our own streams; its session is empty, its workflows speak for themselves."""
        for file in self.waiting():
            if file.row.kind in _STREAMS:
                yield Source(file.path, _STREAMS[file.row.kind], "")
            elif file.row.kind is LegacyKind.FEEDBACK_FOLDER:
                yield from (Source(file.path / name, _STREAMS[kind], "") for name, kind in IN_FEEDBACK.items())

    def path_of(self, kind: LegacyKind) -> Path | None:
        """Where the legacy file of this kind lies, if it is ours."""
        return next((file.path for file in self.waiting() if file.row.kind == kind), None)

    def _names(self) -> Iterator[tuple[LegacyFile, str]]:
        for row, place in self._places:
            if os.path.lexists(place):
                yield row, row.name
        for row in self._patterns:
            yield from ((row, name) for name in _expanded(self.root, row.name))

    def _all_names(self) -> Iterator[str]:
        for folder in dict.fromkeys(pattern.rpartition("/")[0] for pattern, _ in FAMILIAR):
            if _leads_there(self.root, f"{folder}/x") and (self.root / folder).is_dir():
                yield from (f"{folder}/{name}".lstrip("/") for name in sorted(os.listdir(self.root / folder)))

    def _judged(self, row: LegacyFile, name: str) -> FoundFile:
        path = self.root / name
        unsafe = None if _leads_there(self.root, name) else "it lies behind a symbolic link; links are not followed"
        try:
            unsafe = unsafe or unsafe_at(row, path)
            if unsafe is None:
                return FoundFile(row, name, path, foreign_at(row, path))
        except UnsafePathError as error:
            unsafe = str(error)
        except OrchestratorError as error:
            return FoundFile(row, name, path, str(error))
        except OSError:
            return FoundFile(row, name, path, "it cannot be looked at")
        return FoundFile(row, name, path, unsafe, unsafe=row.is_certain)


def _expanded(root: Path, pattern: str) -> Iterator[str]:
    """The names that fit a pattern in one of its folders."""
    parts = pattern.split("/")
    at = next(index for index, part in enumerate(parts) if "*" in part or "[" in part)
    above = "/".join(parts[:at])
    try:
        info = (root / above).lstat()
    except OSError:
        return
    if stat.S_ISDIR(info.st_mode):
        for name in _fitting(root / above, parts[at], info.st_ino, info.st_mtime_ns):
            found = "/".join([*parts[:at], name, *parts[at + 1 :]])
            if os.path.lexists(root / found):
                yield found


@lru_cache(maxsize=64)  # a store may hold ten thousand sessions
def _fitting(folder: Path, pattern: str, *_unchanged: int) -> tuple[str, ...]:
    try:
        return tuple(sorted(name for name in os.listdir(folder) if fnmatchcase(name, pattern)))
    except OSError:
        return ()


def _leads_there(root: Path, name: str) -> bool:
    """Whether no folder between is a link."""
    path = root
    for part in name.split("/")[:-1]:
        path = path / part
        if path.is_symlink():
            return False
    return True


def legacy_at(path: Path, taken: Taken | None) -> LegacyFiles:
    """What may be imported from a folder, or from the folder of a file.

    Raises:
        NotFoundError: if there is nothing at `path`.
    """
    if not os.path.exists(path):  # noqa: PTH110  exists raises where we may not look
        raise NotFoundError(f"There is nothing at {path}. Name a project, a folder or a file to import from.")
    is_folder = os.path.isdir(path)  # noqa: PTH112  the same
    return LegacyFiles(path if is_folder else path.parent, taken, IMPORTED_FILES)
