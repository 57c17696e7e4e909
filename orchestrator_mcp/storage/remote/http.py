"""One request to one address: no redirects, answers of a limited size, patience that ends."""

import http.client
import random
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from orchestrator_mcp import __version__
from orchestrator_mcp.errors import RemoteError, UnreachableError

from .address import is_here, place_of

TIMEOUT = 10.0
"""Seconds without a byte, and for an answer as a whole."""
LARGEST_ANSWER = 64 * 1024
ATTEMPTS = 4
LONGEST_PAUSE = 30.0
"""A server that asks for a longer pause is not waited for."""

_FIRST_PAUSE = 0.5
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_CHUNK = 8192


class Answer(NamedTuple):
    """What came back; `body` is None if it was larger than anybody needs."""

    status: int
    body: bytes | None
    retry_after: float | None


@dataclass(frozen=True)
class Request:
    """What is asked of an address. `headers` may hold a token, so they are never shown."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def exchange(request: Request, pause: Callable[[float], Any] = time.sleep) -> Answer:
    """Ask, again after a pause where that may help, and give back what was answered.

    Raises:
        UnreachableError: if nobody was reached, however often it was tried.
        RemoteError: if somebody was, and did not answer as a server does.
    """
    waits = _pauses()
    while True:
        try:
            answer = _once(request)
        except RemoteError as error:
            if isinstance(error.__cause__, ssl.SSLError) or (wait := next(waits, None)) is None:
                raise
        else:
            wait = next(waits, None) if answer.status in _AGAIN else None
            if wait is None or (answer.retry_after or 0) > LONGEST_PAUSE:
                return answer
            wait = max(wait, answer.retry_after or 0)
        pause(wait)


def _pauses() -> Iterator[float]:
    """Each twice the one before, give or take a half, so that those who failed together do not return together."""
    for attempt in range(ATTEMPTS - 1):
        yield _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311  jitter, not a secret


def _once(request: Request) -> Answer:
    place = place_of(request.url)
    headers = {"User-Agent": f"orchestrator-mcp/{__version__}", **request.headers}
    wire = urllib.request.Request(request.url, request.body, headers, method=request.method)  # noqa: S310  checked
    try:
        with _opened(wire) as response:
            return Answer(response.status, _limited(response), _seconds(response.headers.get("Retry-After")))
    except urllib.error.URLError as error:
        raise _not_sent(error, place) from error.reason if isinstance(error.reason, OSError) else error
    except (OSError, http.client.HTTPException) as error:
        raise RemoteError(
            f"{place} did not answer as a server does ({type(error).__name__}). Try again later."
        ) from error


def _not_sent(error: urllib.error.URLError, place: str) -> RemoteError:
    if isinstance(error.reason, ssl.SSLError):
        return RemoteError(
            f"{place} could not prove who it is ({error.reason.reason or 'TLS'}), so nothing was sent. "
            "Look at the address and at the clock."
        )
    reason = getattr(error.reason, "strerror", None) or error.reason
    return UnreachableError(f"{place} could not be reached ({reason}).")


def _opened(wire: urllib.request.Request) -> Any:
    """The response, whatever its status."""
    try:
        return _opener(wire.full_url).open(wire, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        return error


def _limited(response: Any) -> bytes | None:
    """The body, read with a limit on bytes and on time: a server that sends a byte at a time is not waited for."""
    until, data, length = time.monotonic() + TIMEOUT, b"", _length(response)
    while len(data) <= LARGEST_ANSWER:
        chunk = response.read1(_CHUNK) if length is None or len(data) < length else b""
        if not chunk:
            if len(data) < (length or 0):  # which `read1` does not mind
                raise http.client.IncompleteRead(data)
            return data
        if time.monotonic() > until:
            raise TimeoutError
        data += chunk
    return None


def _length(response: Any) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _seconds(value: str | None) -> float | None:
    """`Retry-After` in seconds: a number, or a date."""
    if value is None:
        return None
    try:
        return float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Give the redirect back as it is: what was to be sent to one address is not sent to another."""


def _opener(url: str) -> urllib.request.OpenerDirector:
    proxies: dict[str, str] | None = (
        {} if is_here(urlsplit(url).hostname) else None
    )  # None: those that the environment names
    return urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler(proxies))
