"""Whole files and folders: walked through, hashed, given room, renamed durably, removed; however deep."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .files import CHUNK, FOLDER_MODE, is_folder, open_plain, refusals, staged_name, sync_folder

DEEPEST = 64
"""Folders within folders; nothing of ours lies deeper, nor what is migrated. A cloned repository may bring a thousand,
which is more than Python's own walks can recurse into."""

_LONGEST = 1024
"""Bytes that a path may grow by while a tree is removed; the system takes about four times as many."""


def walk(top: Path, refuse: Callable[[OSError], None] = lambda _: None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder, from the top down and however deep, with the names of the folders in it and of all else, in order.

    A link is no folder. A name that is taken out of the first list is not gone into, and what cannot be listed, or
    vanished meanwhile, is passed over, unless `refuse` raises.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                kinds = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            refuse(error)
            continue
        folders = [name for name, is_dir in kinds if is_dir]
        yield folder, folders, [name for name, is_dir in kinds if not is_dir]
        waiting += [folder / name for name in reversed(folders)]


def files_beneath(top: Path) -> Iterator[Path]:
    """Everything beneath a folder that is no folder itself; a link counts as one that is not."""
    return (folder / name for folder, _, names in walk(top) for name in names)


def hash_file(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a plain file."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Room on the file system that `folder`, or its nearest existing parent, lies on."""
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def rename(source: Path, target: Path) -> None:
    """Rename, durably."""
    with refusals("renaming", source):
        os.rename(source, target)
        sync_folder(target.parent)
        if source.parent != target.parent:
            sync_folder(source.parent)


def sync_beneath(top: Path) -> None:
    """Make the names in a folder, and in every folder in it, durable: the innermost first."""
    for folder in reversed([folder for folder, _, _ in walk(top)]):
        sync_folder(folder)


def remove_tree(path: Path) -> None:
    """Remove a file or a folder, however deep, also one that forbids writing; nothing is followed."""
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    waiting, emptied = [path], []
    while waiting:
        folder = waiting.pop()
        _open_up(folder)
        emptied.append(folder)
        for child in sorted(folder.iterdir()):
            if is_folder(child):
                waiting.append(_in_reach(child, path))
            else:
                child.unlink()
    for folder in reversed(emptied):
        folder.rmdir()


def _open_up(folder: Path) -> None:
    if folder.lstat().st_mode & FOLDER_MODE != FOLDER_MODE:
        os.chmod(folder, FOLDER_MODE)


def _in_reach(folder: Path, top: Path) -> Path:
    """The folder, or where it is now that its path grew too long for the system: moved up to the top."""
    if len(os.fsencode(folder)) - len(os.fsencode(top)) <= _LONGEST:
        return folder
    _open_up(folder)
    return folder.rename(staged_name(top / "deep"))
