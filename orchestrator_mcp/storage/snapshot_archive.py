"""Snapshots as files: a tar archive inside gzip that has exactly one form, written here and read by nothing else.

It is not read as a tar archive: each header must be, byte for byte, the one we would write for what the manifest
says. So there are no links, devices, sparse files, long names or extensions to judge; whatever is not ours differs.
"""

import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.snapshot import MANIFEST, SnapshotFile, SnapshotHeader

from .age import MARK, decrypted
from .chunks import read_chunks
from .files import CHUNK, FILE_MODE, refusals
from .snapshot_manifest import LARGEST_MANIFEST, Contents, Snapshot, checked, checked_manifest, damaged, manifest_of

RATIO = 200
"""How many times its size a snapshot may unpack to, once it is past `SMALL`: lines of ids and times never do."""
SMALL = 64 << 20

_BLOCK = tarfile.BLOCKSIZE
_GZIP = 31  # zlib's name for: a gzip header, and the largest window
_END = bytes(2 * _BLOCK)
_SIZE_AT = slice(124, 135)

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


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


def target_of(path: Path) -> Path:
    """The file that a snapshot with this name is written to; of a link, the one it leads to.

    Raises:
        SnapshotError: if there is no such folder, or something else than a file.
    """
    with refusals("looking at", path):
        target = path.resolve()
        if target.parent.is_dir() and (target.is_file() or not target.exists()):
            return target
    raise SnapshotError(f"{path} is not a file in a folder that exists. Name another, or leave it out for a pipe.")


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
        raise damaged("its first header is not one that we write")
    inside.take_padding(size)
    packed_size = file.seek(0, os.SEEK_END)
    if header.bytes > max(SMALL, RATIO * packed_size):
        raise damaged(f"{packed_size:,} bytes would unpack to {header.bytes:,}, as no store does")
    return Snapshot(header, files, lambda: _contents(file, _BLOCK + size + len(_padding(size)), files))


def _contents(file: BinaryIO, start: int, files: tuple[SnapshotFile, ...]) -> Contents:
    inside = _Inflated(file)
    for _ in inside.pieces(start):
        pass
    for one in files:
        if inside.take(_BLOCK) != _tar_header(one.path, one.size, one.mtime):
            raise damaged(f"the header of {one.path} is not one that we write")
        chunks = checked(one, inside.pieces(one.size))
        yield one, chunks
        for _ in chunks:  # what the reader left
            pass
        inside.take_padding(one.size)
    if inside.take(len(_END)) != _END:
        raise damaged("more follows than its manifest says")
    inside.finish()


def _manifest_size(first: bytes) -> int:
    try:
        size = int(first[_SIZE_AT], 8)
    except ValueError:
        raise damaged("it does not begin with a manifest") from None
    if not 0 < size <= LARGEST_MANIFEST:
        raise damaged(f"its manifest would have {size:,} bytes")
    return size


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
            raise damaged("something stands between its files")

    def pieces(self, size: int) -> Iterator[bytes]:
        """Exactly so many bytes."""
        while size:
            piece = self._piece(min(size, CHUNK))
            if not piece:
                raise damaged("it ends early")
            size -= len(piece)
            yield piece

    def finish(self) -> None:
        """Nothing may be left, inside or after."""
        if self._piece(1) or self._inflate.unused_data or self._file.read(1):
            raise damaged("something follows its end")

    def _piece(self, most: int) -> bytes:
        """Some bytes; none at the end."""
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._file.read(CHUNK)
            try:
                piece = self._inflate.decompress(data, most)
            except zlib.error as error:
                raise damaged(f"it cannot be unpacked ({error})") from None
            if piece:
                return piece
            if not data and not self._inflate.eof:
                raise damaged("it ends early")
        return b""
