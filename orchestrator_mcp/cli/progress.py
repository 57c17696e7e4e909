"""How far something long has come: one line on a terminal, rewritten in place; nothing elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_LARGE = 32 << 20
_PAUSE = 0.1


@contextlib.contextmanager
def told(doing: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how many bytes are done, and of how many; what is small is done before it could be read."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    line = _Line(doing)
    try:
        yield line.show
    finally:
        line.clear()


class _Line:
    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._next = 0.0
        self._width = 0

    def show(self, done: int, most: int) -> None:
        if most < _LARGE or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        said = f"{self._doing} {done >> 20:,} of {most >> 20:,} MB, {100 * done // most} %"
        self._width = max(self._width, len(said))
        print(f"\r{said:<{self._width}}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._width:
            print(f"\r{'':<{self._width}}\r", end="", file=sys.stderr, flush=True)
