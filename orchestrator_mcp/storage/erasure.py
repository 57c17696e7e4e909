"""Erasure: the one place that changes history, for the text that slipped through."""

import base64
import contextlib
import json
import re
import stat
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator_mcp.errors import (
    InvalidInputError,
    NotFoundError,
    OrchestratorError,
    StorageFullError,
    WorkspaceBusyError,
)

from .files import is_staged, read_small, replace_file
from .ids import new_id
from .index import unlink_database
from .lines import encode_line, parse_object
from .locks import FolderLock, Locks
from .manifests import DONE, PENDING, UNDOING, UNDONE
from .paths import META, OrchestratorPaths
from .trees import walk

VERIFICATIONS = 3
SETTLING = 0.2
"""Seconds given to whoever read a text before it went, and may write it again."""

_LARGEST = 4 << 30
_OURS = {META, "current", "config.yaml", "lock", ".gitignore", "redaction.key", ".migration_complete"}
_MANIFESTS = {PENDING, DONE, UNDOING, UNDONE}
_ORDER = {"sessions": 0, "archive": 1, "migration_backup": 2, "rules": 3}  # drafts come of sessions, so after them
_MARK = b"\xef\xbb\xbf"


class Change(NamedTuple):
    """What becomes of content: each gives back what it got if nothing is to be changed, except `holds`."""

    record: Callable[[dict[str, Any]], dict[str, Any]]
    document: Callable[[Any], Any]
    plain: Callable[[bytes], bytes]
    torn: Callable[[bytes], bytes]
    holds: Callable[[bytes], bool]


class Stored(NamedTuple):
    """One JSON line, and the file it lies in."""

    path: Path
    value: dict[str, Any]


@dataclass
class Erased:
    """The files that were changed, and sentences about what could not be."""

    files: set[Path] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def find_lines(paths: OrchestratorPaths, fits: Callable[[dict[str, Any]], bool]) -> Iterator[Stored]:
    """Every JSON line of the store that fits, wherever it lies; an unfinished one too."""
    for path in _files(paths):
        if path.suffix == ".jsonl":
            for line in _split(_content(path)):
                value = parse_object(line)
                if value is not None and fits(value):
                    yield Stored(path, value)


def find_files(paths: OrchestratorPaths, fits: Callable[[bytes], bool], others: Iterable[Path] = ()) -> list[Path]:
    """Every file whose bytes fit, also those that erasure leaves alone; keys and the cache aside."""
    every = (*_walk(paths.orchestrator_dir, {paths.secrets_dir(), paths.cache_dir()}), *others)
    return [path for path in every if fits(_content(path))]


def would_change(paths: OrchestratorPaths, change: Change) -> list[Path]:
    """The files that an erasure would rewrite."""
    found = []
    for path in _files(paths):
        with contextlib.suppress(OrchestratorError):
            if _rewritten(path, change) is not None:
                found.append(path)
    return found


def erase(paths: OrchestratorPaths, locks: Locks, others: Change, every: Change) -> Erased:
    """Rewrite every file of the store in which something must go, and look again until nothing is found.

    First with `others`, which leaves the record itself, so that an erasure that was cut short can be asked for
    again; then with `every`. Each time in this order: sessions, from which all else is drawn; archive; migration
    backup, whose hashes then fit no more, so that a later rollback says so; rules; and last what is derived, reports
    and the cache, which are removed. Each file is replaced whole, so that a crash leaves the old or the new; one
    that cannot be changed is named and the rest goes on.

    Raises:
        StorageFullError: if there is no room; asking again goes on with what is left.
        WorkspaceBusyError: if another process kept a lock; the same.
    """
    erased = _pass(paths, locks, others)
    for _ in range(1 + VERIFICATIONS):
        again = _pass(paths, locks, every)
        erased.files |= again.files
        erased.problems += again.problems
        if not again.files:
            return erased
        time.sleep(SETTLING)
    erased.problems.append("A program kept writing the text while it was removed. End it, then look for what it wrote.")
    return erased


def _pass(paths: OrchestratorPaths, locks: Locks, change: Change) -> Erased:
    done = Erased()
    with locks.of(paths.orchestrator_dir).held():
        for path in _files(paths):
            with _told(done):
                if _rewritten(path, change) is not None and _rewrite(paths, path, change):
                    done.files.add(path)
        _remove_reports(paths, change, done)
        _remove_cache(paths, done)
        # Whoever read a text before, and is about to write what was drawn from it, finds another mark and reads again.
        if done.files:
            replace_file(paths.erasure_mark(), new_id().encode())
    return done


def _rewrite(paths: OrchestratorPaths, path: Path, change: Change) -> bool:
    """Under the lock of the file's session, if it is in one; whether anything was changed."""
    lock = _lock_of(paths, path)
    try:
        with lock.held() if lock else contextlib.nullcontext():
            new = _rewritten(path, change)  # what was appended since is in it
            if new is None:
                return False
            if is_staged(path.name):
                path.unlink()  # a killed process left it: here only an erasure stages files, under this lock
            else:
                replace_file(path, new, stat.S_IMODE(path.stat().st_mode))
            return True
    except (FileNotFoundError, NotFoundError):
        return False  # it was taken away, and its text with it
    finally:
        if lock:
            lock.close()


def _lock_of(paths: OrchestratorPaths, path: Path) -> FolderLock | None:
    """A lock of our own, closed after use: there may be more sessions than files can be open."""
    if paths.sessions_dir() not in path.parent.parents:
        return None  # the store lock is held already
    return FolderLock(paths.sessions_dir() / path.relative_to(paths.sessions_dir()).parts[0] / "lock")


def _rewritten(path: Path, change: Change) -> bytes | None:
    """What the file should hold instead; None if it may stay."""
    old = read_small(path, _LARGEST) or b""
    kind = "tmp" if is_staged(path.name) else path.suffix[1:]
    new = _KINDS.get(kind, _plain_changed)(old, change)
    return None if new == old else new


def _lines_changed(old: bytes, change: Change) -> bytes:
    return b"".join(_changed_line(line, change) for line in _split(old))


def _changed_line(line: bytes, change: Change) -> bytes:
    value = parse_object(line)
    if value is None:
        return change.torn(line)
    try:
        changed = change.record(value)
        return line if changed == value else _encoded(changed)
    except RecursionError:
        return change.plain(line)


def _encoded(value: dict[str, Any]) -> bytes:
    try:
        return encode_line(value)
    except InvalidInputError:  # NaN, or longer than we would write it: others did, and their line stays theirs
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _document_changed(old: bytes, change: Change) -> bytes:
    try:
        value = json.loads(old.removeprefix(_MARK).decode())
        changed = change.document(value)
        return old if changed == value else _laid_out(changed, like=old)
    except (ValueError, RecursionError):
        return change.plain(old)


def _laid_out(value: Any, like: bytes) -> bytes:
    indent = re.match(rb"\s*[\[{]\r?\n( *)", like)
    text = json.dumps(value, indent=len(indent[1]) if indent else None, ensure_ascii=like.isascii())
    return text.encode("utf-8", "replace") + (b"\n" if like.endswith(b"\n") else b"")


def _quarantine_changed(old: bytes, change: Change) -> bytes:
    return b"".join(line for line in _split(old) if not change.holds(_kept_bytes(line)))


def _kept_bytes(line: bytes) -> bytes:
    try:
        return base64.b64decode((parse_object(line) or {})["bytes_b64"])
    except (KeyError, TypeError, ValueError):
        return line


def _plain_changed(old: bytes, change: Change) -> bytes:
    return change.plain(old)


def _leftover_changed(old: bytes, change: Change) -> bytes:
    return b"" if change.holds(old) else old


_KINDS: dict[str, Callable[[bytes, Change], bytes]] = {
    "jsonl": _lines_changed,
    "json": _document_changed,
    "quarantine": _quarantine_changed,
    "tmp": _leftover_changed,
}


def _remove_reports(paths: OrchestratorPaths, change: Change, done: Erased) -> None:
    """All of them, whatever they hold: they are made anew. One that is just being written may stay if it is clean."""
    if _is_linked(paths.reports_dir(), done):
        return
    for path in _walk(paths.reports_dir()):
        with _told(done):
            held = change.holds(_content(path))
            if held:
                done.files.add(path)
            if held or not is_staged(path.name):
                path.unlink(missing_ok=True)


def _remove_cache(paths: OrchestratorPaths, done: Erased) -> None:
    if not _is_linked(paths.cache_dir(), done):
        unlink_database(paths.cache_dir())


def _is_linked(folder: Path, done: Erased) -> bool:
    """Whether a folder of ours is a link, behind which nothing is removed."""
    if folder.is_symlink():
        done.problems.append(f"{folder} is a symbolic link, so it was left alone. Look at what it holds.")
    return folder.is_symlink()


@contextlib.contextmanager
def _told(done: Erased) -> Iterator[None]:
    """One strange file does not keep the text in all others."""
    try:
        yield
    except (StorageFullError, WorkspaceBusyError):
        raise
    except OrchestratorError as error:
        done.problems.append(f"Left as it is: {error}")


def _files(paths: OrchestratorPaths) -> list[Path]:
    """Every file that may hold texts, in the order in which they are erased.

    Left out: keys, what is derived, what others are just building, and our own bookkeeping.
    """
    left_out = {paths.secrets_dir(), paths.cache_dir(), paths.reports_dir(), paths.tmp_dir()}
    found = [path for path in _walk(paths.orchestrator_dir, left_out) if not _is_bookkeeping(paths, path)]
    return sorted(found, key=lambda path: _ORDER.get(path.relative_to(paths.orchestrator_dir).parts[0], 1))


def _is_bookkeeping(paths: OrchestratorPaths, path: Path) -> bool:
    if path.parent == paths.orchestrator_dir and is_staged(path.name):
        return True
    return path.name in _OURS or (path.name in _MANIFESTS and path.parent.parent == paths.backup_dir())


def _walk(top: Path, left_out: Container[Path] = ()) -> Iterator[Path]:
    """Every plain file beneath; what vanishes meanwhile is no error, and links are not followed."""
    for folder, folders, names in walk(top):
        folders[:] = [name for name in folders if folder / name not in left_out]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG((folder / name).lstat().st_mode):
                    yield folder / name


def _content(path: Path) -> bytes:
    """What a file holds; nothing if it cannot be read."""
    try:
        return read_small(path, _LARGEST) or b""
    except OrchestratorError:
        return b""


def _split(data: bytes) -> list[bytes]:
    """Lines with their newlines; the last may lack its own."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)
