"""Which few facts of a tool entry are shared, and as which bytes?

Every field is built anew from closed lists; nothing of the entry is copied.
"""

import hashlib
import hmac
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from orchestrator_mcp.records.feedback import ToolFeedback
from orchestrator_mcp.records.feedback_shared import SharedEvent, SharedFeedback

from .anonymize import (
    HASH,
    LONG_HASH,
    MAX_TEMPLATES,
    NO_VERSION,
    is_version,
    keyed,
    known_item,
    known_phases,
    known_repo_type,
    month_hash,
)
from .anonymize_words import is_template
from .baseline import ITEMS

N = TypeVar("N", int, float)

SPEC, SOURCE, TYPE, CONTENT = "1.0", "urn:orchestrator-mcp", "orchestrator-mcp.tool-feedback.v1", "application/json"
"""What every event says of itself; see https://github.com/cloudevents/spec."""

SECONDS = (0, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400, 604800)
COUNTS = (0, 1, 2, 5, 10, 20)
TENTHS = tuple(step / 10 for step in range(11))

MAX_EVENTS, MAX_BYTES = 100, 200_000
"""Of one batch; a single event has at most a few thousand bytes."""


class Batch(NamedTuple):
    """Events that are sent at once. `id` is computed from theirs: the same entries make the same batch."""

    id: str
    entry_ids: list[str]
    body: bytes


def sharing_key(secret: bytes) -> bytes:
    """The key of every hash that leaves: drawn from the installation's own, of which it tells nothing."""
    return hmac.new(secret, b"feedback sync", hashlib.sha256).digest()


def shared_event(entry: ToolFeedback, key: bytes) -> SharedEvent:
    """An entry in its envelope, as it leaves; `key` from `sharing_key`."""
    return SharedEvent(
        specversion=SPEC,
        id=keyed(f"entry:{entry.id}", key, LONG_HASH),
        source=SOURCE,
        type=TYPE,
        datacontenttype=CONTENT,
        data=_shared(entry, key),
    )


def _shared(entry: ToolFeedback, key: bytes) -> SharedFeedback:
    hashed, share = entry.workflow_id_hash, entry.items_skipped_pct
    return SharedFeedback(
        day=entry.timestamp.date().isoformat(),
        installation_hash=month_hash(entry.timestamp, key),
        workflow_id_hash=None if hashed is None else keyed(f"workflow:{hashed}", key, HASH),
        orchestrator_version=entry.orchestrator_version if is_version(entry.orchestrator_version) else NO_VERSION,
        repo_type=known_repo_type(entry.repo_type),
        duration_seconds=None if entry.duration_seconds is None else step(SECONDS, entry.duration_seconds),
        phases={name: step(SECONDS, seconds) for name, seconds in known_phases(entry.phases).items()},
        phase0_guidance_used=entry.phase0_guidance_used,
        reviews_worked=entry.reviews_worked,
        orchestrator_errors=_distinct(one for one in entry.orchestrator_errors if is_template(one))[:MAX_TEMPLATES],
        orchestrator_errors_dropped=step(COUNTS, entry.orchestrator_errors_dropped),
        items_skipped=sorted(set(map(known_item, entry.items_skipped))),
        items_skipped_pct=None if share is None else step(TENTHS, share),
        confusing_items=sorted(ITEMS.intersection(entry.confusing_items)),
        mode=entry.mode,
        answers=entry.answers,
    )


def step(steps: Sequence[N], value: float) -> N:
    """The highest step that a number reaches, or the lowest of all."""
    return steps[max(bisect_right(steps, value) - 1, 0)]


def batches(events: Iterable[tuple[str, SharedEvent]], key: bytes, most: int | None = MAX_EVENTS) -> Iterator[Batch]:
    """Entry ids with their events, cut into bodies to send; into a single one if `most` is None."""
    waiting: list[tuple[str, bytes]] = []
    for entry_id, event in events:
        line = json.dumps(event.model_dump(mode="json", exclude_none=True), separators=(",", ":")).encode()
        size = sum(len(one) for _, one in waiting) + len(line)
        if waiting and most is not None and (len(waiting) >= most or size > MAX_BYTES):
            yield _batch(waiting, key)
            waiting = []
        waiting.append((entry_id, line))
    if waiting:
        yield _batch(waiting, key)


def _batch(lines: list[tuple[str, bytes]], key: bytes) -> Batch:
    """One event a line, for people who read what they send."""
    ids = [entry_id for entry_id, _ in lines]
    body = b"[\n" + b",\n".join(line for _, line in lines) + b"\n]\n"
    return Batch(keyed("batch:" + ",".join(ids), key, LONG_HASH), ids, body)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
