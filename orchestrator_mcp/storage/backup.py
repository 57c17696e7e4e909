"""Originals: moved into the backup or back, each by one rename, so that whoever finds them half-moved can finish."""

import errno
import hashlib
import os
import stat
from pathlib import Path

from orchestrator_mcp.errors import MigrationError, OrchestratorError
from orchestrator_mcp.records.migration import EntryKind, Manifest, Original

from .files import (
    CHUNK,
    FOLDER_MODE,
    is_folder,
    make_folder,
    open_plain,
    refusals,
    refuse_linked,
    sync_folder,
    write_all,
)
from .survey import look
from .trees import remove_tree

ORIGINALS = "originals"
DISPLACED = "displaced"


def stash(manifest: Manifest, work: Path, backup: Path) -> list[str]:
    """Move every original into the backup. What is there already stays; says what could not be moved, and why.

    Raises:
        UnsafePathError: if a link stands on the way, there or here: then nothing was moved.
    """
    _refuse_links(manifest, work, backup)
    kept = backup / ORIGINALS
    make_folder(kept)
    sync_folder(backup)
    problems = [problem for name in manifest.names() if (problem := _stash_one(work, manifest.part(name), kept))]
    _settle_around(work, manifest)
    return problems


def restore(manifest: Manifest, work: Path, backup: Path) -> list[str]:
    """Move every original back. Whatever stands at its place is put aside in the backup, and named.

    Raises:
        UnsafePathError: if a link stands on the way, there or here: then nothing was moved.
    """
    _refuse_links(manifest, work, backup)
    for folder in manifest.around:
        if not os.path.lexists(work / folder.path):  # version control keeps no empty folders
            make_folder(work / folder.path)
            os.chmod(work / folder.path, folder.mode)
    moved = [aside for name in manifest.names() if (aside := _restore_one(work, manifest.part(name), backup))]
    _settle_around(work, manifest)
    return moved


def is_intact(root: Path, part: list[Original]) -> bool:
    """Whether the files are still what the manifest says; a folder's own mode and time do not count."""
    try:
        there = look(root, part[0].path)
    except OrchestratorError:
        return False
    return [_content(one) for one in there] == [_content(one) for one in part]


def copy_file(source: Path, target: Path, original: Original, mode: int, skip: int = 0) -> bool:
    """Copy and sync one file with its time, less its first bytes; False if it is no more what `original` says."""
    with os.fdopen(open_plain(source, os.O_RDONLY), "rb") as file, refusals("copying to", target):
        fd = open_plain(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            digest, offset = hashlib.sha256(), -skip
            while data := file.read(CHUNK):
                write_all(fd, data[max(0, -offset) :], max(0, offset))
                digest.update(data)
                offset += len(data)
            os.chmod(fd if os.chmod in os.supports_fd else target, mode)
            os.utime(fd if os.utime in os.supports_fd else target, ns=(original.mtime_ns, original.mtime_ns))
            os.fsync(fd)
        finally:
            os.close(fd)
    return digest.hexdigest() == original.sha256


def _content(one: Original) -> tuple[object, ...]:
    return (one.path, one.kind, one.size, one.sha256, *((one.mode, one.mtime_ns) if one.kind is EntryKind.FILE else ()))


def _refuse_links(manifest: Manifest, work: Path, backup: Path) -> None:
    """A cloned repository may have brought the manifest, what it names, and links that lead it elsewhere."""
    for folder in manifest.around:
        refuse_linked(work, folder.path)
    for one in manifest.originals:
        refuse_linked(work, Path(one.path).parent)
        refuse_linked(backup, f"{ORIGINALS}/{one.path}")
    refuse_linked(backup, DISPLACED)


def _stash_one(work: Path, part: list[Original], kept: Path) -> str | None:
    name = part[0].path
    if os.path.lexists(kept / name):
        if os.path.lexists(work / name) and _is_remainder(work, part):
            remove_tree(work / name)  # it was copied here from another file system, and its removal was cut short
            sync_folder((work / name).parent)
    elif not os.path.lexists(work / name):
        return f"{name} was gone before it could be moved into the backup; the session has its content."
    elif not is_intact(work, part):
        return (
            f"{name} was written again after it had been copied, so it stays where it is. "
            "End the tool that writes it and migrate once more: that makes a second session."
        )
    else:
        make_folder((kept / name).parent)
        _move(work / name, kept / name, part, kept / f".{name.replace('/', '~')}.part")
    _settle(kept, part)
    if is_intact(kept, part):
        return None
    return f"{name} was written while it was moved; what was added is only in the backup, at {kept / name}."


def _restore_one(work: Path, part: list[Original], backup: Path) -> str | None:
    name, kept, aside = part[0].path, backup / ORIGINALS, None
    if os.path.lexists(kept / name):
        if os.path.lexists(work / name) and is_intact(work, part):
            remove_tree(kept / name)  # it was copied back to another file system before
            sync_folder((kept / name).parent)
        else:
            aside = _put_aside(work / name, backup / DISPLACED)
            make_folder((work / name).parent)
            whole = part if is_intact(kept, part) else look(kept, name)
            _move(kept / name, work / name, whole, work / f"{name}.{backup.name}.part")
    if is_intact(work, part):
        _settle(work, part)
    return aside


def _put_aside(path: Path, folder: Path) -> str | None:
    if not os.path.lexists(path):
        return None
    make_folder(folder)
    sync_folder(folder.parent)
    number = sum(1 for _ in folder.iterdir())
    target = folder / f"{number}{path.name}"
    _move(path, target, look(path.parent, path.name), folder / f".{path.name}.part")
    return f"What stood at {path.name} was put aside as {target}."


def _move(source: Path, target: Path, part: list[Original], through: Path) -> None:
    """Move within a file system by rename; to another by copy, rename and removal; the new name is durable first."""
    with refusals("moving", source):
        remove_tree(through)  # what an earlier attempt left
        try:
            _rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_tree(source, through, part)
            os.rename(through, target)
            sync_folder(target.parent)
            remove_tree(source)
        sync_folder(target.parent)
        sync_folder(source.parent)


def _rename(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except PermissionError:
        mode = stat.S_IMODE(source.lstat().st_mode)
        if not source.is_dir() or mode & FOLDER_MODE == FOLDER_MODE:
            raise
        os.chmod(source, mode | FOLDER_MODE)  # a folder that forbids writing cannot change its parent
        os.rename(source, target)
        os.chmod(target, mode)


def _copy_tree(source: Path, target: Path, part: list[Original]) -> None:
    for one in part:
        beneath = one.path[len(part[0].path) :].lstrip("/")
        if one.kind is EntryKind.FOLDER:
            make_folder(target / beneath)
        elif not copy_file(source / beneath, target / beneath, one, one.mode):
            raise MigrationError(f"{source} changed while it was copied. Nothing is lost; run the same command again.")
    _settle_folders(target, part)


def _settle(root: Path, part: list[Original]) -> None:
    """Give folders back the mode and time that moving may have cost them, and make that durable."""
    _settle_folders(root / part[0].path, part)


def _settle_folders(top: Path, part: list[Original]) -> None:
    for one in reversed(part):
        path = top / one.path[len(part[0].path) :].lstrip("/")
        if one.kind is EntryKind.FILE or not is_folder(path):
            continue
        info = path.lstat()
        if info.st_mtime_ns != one.mtime_ns:
            os.utime(path, ns=(one.mtime_ns, one.mtime_ns))
        if stat.S_IMODE(info.st_mode) != one.mode:
            os.chmod(path, one.mode)
        sync_folder(path)


def _settle_around(work: Path, manifest: Manifest) -> None:
    """Give the folders that hold originals the time back that moving cost them."""
    for folder in reversed(manifest.around):
        path = work / folder.path
        if is_folder(path):
            os.utime(path, ns=(folder.mtime_ns, folder.mtime_ns))
            sync_folder(path)


def _is_remainder(work: Path, part: list[Original]) -> bool:
    try:
        there = {_content(one) for one in look(work, part[0].path)}
    except OrchestratorError:
        return False
    return there <= {_content(one) for one in part}
