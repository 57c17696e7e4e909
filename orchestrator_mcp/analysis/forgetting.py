"""What must go when a record is forgotten: its texts, and every shortened form in which others quote them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .canonical import canonical
from .sanitize import clip, single_line

FORGOTTEN = "[FORGOTTEN]"
SHORTEST = 8
"""Shorter texts go from the record itself, but are not hunted elsewhere: they would be found in anything."""

_KEPT = {
    "id", "rev", "timestamp", "session_id", "request_id", "type", "category", "severity", "source", "is_test", "status",
    "invocation_id", "parent_invocation_id", "event_type", "phase_id", "item_id", "actor", "mode", "success",
    "quality_rating", "feedback_source", "failure_id", "same_as", "pattern_id", "finished_at", "duration_seconds",
}  # fmt: skip
_CLIPS = (100, 160, 300, 2000)


def blanked(value: dict[str, Any]) -> dict[str, Any]:
    """The record without its texts; what it was, when, and in which session stays, so that counts stay true."""
    kept = {name: item if name in _KEPT else _blank(item) for name, item in value.items()}
    return kept | {"forgotten": True}


def needles(values: Iterable[dict[str, Any]]) -> list[str]:
    """Every form in which the texts of some records may stand elsewhere, the longest first."""
    texts = {text for value in values for name, item in value.items() if name not in _KEPT for text in _texts(item)}
    forms = {form.strip() for text in texts for form in _forms(text)}
    return sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)


def without(value: Any, forms: list[str]) -> Any:
    """A JSON value with every one of `forms` taken out of its strings."""
    if isinstance(value, str):
        for form in forms:
            value = value.replace(form, FORGOTTEN)
        return value
    if isinstance(value, dict):
        return {name: without(item, forms) for name, item in value.items()}
    return [without(item, forms) for item in value] if isinstance(value, list) else value


def bytes_without(data: bytes, forms: list[str]) -> bytes:
    """The same for a file that is no JSON line: plain, and as JSON would write it."""
    for form in forms:
        for written in {form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}:
            data = data.replace(written.encode("utf-8", "replace"), FORGOTTEN.encode())
    return data


def _forms(text: str) -> Iterator[str]:
    form = canonical(text)
    yield from (text, single_line(text), form.headline, form.template)
    yield from text.splitlines()
    yield from (clip(single_line(piece), limit).rstrip("…") for piece in (text, form.template) for limit in _CLIPS)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _blank(value: Any) -> Any:
    if isinstance(value, str):
        return FORGOTTEN
    if isinstance(value, dict):
        return {name: _blank(item) for name, item in value.items()}
    return [_blank(item) for item in value] if isinstance(value, list) else value
