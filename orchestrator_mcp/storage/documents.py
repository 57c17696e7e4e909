"""Files that a person names on the command line: read as they are, written as asked."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError, StateConflictError

from .files import read_small, refusals, replace_file
from .lines import encode_line, parse_object

_LARGEST = 16 << 20
_ATTEMPTS = 5
_DOCUMENT_MODE = 0o644


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every line's number, from 0, and its JSON object; blank lines are left out.

    Raises:
        NotFoundError: if there is no such file.
        InvalidInputError: if a line is no JSON object.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}. Name one with a JSON object on each line.")
    with refusals("reading", path), path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            value = parse_object(line)
            if value is None:
                raise InvalidInputError(f"Line {number + 1} of {path} is no JSON object. Correct it, then try again.")
            yield number, value


def names_in(folder: Path) -> list[str]:
    """The names in a folder."""
    with refusals("listing", folder):
        return os.listdir(folder)


def write_inside(root: Path, path: Path, text: str) -> Path:
    """Write a text file that lies inside a folder; returns where.

    Raises:
        InvalidInputError: if it would lie outside, or in a folder that is not there.
    """
    target = (root / path).resolve()
    if not target.is_relative_to(root.resolve()) or not target.parent.is_dir():
        raise InvalidInputError(f"{path} is not in a folder of {root}. Name a file inside the project.")
    replace_file(target, text.encode("utf-8", "replace"))
    return target


def read_inside(root: Path, name: str) -> bytes:
    """A document in a folder; empty if it is not there.

    Raises:
        UnsafePathError: if it is a link, or no plain file.
    """
    return read_small(root / name, _LARGEST) or b""


def edit_inside(root: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """Replace a document by what `change` makes of it, atomically; returns where it is. A new one is made if needed.

    Raises:
        StateConflictError: if others wrote it, time and again, between reading and replacing.
        UnsafePathError: if it is a link, or no plain file.
    """
    path = root / name
    for _ in range(_ATTEMPTS):
        content = read_inside(root, name)
        changed = change(content)
        if changed == content:
            return path
        if read_inside(root, name) == content:
            mode = path.stat().st_mode & 0o777 if path.exists() else _DOCUMENT_MODE
            replace_file(path, changed, mode)
            return path
    raise StateConflictError(f"{path} is being written by others. Nothing was changed; try again.")


def check_replaceable(path: Path, ours: Collection[str], what: str) -> None:
    """Whether a JSON document may be written where nothing stands, or an earlier one of its kind.

    Args:
        path: where.
        ours: the names that one of its kind has.
        what: its kind, as a phrase.

    Raises:
        InvalidInputError: if something else stands there, or its folder is missing.
    """
    if not path.absolute().parent.is_dir():
        raise InvalidInputError(f"There is no folder {path.absolute().parent}. Make it, or name another file.")
    if not os.path.lexists(path):
        return
    try:
        value = parse_object(read_small(path, _LARGEST) or b"")
    except OrchestratorError:
        value = None
    if value is None or not set(ours) <= value.keys():
        raise InvalidInputError(f"{path} is there already and is not {what}, so it is left alone. Name another file.")


def write_document(path: Path, text: str) -> None:
    """Write a text file that a person named, replacing it whole."""
    replace_file(path.absolute(), text.encode("utf-8", "replace"), _DOCUMENT_MODE)


def write_objects(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, replacing the file whole."""
    replace_file(path.absolute(), b"".join(map(encode_line, values)))
