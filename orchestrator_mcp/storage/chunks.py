"""Contents that need not fit into memory: read, and measured as they pass, a piece at a time."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from .files import CHUNK, open_plain, refusals

"""Bytes."""


def read_chunks(path: Path) -> Iterator[bytes]:
    """A plain file's content, a piece at a time."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        yield from chunks_of(file)


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """What is left of an open file."""
    while chunk := file.read(CHUNK):
        yield chunk


class Measured:
    """Chunks as they pass, and what they add up to."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            self._digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
