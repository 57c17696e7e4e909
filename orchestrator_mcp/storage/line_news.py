"""Two states of one stream: what the one has that the other lacks."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from .chunks import read_chunks
from .files import CHUNK, replace_by_chunks, write_chunks
from .lines import parse_object, read_lines


def news(ours: Path, theirs: Path, *, nameless: bool = True) -> Iterator[bytes]:
    """The lines that we lack: of records that are not here, or are here in an older revision.

    Args:
        ours: a stream, or nothing.
        theirs: another state of it.
        nameless: whether lines without an id count; they can only be told apart by all that they say.
    """
    newest: dict[str, int] = {}
    known: set[bytes] = set()
    for line in read_lines(ours):
        name, revision = _identity(line.data)
        if name is None:
            known.add(sha256(line.data).digest())
        else:
            newest[name] = max(revision, newest.get(name, revision))
    for line in read_lines(theirs):
        name, revision = _identity(line.data)
        if name is None:
            is_new = nameless and sha256(line.data).digest() not in known
        else:
            is_new = name not in newest or revision > newest[name]
        if is_new:
            yield line.data + b"\n"


def add(stream: Path, lines: Iterator[bytes]) -> bool:
    """Put lines at the end of a stream, all at once; whether there were any.

    A power loss may keep the second of two appends, and lose the first.
    """
    first = next(lines, None)
    if first is None:
        return False
    replace_by_chunks(stream, chain(read_chunks(stream), (first,), lines))
    return True


def unite(ours: Path, theirs: Path) -> None:
    """Make `ours` hold what either holds: theirs, if it goes on where ours ends; else our lines, then the news."""
    if _goes_on(ours, theirs):
        ours.unlink()
        write_chunks(ours, read_chunks(theirs), durable=False)
        return
    add(ours, news(ours, theirs, nameless=False))


def _goes_on(ours: Path, theirs: Path) -> bool:
    with ours.open("rb") as mine, theirs.open("rb") as other:
        while chunk := mine.read(CHUNK):
            if other.read(len(chunk)) != chunk:
                return False
    return True


def _identity(line: bytes) -> tuple[str | None, int]:
    value: dict[str, Any] = parse_object(line) or {}
    name, revision = value.get("id"), value.get("rev")
    return name if isinstance(name, str) else None, revision if isinstance(revision, int) else 1
