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

import orchestrator_mcp

FAKE = [sys.executable, str(Path(__file__).with_name("fake_main.py"))]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(orchestrator_mcp.__file__).parents[1])}
HANG = 30.0  # a guard against hanging on a loaded machine, not a benchmark
ENDS = 2.0
SLACK = 1.0  # interpreter teardown when every core is busy


class Server:
    def __init__(self, command=FAKE, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = {"env": ENVIRONMENT} | options
        self.process = subprocess.Popen(command, **(pipes | options))
        self.lines = SimpleQueue()
        self.stderr = SimpleQueue()
        self._follow(self.process.stdout, self.lines)
        self._follow(self.process.stderr, self.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(HANG)
        for pipe in filter(None, (self.process.stdin, self.process.stdout, self.process.stderr)):
            with suppress(BrokenPipeError):
                pipe.close()

    def _follow(self, pipe, queue):
        if pipe is None:
            return

        def follow():
            try:
                for line in pipe:
                    queue.put(line)
            except ValueError:
                pass
            queue.put(None)

        Thread(target=follow, daemon=True).start()

    def send(self, message):
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def read(self, timeout=HANG):
        """The next line, which must be a JSON-RPC object; None at the end of stdout."""
        try:
            line = self.lines.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"no answer within {timeout} s; stderr: {self.errors()}") from None
        if line is None:
            return None
        answer = json.loads(line, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))
        assert isinstance(answer, dict), line[:200]
        assert answer.get("jsonrpc") == "2.0", line[:200]
        return answer

    def ask(self, message):
        self.send(message)
        return self.read()

    def call(self, tool, arguments, id="c", **extra):
        return self.ask(request(id, "tools/call", {"name": tool, "arguments": arguments, **extra}))

    def handshake(self):
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
        answer = self.ask(request("hello", "initialize", info))
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def errors(self):
        found = []
        while not self.stderr.empty():
            found.append(self.stderr.get() or b"")
        return b"".join(found).decode(errors="replace")

    def seconds_until_exit(self):
        start = time.monotonic()
        self.process.wait(HANG)
        return time.monotonic() - start


def request(id, method, params=None):
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    return message if params is None else message | {"params": params}
