"""What each line of each stream means to the index: in which space it is compared, under which key, and what it tells.

A text is a digest; what happened in a workflow is a fact.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator_mcp.records.base import FORGOTTEN, parse_time
from orchestrator_mcp.records.digest import Digest, Fact
from orchestrator_mcp.records.fields import Severity
from orchestrator_mcp.records.pattern import PatternKind

from .facts import PROCESS, TOOL, UNKNOWN, of_event, of_feedback
from .grouping import Entry, canonical_of, key_of
from .identity import fingerprint

VERSION = "6"
"""Raise it whenever keys or digests change: every cache is then rebuilt."""

SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)

_IN_WORDS = {PatternKind.CHALLENGE, PatternKind.LEARNING}
_RANK = {severity.value: rank for rank, severity in enumerate(SEVERITIES)}
ERROR_EVENTS = {"verification_failed", "gate_failed", "error", "item_failed", "review_failed"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def digest(stream: str, value: dict[str, Any]) -> Iterator[Digest | Fact]:
    """The digests and facts of one line; unknown streams and events have none."""
    reader = None if value.get("forgotten") else _READERS.get(stream)
    return reader(value) if reader else iter(())


def text_of(kind: PatternKind, value: dict[str, Any]) -> str:
    """The text by which a line is compared with others of its kind; empty if it has none."""
    reader = _TEXTS.get(kind)
    return reader(value) if reader else ""


def entry_of(kind: PatternKind, value: dict[str, Any]) -> Entry:
    """A line as the grouping compares it: what happened, and the correction where there is one.

    What people say in their own words is compared as corrections are: as prose, however short.
    """
    if kind in _IN_WORDS:
        return Entry(feedback=text_of(kind, value))
    return Entry(context=text_of(kind, value), feedback=_text(value, "feedback") or "")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + microseconds * _MICROSECOND


def failure_text(value: dict[str, Any]) -> str:
    """What a failure says: its error output where there is one, else its context."""
    return _text(value, "error") or _text(value, "context") or ""


def event_text(value: dict[str, Any]) -> str:
    """What a failed workflow event says: the error a command printed, else the event's own message."""
    details = value.get("details")
    details = details if isinstance(details, dict) else {}
    return next((text for name in ("stderr", "error", "stdout", "reason") if (text := _text(details, name))), None) or (
        _text(value, "message") or ""
    )


def _failure(value: dict[str, Any]) -> Iterator[Digest]:
    if value.get("is_test") is True:
        return
    yield from _of_text(
        PatternKind.FAILURE,
        value,
        category=_text(value, "category"),
        severity=_RANK.get(str(value.get("severity")).lower(), 1),
        retryable=value.get("request_id") is None,
    )


def _event(value: dict[str, Any]) -> Iterator[Digest | Fact]:
    if (_text(value, "event_type") or _text(value, "type")) in ERROR_EVENTS:
        yield from _of_text(PatternKind.WORKFLOW_ERROR, value)
    yield from of_event(value, _time(value))


def _process(value: dict[str, Any]) -> Iterator[Digest | Fact]:
    # The old tool hardly ever found the workflow's id: each entry that does not know it is of another one.
    nameless = value.get("workflow_id") == UNKNOWN
    named = value | {"workflow_id": f"{UNKNOWN} {_time(value)}"} if nameless else value
    yield from _of_text(PatternKind.CHALLENGE, named)
    yield from _of_text(PatternKind.LEARNING, named)
    yield from of_feedback(PROCESS, value, _time(value))


def _tool(value: dict[str, Any]) -> Iterator[Digest | Fact]:
    yield from of_feedback(TOOL, value, _time(value))


def _invocation(value: dict[str, Any]) -> Iterator[Digest]:
    yield from _of_text(PatternKind.INVOCATION_ERROR, value)


def _error_message(value: dict[str, Any]) -> str:
    outcome = value.get("outcome")
    return (_text(outcome, "error_message") or "") if isinstance(outcome, dict) else ""


_READERS: dict[str, Callable[[dict[str, Any]], Iterator[Digest | Fact]]] = {
    "failures": _failure,
    "log": _event,
    PROCESS: _process,
    TOOL: _tool,
    "invocations": _invocation,
}

_TEXTS: dict[PatternKind, Callable[[dict[str, Any]], str]] = {
    PatternKind.FAILURE: failure_text,
    PatternKind.WORKFLOW_ERROR: event_text,
    PatternKind.CHALLENGE: lambda value: _text(value, "challenges") or "",
    PatternKind.LEARNING: lambda value: _text(value, "learnings") or "",
    PatternKind.INVOCATION_ERROR: _error_message,
}

OF_TEXT = tuple(_TEXTS)
"""The kinds whose entries are compared by their texts."""


def _of_text(
    kind: PatternKind,
    value: dict[str, Any],
    *,
    category: str | None = None,
    severity: int = 1,
    retryable: bool = False,
) -> Iterator[Digest]:
    entry = entry_of(kind, value)
    if entry.subject in {"", FORGOTTEN}:
        return
    form = canonical_of(entry)
    said = entry.subject if form.key else _all_that_is_said(entry, value)
    yield Digest(
        kind,
        key_of(form) or f"alone {fingerprint(kind, said)}",
        form.template,
        form.kind,
        _time(value),
        _text(value, "workflow_id"),
        _text(value, "agent_name"),
        category,
        severity,
        fingerprint(kind, said),
        retryable,
    )


def _all_that_is_said(entry: Entry, value: dict[str, Any]) -> str:
    """What tells an entry from others whose text says nothing: its correction, else that it is another record."""
    return f"{entry.context}\0{entry.feedback or value.get('id') or json.dumps(value, sort_keys=True)}"


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) and found.strip() else None


def _time(value: dict[str, Any]) -> int | None:
    try:
        return microseconds(parse_time(value.get("timestamp")))
    except (TypeError, ValueError, OverflowError):
        return None
