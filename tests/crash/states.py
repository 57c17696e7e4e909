"""Every state that a crash can leave: after each change, inside each write, and what a power loss makes of it."""

import contextlib
import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash_disk import History, Tree, build_tree, fingerprint
from crash_recorder import recorded

FAST = Path("/dev/shm")

_places = itertools.count()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of trees are built in it."""
    folder = Path(tempfile.mkdtemp(prefix="states-", dir=FAST if os.access(FAST, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Point:
    """Where a run was cut: after how many changes, and after how many bytes of the next one."""

    changes: int
    bytes: int = 0
    variant: int = 0
    inside: "Point | None" = None

    def __str__(self) -> str:
        here = f"after {self.changes} changes and {self.bytes} bytes" + (
            f", loss {self.variant}" if self.variant else ""
        )
        return here + (f"; then {self.inside} of the recovery" if self.inside else "")


@dataclass
class Seen:
    """The distinct states looked at so far."""

    prints: set[str] = field(default_factory=set)

    def is_new(self, label: str, tree: Tree) -> bool:
        mark = f"{label}|{fingerprint(tree)}"
        if mark in self.prints:
            return False
        self.prints.add(mark)
        return True


def record(root: Path, run: Callable[[Path], Any], **options: Any) -> History:
    with recorded(root, **options) as history:
        run(root)
    return history


def kills(history: History, longest: int = 24) -> Iterator[tuple[Point, Tree]]:
    """What a killed process leaves: every prefix of the changes, and every (long ones: sampled) prefix of a write."""
    for count in range(len(history.changes) + 1):
        yield Point(count), history.after(count)
        if count == len(history.changes) or history.changes[count].what != "write":
            continue
        change = history.changes[count]
        size = len(change.data)
        for part in sorted({round(size * n / longest) for n in range(1, longest)} & set(range(1, size))):
            cut = copy(history)
            cut.changes = [*history.changes[:count], _shortened(change, part)]
            yield Point(count, part), cut.after(count + 1)


def power_losses(history: History, seed: int, samples: int = 6) -> Iterator[tuple[Point, Tree]]:
    """What a power loss leaves after each change."""
    rng = random.Random(seed)
    for count in range(len(history.changes) + 1):
        for number, tree in enumerate(history.power_losses(count, rng, samples), 1):
            yield Point(count, variant=number), tree


def losses_at_end(history: History, seed: int, samples: int = 40) -> Iterator[tuple[Point, Tree]]:
    """What a power loss leaves once the run has finished, its last sync included."""
    rng = random.Random(seed)
    count = len(history.changes)
    for number, tree in enumerate(history.power_losses(count, rng, samples, over=True), 1):
        yield Point(count, variant=number), tree


def _shortened(change: Any, part: int) -> Any:
    return type(change)(**{**vars(change), "data": change.data[:part]})


@contextlib.contextmanager
def restored(place: Path, tree: Tree) -> Iterator[Path]:
    """A real folder in exactly that state."""
    root = place / str(next(_places))
    build_tree(root, tree)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
