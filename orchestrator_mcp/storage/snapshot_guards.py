"""Where a snapshot's files may go: to plain places in the store, and through no link."""

import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator_mcp.errors import UnsafePathError

from .files import refuse_linked
from .paths import OrchestratorPaths
from .trees import files_beneath


def check_places(paths: OrchestratorPaths, names: Iterable[str]) -> None:
    """Look where files are to go, before anything is decided.

    Raises:
        UnsafePathError: if a link or no plain file stands there, or a link on the way.
    """
    for name in names:
        refuse_linked(paths.orchestrator_dir, name)
        target = paths.orchestrator_dir / name
        if os.path.lexists(target) and not target.is_file():
            raise UnsafePathError(f"{target} is not a plain file, so nothing was changed. Move it away and try again.")
        for parent in target.parents:
            if os.path.lexists(parent):
                if not parent.is_dir():
                    raise UnsafePathError(f"{parent} is not a folder, so nothing was changed. Move it away, try again.")
                break


def refuse_links(decided: Path) -> None:
    """Look through an import that was cut short: a cloned repository may have brought its folder.

    Raises:
        UnsafePathError: if a link, or no plain file, is in it.
    """
    for path in files_beneath(decided):
        if path.is_symlink() or not path.is_file():
            raise UnsafePathError(f"{path} is a link or no plain file, so this import is not finished. Remove it.")
