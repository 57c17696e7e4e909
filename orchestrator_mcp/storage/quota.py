"""How much does the store hold, and how much may it? Measured now and then, counted up in between."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError, StorageFullError

from .files import make_folder, read_small, replace_file
from .paths import OrchestratorPaths
from .trees import walk

TRUSTED = 600.0
"""Seconds for which a measurement is believed, by other processes too: so long may the store grow unseen."""

_MEGABYTE = 1 << 20
_NAME = "size"
_NO_STORE = 1 << 60


class Quota:
    """The room that is left in one store.

    Args:
        paths: the store's.
        limit: the megabytes that it may hold; asked at every append.
    """

    def __init__(self, paths: OrchestratorPaths, limit: Callable[[], int]) -> None:
        self._paths = paths
        self._limit = limit
        self._guard = threading.Lock()
        self._held = 0
        self._until = 0.0

    def take(self, size: int) -> None:
        """Count what is about to be appended, in bytes.

        Raises:
            StorageFullError: if the store holds as much as it may. Before it says so it measures anew, so that
                whoever made room goes on at once.
        """
        limit = self._limit()
        with self._guard:
            if time.monotonic() > self._until:
                self._keep(self._remembered())
            if self._held > limit * _MEGABYTE:
                self._keep(self._measured())
            if self._held > limit * _MEGABYTE:
                raise StorageFullError(
                    f"The store holds {self._held / _MEGABYTE:,.0f} MB and may hold {limit:,} (max_store_mb), so it "
                    "takes no new entries; what runs can be finished. Make room with `orchestrator session clean` "
                    f"and `orchestrator session compact`, remove {self._paths.shown(self._paths.archive_dir())} if "
                    "reviews need not count it, or raise max_store_mb with `orchestrator config set max_store_mb N`."
                )
            self._held += size

    def _keep(self, held: int) -> None:
        self._held = held
        self._until = time.monotonic() + TRUSTED

    def _remembered(self) -> int:
        """What was measured not long ago, by whichever process."""
        place = self._paths.cache_dir() / _NAME
        try:
            age = time.time() - place.lstat().st_mtime
            if 0 <= age < TRUSTED:
                held = int(read_small(place, 40) or b"")
                if 0 <= held < _NO_STORE:  # a cloned repository may have brought it
                    return held
        except (OSError, ValueError, OrchestratorError):
            pass
        return self._measured()

    def _measured(self) -> int:
        held = sum(_sizes(self._paths.orchestrator_dir, {self._paths.cache_dir(), self._paths.tmp_dir()}))
        try:
            make_folder(self._paths.cache_dir())
            replace_file(self._paths.cache_dir() / _NAME, b"%d" % held)
        except OrchestratorError:
            pass  # then the next process measures as well
        return held


def _sizes(folder: Path, left_out: set[Path]) -> Iterator[int]:
    """The bytes of every file beneath; links are not followed, and what vanishes meanwhile counts nothing."""
    for inside, folders, names in walk(folder):
        folders[:] = [name for name in folders if inside / name not in left_out]
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(f"{inside}/{name}").st_size
