"""A server process under test: every line it writes is checked, every wait has a deadline."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, NoReturn, Self

import orchestrator_mcp

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(orchestrator_mcp.__file__).parents[1])}
FAKE = [sys.executable, str(Path(__file__).with_name("fake_main.py"))]
HANG = 30.0  # a guard against hanging on a loaded machine, not a benchmark
ENDS = 2.0
SLACK = 3.0  # a loaded machine: what must not happen is the minute that a stuck tool would take

Message = dict[str, Any]
Lines = SimpleQueue[bytes | None]


class Server:
    def __init__(self, command: list[str] = FAKE, *, stdout: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, env=ENVIRONMENT
        )
        assert self.process.stdin
        self.stdin = self.process.stdin
        self._lines, self._stderr = _followed(self.process.stdout), _followed(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(HANG)
        for pipe in filter(None, (self.stdin, self.process.stdout, self.process.stderr)):
            with suppress(BrokenPipeError):
                pipe.close()

    def send(self, message: Message | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.stdin.write(line + b"\n")
        self.stdin.flush()

    def read_or_end(self, timeout: float = HANG) -> Message | None:
        """The next line, which must be a JSON-RPC object; None at the end of stdout."""
        try:
            line = self._lines.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"no answer within {timeout} s; stderr: {self.errors()}") from None
        if line is None:
            return None
        answer = json.loads(line, parse_constant=_no_constant)
        assert isinstance(answer, dict), line[:200]
        assert answer.get("jsonrpc") == "2.0", line[:200]
        return answer

    def read(self, timeout: float = HANG) -> Message:
        answer = self.read_or_end(timeout)
        assert answer is not None, f"stdout ended; stderr: {self.errors()}"
        return answer

    def ask(self, message: Message | bytes) -> Message:
        self.send(message)
        return self.read()

    def call(self, tool: str, arguments: Message) -> Message:
        return self.ask(request("call", "tools/call", {"name": tool, "arguments": arguments}))

    def handshake(self) -> Message:
        answer = self.ask(INITIALIZE)
        self.send(INITIALIZED)
        return answer

    def errors(self) -> str:
        found = []
        while not self._stderr.empty():
            found.append(self._stderr.get() or b"")
        return b"".join(found).decode(errors="replace")

    def seconds_until_exit(self) -> float:
        start = time.monotonic()
        self.process.wait(HANG)
        return time.monotonic() - start


def _followed(pipe: IO[bytes] | None) -> Lines:
    queue: Lines = SimpleQueue()

    def follow(pipe: IO[bytes]) -> None:
        with suppress(ValueError):  # closed while reading, at the end of a test
            for line in pipe:
                queue.put(line)
        queue.put(None)

    if pipe:
        Thread(target=follow, args=(pipe,), daemon=True).start()
    return queue


def _no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


def request(id: str | int, method: str, params: Message | None = None) -> Message:
    message: Message = {"jsonrpc": "2.0", "id": id, "method": method}
    return message if params is None else message | {"params": params}


INITIALIZE = request(
    "hello",
    "initialize",
    {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
)
INITIALIZED: Message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
