"""A small collector of shared feedback: for tests, and for whoever collects for others.

It takes `POST /`, a batch of CloudEvents. TLS is the business of a proxy before it.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator_mcp.errors import AnonymizationError, OrchestratorError, StorageFullError
from orchestrator_mcp.records.feedback_shared import BATCH_TYPE
from orchestrator_mcp.services.collector import collect
from orchestrator_mcp.storage.collected import Collected

from .connections import Connection

LARGEST_BODY = 1 << 20
REQUESTS, PER_SECONDS = 60, 60.0
"""What one client may ask."""

_PATIENCE = 15.0
_MOST_CLIENTS = 10_000


class RateLimit:
    """Each client's requests in the current window. Memory is bounded: with too many clients all start anew."""

    def __init__(self, requests: int = REQUESTS, seconds: float = PER_SECONDS) -> None:
        self._requests = requests
        self._seconds = seconds
        self._until = 0.0
        self._asked: dict[str, int] = {}

    def wait(self, client: str, now: float) -> float | None:
        """How many seconds a client has to wait; None if it may ask now, which is counted."""
        if now >= self._until or len(self._asked) >= _MOST_CLIENTS:
            self._until, self._asked = now + self._seconds, {}
        self._asked[client] = self._asked.get(client, 0) + 1
        return self._until - now if self._asked[client] > self._requests else None


def build_app(collected: Collected, limit: RateLimit) -> Starlette:
    """The collector as an ASGI application."""

    async def post(request: Request) -> Response:
        wait = limit.wait(request.client.host if request.client else "", time.monotonic())
        if wait is not None:
            return _refusal(429, "Too many requests.", {"Retry-After": str(int(wait) + 1)})
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != BATCH_TYPE:
            return _refusal(415, f"Send {BATCH_TYPE}.")
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return _refusal(408, "The body did not come.")
        if body is None:
            return _refusal(413, f"A batch has at most {LARGEST_BODY:,} bytes.")
        return await run_in_threadpool(_collected, collected, body)

    return Starlette(routes=[Route("/", post, methods=["POST"])])


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large, which is found out before it is read to its end."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return body


def _collected(collected: Collected, body: bytes) -> Response:
    try:
        return JSONResponse(collect(collected, body).model_dump())
    except AnonymizationError as error:
        return _refusal(422, str(error))
    except StorageFullError:
        return _refusal(507, "There is no room left.")
    except OrchestratorError:
        return _refusal(503, "It could not be kept. Send it again later.")


def _refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status, headers)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket, so that its port is known and clients may come before the first request is served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def serve(collected: Collected, listening: socket.socket, limit: RateLimit, ready: Callable[[], Any]) -> None:
    """Serve until SIGTERM or SIGINT; requests that were begun are finished."""
    app = build_app(collected, limit)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, limit_concurrency=200,
        timeout_graceful_shutdown=5, lifespan="off", http=Connection, ws="none",
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises them again once it has finished
    ready()
    uvicorn.Server(config).run(sockets=[listening])
