"""When is what was acknowledged at once on the disk? Within a second."""

import atexit
import os
import sys
import threading

from orchestrator_mcp.errors import UncertainWriteError

from .lines import LineFile


class Flusher:
    """Syncs what is not synced at once: after at most a second, and at exit."""

    INTERVAL = 1.0

    def __init__(self) -> None:
        self._dirty: set[LineFile] = set()
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None
        atexit.register(self.flush)

    def mark(self, file: LineFile) -> None:
        """Have a file synced within the interval."""
        with self._guard:
            self._dirty.add(file)
            if self._timer is None or not self._timer.is_alive():  # a timer does not survive a fork
                self._timer = threading.Timer(self.INTERVAL, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Sync everything now. A failure is reported on stderr: the record was acknowledged already."""
        with self._guard:
            dirty, self._dirty, self._timer = self._dirty, set(), None
        for file in dirty:
            try:
                file.sync()
            except UncertainWriteError as error:
                if os.path.lexists(file.path):  # else it was removed with its session since, and nothing is in doubt
                    print(f"orchestrator-mcp: {error}", file=sys.stderr)  # noqa: T201
