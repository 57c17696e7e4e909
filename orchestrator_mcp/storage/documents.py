"""Files that a person names on the command line: read as they are, written as asked."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import InvalidInputError, NotFoundError

from .files import refusals, replace_file
from .lines import encode_line, parse_object


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


def write_objects(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, replacing the file whole."""
    replace_file(path.absolute(), b"".join(map(encode_line, values)))
