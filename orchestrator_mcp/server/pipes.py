"""How do bytes become lines and lines bytes, on pipes that nothing else in the process can reach?"""

import os
import select
from collections.abc import Iterator
from contextlib import suppress

_CHUNK = 64 * 1024


def take_stdin() -> int:
    """Move stdin to a descriptor of our own, so that no program we start reads the client's messages."""
    ours, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return ours


def take_stdout() -> int:
    """Move stdout to a descriptor of our own; what anybody prints, here or in a program we start, goes to stderr."""
    try:
        os.fstat(2)
    except OSError:  # started without stderr: the next descriptor would become it, and carry the protocol
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours


def read_lines(descriptor: int, longest: int) -> Iterator[bytes]:
    """Yield lines as they come. Of one that is too long only the beginning, which is too long itself."""
    rest, skipping = b"", False
    while chunk := _read(descriptor):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not skipping:
                yield line
            skipping = False
        if len(rest) > longest and not skipping:
            yield rest
            skipping = True
        if skipping:
            rest = b""
    if not skipping:
        yield rest


def _read(descriptor: int) -> bytes:
    with suppress(OSError):
        while True:
            try:
                return os.read(descriptor, _CHUNK)
            except BlockingIOError:  # a client may share a non-blocking pipe with us
                select.select([descriptor], [], [])
    return b""


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, however little the pipe takes at a time."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
