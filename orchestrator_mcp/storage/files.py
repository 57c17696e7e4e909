"""Single files, safely: opening without following, replacing atomically, and saying plainly what refused."""

import contextlib
import errno
import itertools
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator_mcp.errors import NotFoundError, StorageError, StorageFullError, UnsafePathError

FOLDER_MODE = 0o700
FILE_MODE = 0o600

LARGEST_DOCUMENT = 64 << 20
"""Bytes of a file that is read whole, such as a workflow's state; a larger one is none of ours."""
CHUNK = 1 << 20
"""Bytes that are read at once of a file that may be of any size."""

_SAFE = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO that stands where a file should must not hang
    | getattr(os, "O_BINARY", 0)
)
_STAGED = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def refusals(doing: str, path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into our errors: what happened, what to do next."""
    try:
        yield
    except OSError as error:
        raise _typed(error, doing, path) from error


def _typed(error: OSError, doing: str, path: Path) -> StorageError | NotFoundError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return StorageFullError(
            f"No room while {doing} {path}: {reason}. Nothing was half-written; free some space and try again."
        )
    if error.errno == errno.ELOOP:
        return UnsafePathError(f"{path} is a symbolic link, and links are not followed. Remove it and try again.")
    if error.errno == errno.ENOENT:
        return NotFoundError(f"{path} is gone while {doing} it. It may have been cleaned up; start a new session.")
    if error.errno == errno.ENAMETOOLONG:
        return StorageError(f"{path} is longer than the file system takes. Use shorter names.")
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return StorageError(f"Too many open files while {doing} {path}. Raise the limit (ulimit -n) and try again.")
    return StorageError(f"{reason} while {doing} {path}. Check the folder's permissions and the disk, then try again.")


def open_plain(path: Path, flags: int) -> int:
    """Open a plain file that only we link to, creating it private if `flags` say so.

    Raises:
        UnsafePathError: if it is a link, has a second name, or is no plain file.
        StorageError: (and its kin) if the operating system refuses.
    """
    with refusals("opening", path):
        fd = os.open(path, flags | _SAFE, FILE_MODE)
        try:
            info = os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise
    if stat.S_ISREG(info.st_mode) and info.st_nlink <= 1:
        return fd
    os.close(fd)
    what = "has a second name (a hard link)" if stat.S_ISREG(info.st_mode) else "is not a plain file"
    raise UnsafePathError(f"{path} {what}, so it is left alone. Move it away and try again.")


def is_at(fd: int, path: Path) -> bool:
    """Whether an open file still has this path; it may have been removed or replaced since."""
    mine = os.fstat(fd)
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def is_folder(path: Path) -> bool:
    """Whether a folder is there, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def refuse_linked(root: Path, name: str | Path) -> None:
    """Make sure that no link stands anywhere between a folder of ours and a place beneath it, that place included.

    Raises:
        UnsafePathError: if one does: what is written there would go to where it leads.
    """
    place = root
    for part in Path(name).parts:
        place /= part
        with refusals("looking at", place):
            is_link = place.is_symlink()
        if is_link:
            raise UnsafePathError(f"{place} is a symbolic link, and links are not followed. Remove it and try again.")


def is_file(path: Path) -> bool:
    """Whether a file is there, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113  is_file raises where we may not look


def make_folder(path: Path, *, parents: bool = True) -> None:
    """Create a private folder, and its missing parents below an existing one; a new name is durable at once.

    Raises:
        NotFoundError: without `parents`, if the folder that it belongs into is gone.
    """
    with refusals("creating", path):
        _make_private(path, parents=parents)
        is_link = path.is_symlink()
    if is_link:
        raise UnsafePathError(f"{path} is a symbolic link, and links are not followed. Remove it and try again.")


def _make_private(path: Path, *, parents: bool) -> None:
    missing = list(itertools.takewhile(lambda folder: not folder.is_dir(), itertools.chain((path,), path.parents)))
    for folder in reversed(missing if parents else missing[:1]):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)  # else a power loss takes the folder, and all that was synced inside it


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write every byte at `offset`; the operating system may take them in several bites."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        if not written:  # of a disk that takes nothing and says nothing: better told than tried for ever, under a lock
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, offset = view[written:], offset + written


def sync_folder(path: Path) -> None:
    """Make names in a folder durable, where the platform can."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows keeps names in order by itself
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_new(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write and sync a file that must not exist yet; on any failure nothing of it is left."""
    write_chunks(path, (data,), mode)


def write_chunks(
    path: Path, chunks: Iterable[bytes], mode: int = FILE_MODE, mtime: int | None = None, *, durable: bool = True
) -> None:
    """The same for what need not fit into memory.

    Args:
        path: the file.
        chunks: its content.
        mode: its mode.
        mtime: when it was last written, in seconds since 1970; now, if left out.
        durable: whether it is synced; what is used up at once need not be.
    """
    with refusals("writing", path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, mode)
        try:
            offset = 0
            for chunk in chunks:
                write_all(fd, chunk, offset)
                offset += len(chunk)
            if mtime is not None:
                os.utime(fd if os.utime in os.supports_fd else path, ns=(mtime * 10**9, mtime * 10**9))
            if durable:
                os.fsync(fd)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)


def replace_file(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Replace a file's whole content: at every instant, and after a power loss, it is the old or the new.

    Temporary file in the same folder, fsync, rename, fsync of the folder.
    """
    replace_by_chunks(path, (data,), mode)


def replace_by_chunks(path: Path, chunks: Iterable[bytes], mode: int = FILE_MODE) -> None:
    """The same for what need not fit into memory; if `chunks` raises, nothing was changed."""
    staged = staged_name(path)
    write_chunks(staged, chunks, mode)
    with refusals("replacing", path):
        try:
            os.replace(staged, path)
            sync_folder(path.parent)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise


def staged_name(path: Path) -> Path:
    """Where what will be at `path` is written first; a killed process leaves it behind."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def is_staged(name: str) -> bool:
    """Whether a name is one that `staged_name` gives."""
    return bool(_STAGED.fullmatch(name))


def read_small(path: Path, limit: int = 1 << 20) -> bytes | None:
    """The content of a small plain file; None if there is none.

    Raises:
        StorageError: if it is larger than `limit` bytes, or the operating system refuses.
    """
    try:
        fd = open_plain(path, os.O_RDONLY)
    except NotFoundError:
        return None
    with os.fdopen(fd, "rb") as file, refusals("reading", path):
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StorageError(f"{path} is larger than {limit} bytes, which is not one of ours. Look at it.")
    return data
