"""The store's identity: whose `.orchestrator/` this is, and making one where there is none."""

import configparser
import os
import re
import stat
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from orchestrator_mcp.errors import ForeignStoreError, OrchestratorError, UnsafePathError
from orchestrator_mcp.records.session import FORMAT, StoreMeta

from .files import FILE_MODE, is_staged, make_folder, read_small, refusals, replace_file
from .ids import new_id
from .lines import encode_line
from .locks import FolderLock
from .paths import OrchestratorPaths

OUR_NAMES = (
    "meta.json", "current", "config.yaml", "lock", "sync.jsonl", "sessions", "rules", "archive", "reports",
    "cache", "tmp", "migration_backup", "prd", "secrets", ".migration_complete", ".erased",
)  # fmt: skip
_UNFINISHED = {"lock", ".gitignore"}  # what a store killed while being made may consist of
_IGNORE_ALL = b"*\n"
_REMOTE = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?:/[\w.-]{1,100}){1,2}")


def read_meta(paths: OrchestratorPaths) -> StoreMeta | None:
    """What the store says it is; None if there is none of ours.

    Raises:
        ForeignStoreError: if names of ours are taken by another tool.
    """
    with refusals("looking at", paths.orchestrator_dir):
        is_link = paths.orchestrator_dir.is_symlink()
    if is_link:
        raise UnsafePathError(f"{paths.orchestrator_dir} is a symbolic link, and links are not followed. Remove it.")
    data = read_small(paths.meta_file())
    if data is None:
        taken = _taken_names(paths.orchestrator_dir)
        data = read_small(paths.meta_file())  # another process may have made the store between the two looks
        if data is None:
            _refuse_foreign(paths.orchestrator_dir, taken)
            return None
    try:
        return StoreMeta.model_validate_json(data)
    except ValidationError as error:
        raise ForeignStoreError(
            f"{paths.meta_file()} is not ours, so this folder is left alone. Use --root to keep our data elsewhere."
        ) from error


def _taken_names(folder: Path) -> list[str]:
    return sorted(_names_in(folder) & set(OUR_NAMES) - _UNFINISHED)


def _neighbours(folder: Path) -> set[str]:
    """What another tool keeps in the folder; what a killed process of ours left there is none of it."""
    return {name for name in _names_in(folder) - set(OUR_NAMES) - _UNFINISHED if not is_staged(name)}


def _names_in(folder: Path) -> set[str]:
    with refusals("listing", folder):
        return set(os.listdir(folder)) if folder.is_dir() else set()


def _refuse_foreign(folder: Path, taken: list[str]) -> None:
    if taken:
        raise ForeignStoreError(
            f"{folder} belongs to another tool: it has {', '.join(taken)} but no meta.json of ours. "
            "It is left alone. Use --root (or ORCHESTRATOR_ROOT) to keep our data elsewhere."
        )


def open_store(paths: OrchestratorPaths, lock: FolderLock, now: datetime) -> StoreMeta:
    """Find the store, or make it. Of many processes exactly one makes it.

    Raises:
        ForeignStoreError: if the folder is another tool's, or its format is newer than ours.
    """
    meta = read_meta(paths)
    if meta is None:
        make_folder(paths.orchestrator_dir)
        with lock.held():
            meta = read_meta(paths) or _make(paths, now)
    if meta.format > FORMAT:
        raise ForeignStoreError(
            f"{paths.orchestrator_dir} has format {meta.format}; this version writes format {FORMAT}. "
            "Update orchestrator-mcp; until then it can be read but not written."
        )
    _keep_private(paths)
    return meta


def _keep_private(paths: OrchestratorPaths) -> None:
    """A store that came with a clone is readable by all, and may have lost its `.gitignore`."""
    folder = paths.orchestrator_dir
    if _neighbours(folder):
        return  # another tool lives here too: its folder, its modes
    with refusals("making private", folder):
        if folder.stat().st_mode & 0o077:
            os.chmod(folder, stat.S_IRWXU)
    if not os.path.lexists(folder / ".gitignore"):
        replace_file(folder / ".gitignore", _IGNORE_ALL)


def _make(paths: OrchestratorPaths, now: datetime) -> StoreMeta:
    """Lay out a new store. `meta.json` comes last: a folder without it is not yet ours."""
    ignore = paths.orchestrator_dir / ".gitignore"
    ours = b"".join(b"/%s\n" % name.encode() for name in OUR_NAMES)
    wanted = ours if _neighbours(paths.orchestrator_dir) else _IGNORE_ALL
    existing = read_small(ignore)
    if existing is None:
        replace_file(ignore, wanted)
    elif existing != _IGNORE_ALL and not set(wanted.split()) <= set(existing.split()):
        raise ForeignStoreError(
            f"{ignore} belongs to another tool and does not ignore our files. "
            f"Add these lines to it, or use --root: {' '.join(wanted.decode().split())}"
        )
    meta = StoreMeta(repo_id=new_id(), created_at=now, git_remote=git_remote(paths.base_dir))
    replace_file(paths.meta_file(), encode_line(meta.model_dump(mode="json", exclude_none=True)), FILE_MODE)
    make_folder(paths.secrets_dir())
    return meta


def redaction_key(paths: OrchestratorPaths, lock: FolderLock) -> bytes:
    """The store's own random key for redaction tags; it never leaves `secrets/`."""
    path = paths.secrets_dir() / "redaction.key"
    key = read_small(path)
    if key is None or len(key) != 32:  # noqa: PLR2004  bytes of a key
        make_folder(path.parent)
        with lock.held():
            key = read_small(path)
            if key is None or len(key) != 32:  # noqa: PLR2004
                key = os.urandom(32)
                replace_file(path, key)
    return key


def git_remote(root: Path) -> str | None:
    """`host/owner/name` of the remote called origin, from git's config file; never its credentials."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string((read_small(root / ".git" / "config") or b"").decode())
        url = parser.get('remote "origin"', "url", fallback=None)
        return _short_remote(url) if url else None
    except (configparser.Error, OrchestratorError, ValueError):  # a broken IPv6 address, or no UTF-8
        return None


def _short_remote(url: str) -> str | None:
    """Host, owner and name; whatever else a remote holds may be a password."""
    if "://" in url:
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path
    else:
        host, _, path = url.rpartition("@")[2].partition(":")  # git@host:owner/name.git
    names = path.strip("/").removesuffix(".git").split("/")[-2:]
    short = "/".join([host, *names])
    return short if path and _REMOTE.fullmatch(short) else None
