"""Where does a path that a workflow's file includes lead, and may it? In the project, or in a folder beside it."""

import os
import stat
from pathlib import Path, PurePosixPath

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, UnsafePathError

from .files import refusals

_ENDINGS = {".yaml", ".yml"}


def included_file(work_root: Path, includer: Path, name: str) -> Path:
    """The file that `name` means in `includer`: relative to it, in the work tree or in one of the folders beside it.

    Args:
        work_root: the work tree; nothing above its parent folder is reached.
        includer: the file that includes.
        name: what it says, with forward slashes.

    Raises:
        InvalidInputError: if it leads elsewhere: an absolute path, a home folder, a hidden one, no YAML file.
        NotFoundError: if nothing is there.
        UnsafePathError: if a link stands anywhere on the way, or something that is no file at its end.
    """
    bound = work_root.parent
    written = PurePosixPath(name)
    path = Path(os.path.normpath(includer.parent / written))
    if not name or not name.isprintable() or "\\" in name or ":" in name or written.is_absolute() or name[0] == "~":
        raise InvalidInputError(f"{name[:200]!r} is no relative path. Write one such as ../shared/common.yaml.")
    if not path.is_relative_to(bound) or any(part.startswith(".") for part in path.relative_to(bound).parts):
        raise InvalidInputError(
            f"{name[:200]} leads out of the project and the folders beside it, or into a hidden one. "
            "Include files of this project, or of one that lies beside it."
        )
    if path.suffix not in _ENDINGS:
        raise InvalidInputError(f"{name[:200]} is no YAML file. Include files that end in .yaml.")
    _check_way(bound, path, name)
    return path


def _check_way(bound: Path, path: Path, name: str) -> None:
    for step in (*reversed([one for one in path.parents if one.is_relative_to(bound) and one != bound]), path):
        with refusals("looking at", step):
            try:
                mode = step.lstat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                raise NotFoundError(f"{name[:200]} is not there: there is no {step}.") from None
        if stat.S_ISLNK(mode):
            raise UnsafePathError(f"{step} is a symbolic link, and links are not followed.")
        if step == path and not stat.S_ISREG(mode):
            raise UnsafePathError(f"{step} is no plain file.")
