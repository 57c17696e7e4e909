"""Snapshots as files: a tar archive inside gzip that has exactly one form, written here and read by nothing else.

It is not read as a tar archive: each header must be, byte for byte, the one we would write for what the manifest
says. So there are no links, devices, sparse files, long names or extensions to judge; whatever is not ours differs.
"""

import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.snapshot import MANIFEST, MOST_FILES, SNAPSHOT_FORMAT, SnapshotFile, SnapshotHeader

from .age import MARK, decrypted
from .files import FILE_MODE, refusals
from .lines import parse_object
from .snapshot_contents import CHUNK, Measured, is_ours, read_chunks

LARGEST_MANIFEST = 32 << 20
LONGEST_LINE = 4096
RATIO = 200
"""How many times its size a snapshot may unpack to, once it is past `SMALL`: lines of ids and times never do."""
SMALL = 64 << 20

_BLOCK = tarfile.BLOCKSIZE
_GZIP = 31  # zlib's name for: a gzip header, and the largest window
_END = bytes(2 * _BLOCK)
_SIZE_AT = slice(124, 135)

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""
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


def silent(_done: int, _all: int) -> None:
    """The progress that nobody is told of."""


def packed(
    header: SnapshotHeader, files: Sequence[SnapshotFile], folder: Path, progress: Progress = silent
) -> Iterator[bytes]:
    """The bytes of a snapshot of files that lie in a folder: always the same for the same files."""
    squeeze, done = zlib.compressobj(wbits=_GZIP), 0  # whose header holds no name and no time
    for chunk in _archived(header, files, folder):
        done += len(chunk)
        progress(min(done, header.bytes), header.bytes)
        if piece := squeeze.compress(chunk):
            yield piece
    yield squeeze.flush()


@contextmanager
def opened(path: Path, passphrase: Callable[[], str], most: int) -> Iterator[Snapshot]:
    """Open a snapshot's file; its manifest is read and judged, its contents when they are asked for.

    Args:
        path: the file.
        passphrase: asked for if it is encrypted.
        most: bytes that it may unpack to.

    Raises:
        SnapshotError: if it is none of ours, or not whole; `Snapshot.read` raises it too.
    """
    if not path.is_file():
        raise SnapshotError(f"{path} is not a file. Name one that `orchestrator snapshot export` wrote.")
    with refusals("reading", path), path.open("rb") as file:
        start = file.read(len(MARK))
        file.seek(0)
        yield _opened(io.BytesIO(decrypted(file, passphrase())) if start == MARK else file, most)


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
        raise _damaged("its manifest is not whole")
    files = tuple(map(_file, lines[1:-1]))
    names = [one.path for one in files]
    if names != sorted(names) or len({name.lower() for name in names}) != len(names):
        raise _damaged("its manifest names a file twice, or not in order")
    _refuse_nested(names)
    if sum(one.size for one in files) != header.bytes:
        raise _damaged("its files are not as large as it says")
    return header, files


def checked(file: SnapshotFile, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A file's content as it passes.

    Raises:
        SnapshotError: at its end, if it is not what the manifest says.
    """
    passing = Measured(chunks)
    yield from passing
    if (passing.size, passing.sha256) != (file.size, file.sha256):
        raise _damaged(f"the content of {file.path} is not what its manifest says")


def _damaged(what: str) -> SnapshotError:
    return SnapshotError(
        f"This is no snapshot of ours, or it was damaged: {what}. Nothing was changed; use another copy."
    )


def _archived(header: SnapshotHeader, files: Sequence[SnapshotFile], folder: Path) -> Iterator[bytes]:
    manifest = manifest_of(header, files)
    yield _manifest_header(len(manifest), files)
    yield manifest + _padding(len(manifest))
    for one in files:
        yield _tar_header(one.path, one.size, one.mtime)
        yield from checked(one, read_chunks(folder / one.path))
        yield _padding(one.size)
    yield _END


def _tar_header(path: str, size: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mtime, info.mode = size, mtime, FILE_MODE
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _manifest_header(size: int, files: Sequence[SnapshotFile]) -> bytes:
    return _tar_header(MANIFEST, size, max((one.mtime for one in files), default=0))


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _opened(file: BinaryIO, most: int) -> Snapshot:
    inside = _Inflated(file)
    first = inside.take(_BLOCK)
    size = _manifest_size(first)
    header, files = checked_manifest(inside.take(size), most)
    if first != _manifest_header(size, files):
        raise _damaged("its first header is not one that we write")
    inside.take_padding(size)
    packed_size = file.seek(0, os.SEEK_END)
    if header.bytes > max(SMALL, RATIO * packed_size):
        raise _damaged(f"{packed_size:,} bytes would unpack to {header.bytes:,}, as no store does")
    return Snapshot(header, files, lambda: _contents(file, _BLOCK + size + len(_padding(size)), files))


def _contents(file: BinaryIO, start: int, files: tuple[SnapshotFile, ...]) -> Contents:
    inside = _Inflated(file)
    for _ in inside.pieces(start):
        pass
    for one in files:
        if inside.take(_BLOCK) != _tar_header(one.path, one.size, one.mtime):
            raise _damaged(f"the header of {one.path} is not one that we write")
        chunks = checked(one, inside.pieces(one.size))
        yield one, chunks
        for _ in chunks:  # what the reader left
            pass
        inside.take_padding(one.size)
    if inside.take(len(_END)) != _END:
        raise _damaged("more follows than its manifest says")
    inside.finish()


def _manifest_size(first: bytes) -> int:
    try:
        size = int(first[_SIZE_AT], 8)
    except ValueError:
        raise _damaged("it does not begin with a manifest") from None
    if not 0 < size <= LARGEST_MANIFEST:
        raise _damaged(f"its manifest would have {size:,} bytes")
    return size


def _header(line: bytes) -> SnapshotHeader:
    value = parse_object(line) or {}
    found = value.get("format")
    if value.get("tool") == "orchestrator-mcp" and isinstance(found, int) and found > SNAPSHOT_FORMAT:
        raise SnapshotError(
            f"The snapshot has format {found}; this version reads format {SNAPSHOT_FORMAT}. Update orchestrator-mcp."
        )
    try:
        return SnapshotHeader.model_validate(value)
    except ValidationError:
        raise _damaged("it does not begin with a manifest") from None


def _file(line: bytes) -> SnapshotFile:
    try:
        file = SnapshotFile.model_validate_json(line[:LONGEST_LINE])
    except ValidationError:
        raise _damaged("its manifest has a line that is none of ours") from None
    if not is_ours(file.path):
        raise _damaged(f"{file.path[:80]!r} is not a file that we pack up")
    return file


def _refuse_nested(names: list[str]) -> None:
    """No file may stand where another needs a folder, nor be told from it by upper and lower case alone."""
    spelled: dict[str, str] = {name.lower(): name for name in names}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if spelled.setdefault(folder.lower(), f"{folder}/") != f"{folder}/":
                raise _damaged(f"{folder[:80]!r} is there twice, in other letters or as file and folder")


class _Inflated:
    """The inside of a gzip file, a bounded piece at a time: one member, and nothing after it."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self._inflate = zlib.decompressobj(wbits=_GZIP)

    def take(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def take_padding(self, size: int) -> None:
        padding = _padding(size)
        if self.take(len(padding)) != padding:
            raise _damaged("something stands between its files")

    def pieces(self, size: int) -> Iterator[bytes]:
        """Exactly so many bytes."""
        while size:
            piece = self._piece(min(size, CHUNK))
            if not piece:
                raise _damaged("it ends early")
            size -= len(piece)
            yield piece

    def finish(self) -> None:
        """Nothing may be left, inside or after."""
        if self._piece(1) or self._inflate.unused_data or self._file.read(1):
            raise _damaged("something follows its end")

    def _piece(self, most: int) -> bytes:
        """Some bytes; none at the end."""
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._file.read(CHUNK)
            try:
                piece = self._inflate.decompress(data, most)
            except zlib.error as error:
                raise _damaged(f"it cannot be unpacked ({error})") from None
            if piece:
                return piece
            if not data and not self._inflate.eof:
                raise _damaged("it ends early")
        return b""
