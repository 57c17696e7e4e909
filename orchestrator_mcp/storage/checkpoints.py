"""Checkpoints on disk: one file each in a session's `checkpoints/`, written once and never changed."""

import json
import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError, StorageError
from orchestrator_mcp.records.checkpoint import Checkpoint

from .files import LARGEST_DOCUMENT, is_folder, make_folder, read_small, refusals, staged_name, sync_folder, write_new
from .lines import parse_object
from .locks import FolderLock
from .paths import OrchestratorPaths

_NAME = re.compile(r"(cp_[A-Za-z0-9_-]{1,100})\.json")


def new_checkpoint_id(now: datetime) -> str:
    """`cp_YYYYMMDD_HHMMSS_<microseconds>_<4 hex>_<4 hex>`, as found in the wild: such names sort as times do."""
    return f"cp_{now:%Y%m%d_%H%M%S_%f}_{secrets.token_hex(2)}_{secrets.token_hex(2)}"


def checkpoint_ids(paths: OrchestratorPaths) -> list[str]:
    """The checkpoints of a session, oldest first; folders, links and other names are left out."""
    folder = paths.checkpoints_dir()
    with refusals("listing", folder):
        if not is_folder(folder):
            return []
        entries = list(os.scandir(folder))
    named = [(_NAME.fullmatch(entry.name), entry) for entry in entries]
    return sorted(name[1] for name, entry in named if name and entry.is_file(follow_symlinks=False))


def read_checkpoint(paths: OrchestratorPaths, checkpoint_id: str) -> Checkpoint:
    """One of those that `checkpoint_ids` names.

    Raises:
        NotFoundError: if it is gone.
        StorageError: (and its kin) if it cannot be read.
    """
    path = _place(paths, checkpoint_id)
    data = read_small(path, LARGEST_DOCUMENT)
    if data is None:
        raise NotFoundError(f"There is no checkpoint {checkpoint_id}. `orchestrator checkpoint list` shows them.")
    try:
        return Checkpoint.model_validate((parse_object(data) or {}) | {"checkpoint_id": checkpoint_id})
    except ValidationError as error:
        raise StorageError(f"{path} cannot be read as a checkpoint. Look at it, or remove it.") from error


def write_checkpoint(paths: OrchestratorPaths, lock: FolderLock, checkpoint: Checkpoint) -> None:
    """Make a checkpoint appear, whole and durable.

    Raises:
        StateConflictError: if there is one of that id; it is left as it is.
        InvalidInputError: if it cannot be written as JSON.
    """
    try:
        text = json.dumps(checkpoint.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"This cannot be stored as JSON ({error}). Send plain text.") from error
    target = _place(paths, checkpoint.checkpoint_id)
    make_folder(target.parent, parents=False)
    staged = staged_name(target)
    write_new(staged, text.encode("utf-8", "replace") + b"\n")
    with refusals("writing", target):
        try:
            with lock.held():
                if os.path.lexists(target):
                    raise StateConflictError(f"Checkpoint {checkpoint.checkpoint_id} is already there. Try again.")
                os.rename(staged, target)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(target.parent)


def _place(paths: OrchestratorPaths, checkpoint_id: str) -> Path:
    return paths.checkpoints_dir() / f"{checkpoint_id}.json"
