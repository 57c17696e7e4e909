"""How do the client's lines get in, and answers out, while the SDK may not even be imported yet?

Three things the SDK's own transport does not do: every malformed line is answered, nothing but JSON-RPC
reaches stdout from the first moment on, and answers in flight are still given after stdin has closed.
"""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

from .guard import MAX_LINE, Refusal, judge
from .life import GRACE, Life
from .pipes import read_lines, take_stdin, take_stdout, write_all
from .spoiled import meant_for

Message = dict[str, Any]


class Wire:
    """Both ends of the pipe. Messages wait in it until somebody takes them; None is the last one.

    `asked` has the ids, as texts, of what we asked the client and it did not answer yet.
    """

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.life = Life(on_end=lambda: self._arrived(None))
        self._stdin, self._stdout = take_stdin(), take_stdout()
        self._inbox: deque[Message | None] = deque()
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._wake: Callable[[], object] = lambda: None
        self._writer = Thread(target=self._write, name="stdout", daemon=True)

    def open(self) -> None:
        """Take the signals, and begin to read and write."""
        self.life.watch()
        self._writer.start()
        Thread(target=self._read, name="stdin", daemon=True).start()

    def on_arrival(self, wake: Callable[[], object]) -> None:
        """Say what to call, on any thread, when a message has arrived."""
        self._wake = wake
        self.life.serving()

    def take(self) -> list[Message | None]:
        """Take what has arrived, in order."""
        return [self._inbox.popleft() for _ in range(len(self._inbox))]

    def send(self, line: bytes) -> None:
        """Send one line, its end included, as soon as the client reads."""
        self._outbox.put(line)

    def close(self) -> None:
        """Wait until everything is sent, or for as long as an end may take."""
        self._outbox.put(None)
        self._writer.join(GRACE)

    def _read(self) -> None:
        for line in read_lines(self._stdin, MAX_LINE):
            verdict = judge(line)
            if isinstance(verdict, Refusal):
                self._refuse(line, verdict)
            elif verdict is not None:
                self._arrived(verdict)
        self.life.end()

    def _refuse(self, line: bytes, refusal: Refusal) -> None:
        """Whoever waits for an answer that cannot be used is told, and not the client: its own calls have ids too."""
        waiting = meant_for(line, list(self.asked))
        for id_ in waiting:
            self._arrived({"jsonrpc": "2.0", "id": id_, "error": refusal.error()})
        if not waiting:
            self.send(refusal.line())

    def _arrived(self, message: Message | None) -> None:
        self._inbox.append(message)
        self._wake()

    def _write(self) -> None:
        try:
            while (line := self._outbox.get()) is not None:
                write_all(self._stdout, line)
        except OSError:  # nobody reads any more
            self.life.end()
