"""How long may a client keep a connection without asking anything, and how many may it have?"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

FROM_ONE_ADDRESS = 50
"""Connections; a proxy has one address."""


class Connection(H11Protocol):
    """One client's connection: closed when no whole header comes in time, or when its client opens too many others.

    Of a client's connections the one that has waited longest for a request goes first, so that a proxy's idle ones
    keep nobody out.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, and see whether there are too many."""
        super().connection_made(transport)
        self._wait()
        same = [one for one in self.connections if isinstance(one, Connection) and one.address == self.address]
        if len(same) > FROM_ONE_ADDRESS:
            min((one for one in same if one.is_idle), key=lambda one: one.waits_until).transport.abort()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()

    @property
    def address(self) -> str | None:
        """Whose it is; None if it is being closed."""
        return self.client[0] if self.client and not self.transport.is_closing() else None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered: perhaps a header is on its way, or a body that nobody wants."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def waits_until(self) -> float:
        """On the loop's clock."""
        return self._deadline.when() if self._deadline else 0.0

    def _wait(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self._late)

    def _late(self) -> None:
        if self.is_idle:
            self.transport.abort()
