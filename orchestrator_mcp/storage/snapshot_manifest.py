"""A snapshot's manifest: what it says of itself and of each file, written, and judged before any of it is followed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.snapshot import MOST_FILES, SNAPSHOT_FORMAT, TOOL, SnapshotFile, SnapshotHeader

from .chunks import Measured
from .lines import parse_object
from .snapshot_contents import is_ours

LARGEST_MANIFEST = 32 << 20
LONGEST_LINE = 4096

Contents = Iterator[tuple[SnapshotFile, Iterator[bytes]]]


@dataclass(frozen=True)
class Snapshot:
    """One that was opened. `read` gives every file with its content, in order, checked; it can be called again."""

    header: SnapshotHeader
    files: tuple[SnapshotFile, ...]
    read: Callable[[], Contents]


def manifest_of(header: SnapshotHeader, files: Iterable[SnapshotFile]) -> bytes:
    """The first file of a snapshot."""
    return b"".join(f"{one.model_dump_json(exclude_none=True)}\n".encode() for one in (header, *files))


def says_it_is_ours(manifest: bytes) -> bool:
    """Whether a manifest, of whatever format, was begun by this tool."""
    value = parse_object(manifest.split(b"\n", 1)[0][:LONGEST_LINE]) or {}
    return value.get("tool") == TOOL


def checked_manifest(data: bytes, most: int) -> tuple[SnapshotHeader, tuple[SnapshotFile, ...]]:
    """What a manifest says, if it is one that may be followed.

    Raises:
        SnapshotError: if it is not; the text names what is wrong.
    """
    lines = data.split(b"\n", MOST_FILES + 2)
    header = _header(lines[0][:LONGEST_LINE])
    if header.files > MOST_FILES or header.bytes > most:
        raise SnapshotError(
            f"The snapshot holds {header.files:,} files and {header.bytes:,} bytes; at most {MOST_FILES:,} and "
            f"{most:,} are taken in. Nothing was changed; raise max_store_mb if it is yours."
        )
    if len(lines) != header.files + 2 or lines[-1]:
        raise damaged("its manifest is not whole")
    files = tuple(map(_file, lines[1:-1]))
    names = [one.path for one in files]
    if names != sorted(names) or len({name.lower() for name in names}) != len(names):
        raise damaged("its manifest names a file twice, or not in order")
    _refuse_nested(names)
    if sum(one.size for one in files) != header.bytes:
        raise damaged("its files are not as large as it says")
    return header, files


def checked(file: SnapshotFile, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A file's content as it passes.

    Raises:
        SnapshotError: at its end, if it is not what the manifest says.
    """
    passing = Measured(chunks)
    yield from passing
    if (passing.size, passing.sha256) != (file.size, file.sha256):
        raise damaged(f"the content of {file.path} is not what its manifest says")


def damaged(what: str) -> SnapshotError:
    """The refusal of something that we would not have written."""
    return SnapshotError(
        f"This is no snapshot of ours, or it was damaged: {what}. Nothing was changed; use another copy."
    )


def _header(line: bytes) -> SnapshotHeader:
    value = parse_object(line) or {}
    found = value.get("format")
    if value.get("tool") == TOOL and isinstance(found, int) and found > SNAPSHOT_FORMAT:
        raise SnapshotError(
            f"The snapshot has format {found}; this version reads format {SNAPSHOT_FORMAT}. Update orchestrator-mcp."
        )
    try:
        return SnapshotHeader.model_validate(value)
    except ValidationError:
        raise damaged("it does not begin with a manifest") from None


def _file(line: bytes) -> SnapshotFile:
    try:
        file = SnapshotFile.model_validate_json(line[:LONGEST_LINE])
    except ValidationError:
        raise damaged("its manifest has a line that is none of ours") from None
    if not is_ours(file.path):
        raise damaged(f"{file.path[:80]!r} is not a file that we pack up")
    return file


def _refuse_nested(names: list[str]) -> None:
    """No file may stand where another needs a folder, nor be told from it by upper and lower case alone."""
    spelled: dict[str, str] = {name.lower(): name for name in names}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if spelled.setdefault(folder.lower(), f"{folder}/") != f"{folder}/":
                raise damaged(f"{folder[:80]!r} is there twice, in other letters or as file and folder")
