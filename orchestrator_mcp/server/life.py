"""When does this process end? Within two seconds of its client leaving, whatever a tool is still doing."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

GRACE = 1.2
"""Seconds in which answers in flight may still be given. With what detecting an end takes, under two."""

_GLANCE = 0.4
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Life:
    """Knows why and with which exit code the process ends, and sees to it that it does.

    `on_end` runs once, on the thread that noticed, and must not block. If the process is not gone GRACE
    seconds after it, it is ended from outside of whatever holds it up.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.exit_code: int | None = None
        self._on_end = on_end
        self._ending = Event()
        self._serving = Event()
        self._parent = os.getppid()

    def watch(self) -> None:
        """Begin: take the signals and look after the parent."""
        for name in _SIGNALS:
            with suppress(AttributeError, ValueError, OSError):
                signal.signal(getattr(signal, name), lambda number, _frame: self.end(128 + number))
        Thread(target=self._look_after, name="life", daemon=True).start()

    def serving(self) -> None:
        """From here on an end waits for answers in flight; before, a signal ends the process at once."""
        self._serving.set()

    def end(self, code: int = 0) -> None:
        """Begin the end. Later calls change nothing: a second signal finds the first at work."""
        if self.exit_code is not None:
            return
        self.exit_code = code
        if code and not self._serving.is_set():
            os._exit(code)
        self._on_end()
        self._ending.set()

    def _look_after(self) -> None:
        # Asked, not told: PR_SET_PDEATHSIG also fires when only the thread that started us ends.
        while not self._ending.wait(_GLANCE):
            if os.getppid() != self._parent:
                self.end()
        self._serving.wait()  # a client may pipe its questions in and close before we have started
        time.sleep(GRACE)
        os._exit(self.exit_code or 0)
