"""How do messages reach the SDK and answers the wire, until the last answer is given?"""

import asyncio
import gc
import math
from collections import Counter
from contextlib import suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server import Server
from mcp.server.mcpserver import MCPServer
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from pydantic import ValidationError

from .guard import INTERNAL_ERROR, INVALID_REQUEST, Refusal
from .life import GRACE
from .stdio import Message, Wire

_LAST_ANSWERS = GRACE * 2 / 3
_STARTED = 1.0
_NEVER_ANSWERED = "subscriptions/listen"  # stays open as long as the connection


async def serve(server: MCPServer[Any], wire: Wire) -> None:
    """Serve until stdin closes, a signal comes, or the client is gone."""
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](math.inf)
    exchange = _Exchange(wire, to_server)
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has closed: there is nobody to wake
            loop.call_soon_threadsafe(exchange.deliver)

    wire.on_arrival(wake)
    loop.call_soon(exchange.deliver)
    loop.call_later(_STARTED, _resume_collector)
    lowlevel = _lowlevel(server)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.answer, from_server)
        await lowlevel.run(from_client, to_client, lowlevel.create_initialization_options())
    wire.close()


def _lowlevel(server: MCPServer[Any]) -> Server[Any]:
    """The SDK keeps it under a private name and offers no public one; its type is public."""
    return next(part for part in vars(server).values() if isinstance(part, Server))


class _Exchange:
    """Counts the open requests, so that the connection closes after the last answer and not before."""

    def __init__(self, wire: Wire, to_server: MemoryObjectSendStream[Any]) -> None:
        self._wire = wire
        self._to_server = to_server
        self._open: Counter[str | int] = Counter()
        self._closing = False

    def deliver(self) -> None:
        for message in self._wire.take():
            if message is None:
                self._close()
            elif not self._closing:
                self._hand_over(message)

    async def answer(self, answers: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async for item in answers:
            if isinstance(item.message, JSONRPCRequest):
                self._wire.asked.add(str(item.message.id))
            self._wire.send(_line(item.message))
            if isinstance(item.message, JSONRPCResponse | JSONRPCError) and item.message.id is not None:
                self._settle(item.message.id)

    def _hand_over(self, message: Message) -> None:
        try:
            parsed = _parsed(message)
        except ValidationError:
            self._wire.send(Refusal(INVALID_REQUEST, "This is no JSON-RPC message.", message.get("id")).line())
            return
        if isinstance(parsed, JSONRPCRequest) and parsed.method != _NEVER_ANSWERED:
            self._open[parsed.id] += 1
        if isinstance(parsed, JSONRPCResponse | JSONRPCError):
            self._wire.asked.discard(str(parsed.id))
        self._to_server.send_nowait(SessionMessage(parsed))
        if isinstance(parsed, JSONRPCNotification) and parsed.method == "notifications/cancelled":
            self._settle((parsed.params or {}).get("requestId"))  # by the protocol it is not answered

    def _settle(self, id_: Any) -> None:
        if isinstance(id_, str | int) and self._open[id_] > 0:
            self._open[id_] -= 1
        if self._closing and not +self._open:
            self._to_server.close()

    def _close(self) -> None:
        self._closing = True
        self._settle(None)
        asyncio.get_running_loop().call_later(_LAST_ANSWERS, self._to_server.close)


def _parsed(message: Message) -> JSONRPCMessage:
    """The kind by its members: a union of all would take a request that has a `result` too for an answer.

    Some clients send an error with a `result` that is null.
    """
    if "method" in message:
        return (JSONRPCRequest if "id" in message else JSONRPCNotification).model_validate(message)
    return (JSONRPCResponse if isinstance(message.get("result"), dict) else JSONRPCError).model_validate(message)


def _line(message: JSONRPCMessage) -> bytes:
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except (ValueError, TypeError, RecursionError):  # whatever slipped through costs this answer only
        return Refusal(INTERNAL_ERROR, "The answer cannot be written as JSON.", getattr(message, "id", None)).line()


def _resume_collector() -> None:
    """Collect again, and never look again at what start-up made."""
    gc.freeze()
    gc.enable()
