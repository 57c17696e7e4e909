"""Arrival: something built of many files becomes visible by one rename, whole or not at all."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator_mcp.errors import StateConflictError

from .files import is_folder, make_folder, refusals, sync_folder
from .ids import new_id
from .trees import remove_tree, sync_beneath

ABANDONED = 24 * 3600.0
"""Seconds after which a staging folder is nobody's any more."""

TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
"""What a rename fails with where something stands already."""


@contextlib.contextmanager
def staging(tmp: Path) -> Iterator[Path]:
    """A private folder to build in; swept away on leaving unless it has arrived by then."""
    make_folder(tmp)
    stage = tmp / new_id()
    make_folder(stage)
    try:
        yield stage
    finally:
        with contextlib.suppress(OSError):
            remove_tree(stage)


def arrive(stage: Path, target: Path) -> None:
    """Make a staged folder appear at `target`, durably, by one rename.

    Raises:
        StateConflictError: if something is there already; then nothing was changed.
    """
    make_folder(target.parent)
    with refusals("moving into place", target):
        sync_beneath(stage)
        try:
            os.rename(stage, target)
        except OSError as error:
            if error.errno in TAKEN:
                raise StateConflictError(f"{target} is already there. Nothing was changed.") from error
            raise
        sync_folder(target.parent)
        sync_folder(stage.parent)


def remove_leftover(path: Path) -> None:
    """Remove a temporary file, or a folder with all that was built in it."""
    with refusals("removing", path):
        remove_tree(path)


def sweep_abandoned(tmp: Path) -> None:
    """Remove what builders who were killed left behind. Nobody builds for a day, so no lock is needed."""
    with contextlib.suppress(OSError):
        for stage in list(tmp.iterdir()):
            with contextlib.suppress(OSError):
                if time.time() - stage.lstat().st_mtime > ABANDONED and is_folder(stage):
                    remove_tree(stage)
