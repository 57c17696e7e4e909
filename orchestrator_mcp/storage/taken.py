"""What did earlier migrations and imports take already? Told by content, so that nothing is taken twice.

An old tool that runs on writes its files anew, and version control brings them back: what is in them again is known by
its hash, and a log that only grew by the hash of its beginning.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.migration import Manifest, Original

from .files import CHUNK, LARGEST_DOCUMENT, open_plain, read_small, refusals
from .manifests import DONE, backups
from .paths import OrchestratorPaths
from .trees import files_beneath

Known = tuple[tuple[int, str], ...]


class Taken:
    """What the migrations and imports of one store took, of any work tree."""

    def __init__(self, paths: OrchestratorPaths) -> None:
        self._paths = paths

    def whole(self, path: Path) -> bool:
        """Whether every file here was taken, to its last byte. An empty folder was not."""
        if path.is_dir():
            files = list(files_beneath(path))
            return bool(files) and all(map(self._is_whole, files))
        return self._is_whole(path)

    def start(self, path: Path) -> int:
        """How many of a file's first bytes were taken; of a file of lines, whole lines only."""
        return known_start(path, self._known(path.name))

    def _is_whole(self, path: Path) -> bool:
        known = self._known(path.name)
        if not known or path.is_symlink():
            return False
        size = path.lstat().st_size
        return self.start(path) == size if size else any(length == 0 for length, _ in known)

    def _known(self, name: str) -> Known:
        """Length and hash of every file of this name that was taken, the longest first."""
        found = {(one.size, one.sha256) for one in self._files() if one.path.rpartition("/")[2] == name and one.sha256}
        return tuple(sorted(found, reverse=True))

    def _files(self) -> Iterator[Original]:
        for backup in backups(self._paths):
            path = backup / DONE
            if path.is_file():
                yield from _files_of(path, *_mark(path))


def known_start(path: Path, known: Known) -> int:
    """How many of a file's first bytes are one of the contents of known length and hash; of lines, whole ones."""
    return _start(path, *_mark(path), known) if known else 0


def _mark(path: Path) -> tuple[int, int, int]:
    info = path.lstat()
    return info.st_ino, info.st_size, info.st_mtime_ns


@lru_cache(maxsize=64)
def _files_of(path: Path, *_unchanged: int) -> tuple[Original, ...]:
    try:
        manifest = Manifest.model_validate_json(read_small(path, LARGEST_DOCUMENT) or b"")
    except (ValidationError, OrchestratorError):
        return ()
    return (*manifest.originals, *manifest.copied)


@lru_cache(maxsize=1024)  # every result says whether something waits to be migrated
def _start(path: Path, _inode: int, size: int, _mtime: int, known: Known) -> int:
    """The longest beginning that is known, cut back to where its last line ends unless it is the whole file."""
    wanted = sorted({length for length, _ in known if 0 < length <= size})
    digest, read, found, line_end = hashlib.sha256(), 0, 0, 0
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        for length in wanted:
            while read < length and (data := file.read(min(CHUNK, length - read))):
                digest.update(data)
                if b"\n" in data:
                    line_end = read + data.rindex(b"\n") + 1
                read += len(data)
            if read == length and (length, digest.hexdigest()) in known:
                found = length if length == size else line_end
    return found
