"""Feedback to a collector, which answers how many of the events it took and how many it had."""

import json
from dataclasses import dataclass
from typing import Any

from orchestrator_mcp.errors import RemoteError
from orchestrator_mcp.records.feedback_shared import BATCH_TYPE
from orchestrator_mcp.storage.lines import parse_object

from .address import place_of
from .http import Answer, Request, exchange

_OK = range(200, 300)
_LATER = {429, 503}
_SHOWN = 300


@dataclass(frozen=True)
class EndpointTarget:
    """An address that was checked."""

    url: str

    def send(self, name: str, body: bytes) -> str:  # noqa: ARG002  an event is known again by its own id
        """Post the batch, and believe that it was taken only if the answer says so of every event."""
        return post_to_central(self.url, body)


def post_to_central(url: str, body: bytes) -> str:
    """Post a batch, a JSON array of events, to a collector; returns its host.

    Raises:
        UnreachableError: if it was not reached.
        RemoteError: if it refused, failed, or answered as no collector does: what it did with the batch is unknown,
            and sending it again is harmless.
    """
    answer = exchange(Request("POST", url, body, {"Content-Type": BATCH_TYPE, "Accept": "application/json"}))
    refuse_unless_taken(answer, place_of(url))
    told = parse_object(answer.body or b"") or {}
    counts: list[Any] = [told.get("accepted"), told.get("known")]
    if not all(type(one) is int and one >= 0 for one in counts) or sum(counts) != len(json.loads(body)):
        raise RemoteError(
            f"{place_of(url)} did not answer as a collector does, so the entries stay unsent. "
            "Look whether the address is right."
        )
    return place_of(url)


def refuse_unless_taken(answer: Answer, place: str) -> None:
    """Raise what an answer that is no success means."""
    if answer.status in _OK:
        return
    if answer.status in range(300, 400):
        raise RemoteError(f"{place} points elsewhere ({answer.status}), and that is not followed. Set the new address.")
    if answer.status in _LATER and answer.retry_after:
        raise RemoteError(f"{place} asks to be left alone for {answer.retry_after:.0f} s. Try again then.")
    said = f": {_said(answer.body)}" if answer.body else ""
    verb, advice = (
        ("refused what was sent", "Nothing of it was taken.")
        if answer.status in range(400, 500)
        else ("failed", "Try again later.")
    )
    raise RemoteError(f"{place} {verb} ({answer.status}){said}. {advice}")


def _said(body: bytes) -> str:
    """A stranger's words, on one line; faces take out what is not text."""
    return " ".join(body.decode("utf-8", "replace").split())[:_SHOWN].rstrip(".")
