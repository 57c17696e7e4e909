"""Projects whose feedback is shared, a server that misbehaves as it is told, and the collector as a process."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from projects import Project

from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.storage.workspace import Workspace

RUN = [sys.executable, "-m", "orchestrator_mcp.cli"]
BATCH_TYPE = "application/cloudevents-batch+json"
Reply = Callable[[BaseHTTPRequestHandler, bytes], None]


def record(project: Project, count: int = 3, prefix: str = "wf") -> Workspace:
    """Tool feedback about so many workflows, each in its own words."""
    at = project.person()
    for number in range(count):
        record_feedback(at, kind=FeedbackKind.TOOL, workflow_id=f"{prefix}_{number}", reviews_worked="yes")
        project.wait(minutes=1)
    at.close()
    return at


def allowed(url: str, **more: str) -> dict[str, str]:
    """The environment of a person who set everything that sending to an endpoint needs."""
    return {"ORCHESTRATOR_FEEDBACK_SYNC": "true", "ORCHESTRATOR_FEEDBACK_ENDPOINT": url, **more}


def lines(path: Path) -> list[dict]:
    """What a file of lines holds; a blank one is what a dead writer left."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()] if path.exists() else []


def synced(project: Project) -> list[dict]:
    return lines(project.root / ".orchestrator" / "sync.jsonl")


class Server(ThreadingHTTPServer):
    """Answers each request with the next reply, and the last one for ever; remembers what it got."""

    daemon_threads = True

    def __init__(self, *replies: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.at: list[float] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.done = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append(body)
        self.server.heads.append(dict(self.headers) | {"method": self.command, "path": self.path})
        self.server.at.append(time.monotonic())
        reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        reply(self, body)

    do_POST = do_PATCH = do_GET = do_CONNECT = _any  # noqa: N815  names of the base class

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    server = Server(*(replies or (taken,)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def taken(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """As a collector answers."""
    answer(200, json.dumps({"accepted": len(json.loads(body)), "known": 0}).encode())(handler, body)


def silent(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """No answer at all."""
    handler.server.done.wait(30)  # type: ignore[attr-defined]


def cut(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """Half an answer, then the connection breaks."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"accepted"')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def noise(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """What is no HTTP."""
    handler.wfile.write(b"\x00\xff SSH-2.0 hello\r\n" * 3)
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def command(root: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The command line, as a process."""
    return subprocess.run(
        [*RUN, *words], cwd=root, env=_environ(environ), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )


def _environ(more: dict[str, str]) -> dict[str, str]:
    dropped = {
        "DO_NOT_TRACK",
        "WORKFLOW_SALT",
        "GITHUB_TOKEN",
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
    }
    return {name: value for name, value in os.environ.items() if name not in dropped} | more


class CollectorProcess:
    """`orchestrator collector`, as a person starts it."""

    def __init__(self, data: Path, *words: str) -> None:
        self.kept = data / "events.jsonl"
        self.process = subprocess.Popen(
            [*RUN, "--json", "collector", "--data", str(data), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environ({}),
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.url = json.loads(line)["url"]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> int:
        """Ask it to end; gives the exit code."""
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode


@contextmanager
def collector(data: Path, *words: str) -> Iterator[CollectorProcess]:
    running = CollectorProcess(data, *words)
    try:
        yield running
    finally:
        running.kill()
