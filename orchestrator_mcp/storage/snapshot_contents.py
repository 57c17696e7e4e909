"""What a store has to pack up: its own files by their names, each taken as it is at one moment."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orchestrator_mcp.errors import NotFoundError, SnapshotError
from orchestrator_mcp.records.base import MAX_RECORD_BYTES
from orchestrator_mcp.records.snapshot import LONGEST_PATH, LeftOut, SnapshotFile
from orchestrator_mcp.records.streams import STREAMS
from orchestrator_mcp.records.workflow import FINISHED, STATE_FILE

from .chunks import Measured, chunks_of
from .files import is_folder, make_folder, open_plain, refusals, write_chunks
from .lines import parse_object
from .parts import ROTATED
from .paths import CONFIG, META, OrchestratorPaths
from .sessions import is_safe_name
from .travel import travels
from .trees import walk

LINES = ".jsonl"
SESSIONS, ARCHIVE = "sessions", "archive"

_SESSION_FILES = {META, STATE_FILE, *(spec.file for spec in STREAMS if spec.in_session)}
_SESSION_FOLDERS = {"checkpoints", FINISHED}
_STORE_FOLDERS = {"rules", "prd"}
_ALL = (CONFIG, *sorted(_STORE_FOLDERS), ARCHIVE, SESSIONS)
_AGAIN = re.compile(r"~[0-9]{1,9}")  # a session that was used and archived again
_PRIVATE = "private: what a person said or an agent did; --include-private takes it along"
_UNKNOWN = "not one of our files, or a name that is not safe everywhere"
_NO_FILE = "no plain file that only one name leads to"
_LONGEST_LINE = 16 * MAX_RECORD_BYTES  # of a legacy log that was migrated byte for byte; ours are shorter
_EXAMPLES = 3
_ATTEMPTS = 5

Content = Callable[[str, Iterator[bytes]], Iterator[bytes]]
"""What of a file's content is packed up, given its path and its chunks; lines come whole."""


class Found(NamedTuple):
    """The paths of the files that a snapshot holds, in order, and what it leaves out."""

    paths: list[str]
    left_out: list[LeftOut]


def stream_of(path: str) -> str:
    """The path of the stream that a rotated part belongs to; any other path is its own."""
    parts = path.split("/")
    return "/".join((*parts[:-3], parts[-1])) if parts[-3:-2] == [ROTATED] else path


def is_ours(path: str) -> bool:
    """Whether a path, which may come from anywhere, is one that we would pack up: a safe one, of a file we know."""
    parts = path.split("/")
    names = [_AGAIN.sub("", part) if parts[0] == ARCHIVE else part for part in parts]
    if len(path) > LONGEST_PATH or not all(map(is_safe_name, names)) or not travels(path, include_private=True):
        return False
    inside = "/".join(parts[2:])
    if parts[0] in {SESSIONS, ARCHIVE} and stream_of(inside) in _SESSION_FILES:
        return True
    if parts[0] == SESSIONS:
        return len(parts) > 3 and parts[2] in _SESSION_FOLDERS  # noqa: PLR2004
    return path == CONFIG or (len(parts) > 1 and parts[0] in _STORE_FOLDERS)


def find(paths: OrchestratorPaths, *, include_private: bool = False) -> Found:
    """The store's files that may travel. Links and devices are neither followed nor packed up."""
    found, left = [], dict[str, list[str]]()
    for path, is_plain in _walk(paths.orchestrator_dir):
        if not travels(path, include_private=True):
            continue
        why = _left_out(path, is_plain=is_plain, include_private=include_private)
        if why is None:
            found.append(path)
        else:
            left.setdefault(why, []).append(path.encode("utf-8", "backslashreplace").decode())
    return Found(
        sorted(found), [LeftOut(why=why, files=len(ones), examples=ones[:_EXAMPLES]) for why, ones in left.items()]
    )


def folders(paths: OrchestratorPaths) -> Iterator[Path]:
    """Every folder of the store in which such files lie."""
    return (folder for folder, _ in _folders(paths.orchestrator_dir))


def captured(
    paths: OrchestratorPaths, names: Callable[[], list[str]], stage: Path, content: Content
) -> list[SnapshotFile]:
    """Copy files aside, each whole and as one moment had it; returns what they are, in order of their paths.

    Documents are read before streams: a log may be ahead of its state, and never the reverse.

    Raises:
        SnapshotError: if streams are rotated time and again meanwhile.
    """
    for attempt in range(_ATTEMPTS):
        before = names()
        folder = stage / str(attempt)
        make_folder(folder)
        files = [one for name in _in_order(before) if (one := _measure(paths, name, content, folder / name))]
        if _rotated(before) == _rotated(names()):
            os.rename(folder, stage / "files")
            return sorted(files, key=lambda one: one.path)
    raise SnapshotError("The store is being written too fast to be packed up. Try again when agents rest.")


def measured(paths: OrchestratorPaths, names: Iterable[str], content: Content) -> dict[str, SnapshotFile]:
    """The same without copying: what each of these files would be in a snapshot."""
    return {name: one for name in names if (one := _measure(paths, name, content, None))}


def as_it_is(_path: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content that changes nothing."""
    return chunks


def _measure(paths: OrchestratorPaths, name: str, content: Content, copy: Path | None) -> SnapshotFile | None:
    source = paths.orchestrator_dir / name
    try:
        fd = open_plain(source, os.O_RDONLY)
    except NotFoundError:
        return None  # a state that moved among the finished ones; its log tells of it
    with os.fdopen(fd, "rb") as file, refusals("reading", source):
        mtime = int(os.fstat(fd).st_mtime)
        passing = Measured(content(name, _whole_lines(file, source) if name.endswith(LINES) else chunks_of(file)))
        if copy is None:
            for _ in passing:
                pass
        else:
            make_folder(copy.parent)
            write_chunks(copy, passing, durable=False)
    return SnapshotFile(path=name, size=passing.size, sha256=passing.sha256, mtime=max(0, mtime))


def _whole_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """All but the torn end that somebody is just writing, or died over; one that lacks only its newline gets it."""
    rest = bytearray()
    for chunk in chunks_of(file):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield bytes(rest) + chunk[:end]
            rest.clear()
        rest += chunk[end:]
        if len(rest) > _LONGEST_LINE:
            raise SnapshotError(
                f"{path} has a line of more than {_LONGEST_LINE:,} bytes, which is no record. Look at the file."
            )
    if rest and parse_object(bytes(rest)) is not None:
        yield bytes(rest) + b"\n"


def _walk(top: Path) -> Iterator[tuple[str, bool]]:
    """Every file and link of the folders that are packed up, and whether it is a plain file."""
    for name in _ALL:
        if os.path.lexists(top / name) and not is_folder(top / name):
            yield name, _is_plain(top / name)
    for folder, files in _folders(top):
        for path in (folder / one for one in files):
            yield path.relative_to(top).as_posix(), _is_plain(path)


def _folders(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder that is packed up, through no link, and the files and links in it."""
    for name in filter(lambda name: is_folder(top / name), _ALL):
        for folder, _, files in walk(top / name):
            yield folder, files


def _is_plain(path: Path) -> bool:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return True  # gone meanwhile; reading it finds that too
    return stat.S_ISREG(info.st_mode) and info.st_nlink == 1


def _left_out(path: str, *, is_plain: bool, include_private: bool) -> str | None:
    if not is_plain:
        return _NO_FILE
    if not is_ours(path):
        return _UNKNOWN
    return None if travels(path, include_private=include_private) else _PRIVATE


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.endswith(LINES), name))


def _rotated(names: Iterable[str]) -> set[str]:
    return {name for name in names if stream_of(name) != name}
