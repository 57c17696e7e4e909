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
from orchestrator_mcp.records.setup import Mode

from .files import FILE_MODE, is_staged, make_folder, read_small, refusals, refuse_linked, replace_file
from .ids import new_id
from .ignoring import ignore_text, mode_of
from .lines import encode_line
from .locks import FolderLock
from .origin import is_origin_store
from .parts import ROTATED
from .paths import OrchestratorPaths, home_folder
from .upgrades import COMMITTED, needs_upgrade, upgrade

OUR_NAMES = (
    "meta.json", "current", "config.yaml", "lock", "sync.jsonl", "sessions", "rules", "archive", "reports",
    "cache", "tmp", "migration_backup", "prd", "secrets", ".migration_complete", ".erased", ROTATED,
    COMMITTED,
)  # fmt: skip
_FOLDERS = ("sessions", "rules", "archive", "tmp", "migration_backup", "prd", "secrets", COMMITTED)
_PERSONAL = {"config.yaml", "secrets"}
IGNORE_FILE = ".gitignore"
KEY_FILE, KEY_BYTES = "redaction.key", 32
_UNFINISHED = {"lock", IGNORE_FILE}  # what a store killed while being made may consist of
_IGNORE_ALL = b"*\n"
_REMOTE = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?:/[\w.-]{1,100}){1,2}")


def read_meta(paths: OrchestratorPaths) -> StoreMeta | None:
    """What the store says it is; None if there is none of ours, or only what `migrate` takes over.

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
            f"{paths.meta_file()} is not ours, so this folder is left alone. Use --root to keep our data elsewhere. "
            "If it was damaged, `orchestrator doctor` says how to mend it."
        ) from error


def _taken_names(folder: Path) -> list[str]:
    names = _names_in(folder) & set(OUR_NAMES) - _UNFINISHED
    if "config.yaml" in names and mode_here(folder) is Mode.SHARE_CONFIG:
        names.remove("config.yaml")  # all that a clone brings where only the settings are committed
    return sorted(names)


def mode_here(folder: Path) -> Mode | None:
    """What of the store git sees; None if somebody else wrote the `.gitignore`, or nobody."""
    return mode_of(read_small(folder / IGNORE_FILE) or b"")


def _neighbours(folder: Path) -> set[str]:
    """What another tool keeps in the folder; what a killed process of ours left there is none of it."""
    return {name for name in _names_in(folder) - set(OUR_NAMES) - _UNFINISHED if not is_staged(name)}


def _names_in(folder: Path) -> set[str]:
    with refusals("listing", folder):
        return set(os.listdir(folder)) if folder.is_dir() else set()


def _refuse_foreign(folder: Path, taken: list[str]) -> None:
    if taken and set(taken) <= _PERSONAL and folder.parent == home_folder(os.environ):
        raise ForeignStoreError(
            f"{folder} is where your own settings lie, and no project's store. "
            "Work in a project's folder, or name one with --root."
        )
    if taken and not is_origin_store(folder, taken):
        raise ForeignStoreError(
            f"{folder} belongs to another tool: it has {', '.join(taken)} but no meta.json of ours. "
            "It is left alone. Use --root (or ORCHESTRATOR_ROOT) to keep our data elsewhere."
        )


def refuse_unmigrated(paths: OrchestratorPaths) -> None:
    """Leave the folder of an older orchestrator alone until it is migrated: its `current` is not ours to follow.

    Raises:
        ForeignStoreError: if that is what lies here.
    """
    folder = paths.orchestrator_dir
    taken = [] if os.path.lexists(paths.meta_file()) else _taken_names(folder)
    if taken and is_origin_store(folder, taken):
        raise ForeignStoreError(
            f"{folder} holds the sessions of an older orchestrator, which are only read until they are migrated. "
            "Run `orchestrator migrate` (or call migrate_state with dry_run=false), then try again."
        )


def open_store(paths: OrchestratorPaths, lock: FolderLock, now: datetime, repo_id: str | None = None) -> StoreMeta:
    """Find the store, or make it. Of many processes exactly one makes it; with `repo_id`, if it moves here.

    Raises:
        ForeignStoreError: if the folder is another tool's, or its format is newer than ours.
        UnsafePathError: if one of its own folders is a link.
    """
    meta = read_meta(paths)
    for name in _FOLDERS:
        if os.path.islink(f"{paths.orchestrator_dir}/{name}"):  # noqa: PTH114  a string: every call asks this
            refuse_linked(paths.orchestrator_dir, name)
    if meta is None:
        make_folder(paths.orchestrator_dir)
        with lock.held():
            meta = read_meta(paths) or _make(paths, now, repo_id)
    if meta.format > FORMAT:
        raise ForeignStoreError(
            f"{paths.orchestrator_dir} has format {meta.format}; this version writes format {FORMAT}. "
            "Update orchestrator-mcp; until then it can be read but not written."
        )
    if needs_upgrade(paths, meta, FORMAT):
        meta = upgrade(paths, lock, read_meta, FORMAT)
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
    if not os.path.lexists(folder / IGNORE_FILE):
        replace_file(folder / IGNORE_FILE, _IGNORE_ALL)


def _make(paths: OrchestratorPaths, now: datetime, repo_id: str | None) -> StoreMeta:
    """Lay out a new store. `meta.json` comes last: a folder without it is not yet ours."""
    ignore = paths.orchestrator_dir / IGNORE_FILE
    wanted = _wanted_ignores(paths.orchestrator_dir)
    existing = read_small(ignore)
    if existing is None:
        replace_file(ignore, wanted)
    elif existing != _IGNORE_ALL and not set(wanted.split()) <= set(existing.split()):
        raise ForeignStoreError(
            f"{ignore} belongs to another tool and does not ignore our files. "
            f"Add these lines to it, or use --root: {' '.join(wanted.decode().split())}"
        )
    meta = StoreMeta(repo_id=repo_id or new_id(), created_at=now, git_remote=git_remote(paths.base_dir))
    replace_file(paths.meta_file(), encode_line(meta.model_dump(mode="json", exclude_none=True)), FILE_MODE)
    make_folder(paths.secrets_dir())
    return meta


def _wanted_ignores(folder: Path) -> bytes:
    """Everything; or our names alone, where another tool lives too."""
    return b"".join(b"/%s\n" % name.encode() for name in OUR_NAMES) if _neighbours(folder) else _IGNORE_ALL


def ignore_again(paths: OrchestratorPaths) -> bool:
    """Write a `.gitignore` that was lost; returns whether it was."""
    is_lost = not os.path.lexists(paths.orchestrator_dir / IGNORE_FILE)
    if is_lost:
        replace_file(paths.orchestrator_dir / IGNORE_FILE, _wanted_ignores(paths.orchestrator_dir))
    return is_lost


def set_mode(paths: OrchestratorPaths, lock: FolderLock, mode: Mode) -> bool:
    """Decide what of the store git sees; returns whether that changed anything.

    Raises:
        ForeignStoreError: if the `.gitignore` is not ours to replace.
    """
    ignore = paths.orchestrator_dir / IGNORE_FILE
    wanted = ignore_text(mode)
    with lock.held():
        existing = read_small(ignore)
        if existing == wanted:
            return False
        if _neighbours(paths.orchestrator_dir) or (existing and mode_of(existing) is None):
            raise ForeignStoreError(
                f"{ignore} is not ours alone: somebody wrote lines of their own, or another tool lives in that folder. "
                f"It is left as it is. For the mode {mode}, put these lines into it: {_in_one_line(wanted)}"
            )
        replace_file(ignore, wanted)
    return True


def _in_one_line(lines: bytes) -> str:
    return ", ".join(line for line in lines.decode().splitlines() if not line.startswith("#"))


def redaction_key(paths: OrchestratorPaths) -> bytes | None:
    """The store's own random key for redaction tags, which never leaves `secrets/`; None if there is none yet."""
    key = read_small(paths.secrets_dir() / KEY_FILE)
    return key if key is not None and len(key) == KEY_BYTES else None


def make_redaction_key(paths: OrchestratorPaths, lock: FolderLock) -> bytes:
    """The same, made if another process did not."""
    make_folder(paths.secrets_dir())
    with lock.held():
        key = redaction_key(paths)
        if key is None:
            key = os.urandom(KEY_BYTES)
            replace_file(paths.secrets_dir() / KEY_FILE, key)
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
