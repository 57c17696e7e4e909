"""What does a file of records hold? Read without a lock, and each line judged in the same way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from .lines import parse_object, read_lines

R = TypeVar("R", bound=BaseModel)


@dataclass
class Read(Generic[R]):
    """What a stream holds: the newest revision of every record by file order, and lines nobody can read.

    `unread`: why some of several files were left out, as sentences.
    """

    records: list[R] = field(default_factory=list)
    bad_lines: int = 0
    unread: list[str] = field(default_factory=list)


def joined(reads: Iterable[Read[R]]) -> Read[R]:
    """What several files hold, taken as one."""
    found: Read[R] = Read()
    for one in reads:
        found.records += one.records
        found.bad_lines += one.bad_lines
        found.unread += one.unread
    return found


class KeptReads:
    """What was read of files with few lines that many calls ask for, and that only grow or are replaced."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[tuple[int, int, int], Read[Any]]] = {}

    def read(self, model: type[R], path: Path) -> Read[R]:
        """The same as `read_records`, read again only after the file changed."""
        try:
            info = path.lstat()
            mark = (info.st_ino, info.st_size, info.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            mark = (0, 0, 0)
        if path not in self._kept or self._kept[path][0] != mark:
            self._kept[path] = mark, read_records(model, path)
        return self._kept[path][1]


def read_records(model: type[R], path: Path) -> Read[R]:
    """Every record in its newest revision, in the order of first appearance."""
    found: dict[str, R] = {}
    bad = 0
    for number, line in enumerate(read_lines(path)):
        record = parsed(model, line.data)
        if record is None:
            bad += 1
        else:
            found[str(getattr(record, "id", None) or f"line {number}")] = record
    return Read(list(found.values()), bad)


def parsed(model: type[R], data: bytes) -> R | None:
    """The record in one line; None if no reader can use it."""
    try:
        return model.model_validate_json(data)
    except ValidationError:
        return _forgiving(model, data)


def _forgiving(model: type[R], data: bytes) -> R | None:
    """A second look, by the parser that knows about lone surrogates."""
    try:
        return model.model_validate(parse_object(data))
    except ValidationError:
        return None
