"""What each line of each stream means to the index: in which space it is compared, and under which key."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator_mcp.records.base import FORGOTTEN, parse_time
from orchestrator_mcp.records.digest import Digest
from orchestrator_mcp.records.fields import Severity
from orchestrator_mcp.records.pattern import PatternKind

from .grouping import Entry, canonical_of, key_of
from .identity import fingerprint

VERSION = "3"
"""Raise it whenever keys or digests change: every cache is then rebuilt."""

SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)

_RANK = {severity.value: rank for rank, severity in enumerate(SEVERITIES)}
_ERROR_EVENTS = {"verification_failed", "gate_failed", "error", "item_failed", "review_failed"}
_RESOLVED = {"item_completed": 0, "item_skipped": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def digest(stream: str, value: dict[str, Any]) -> Iterator[Digest]:
    """The digests of one line; unknown streams and events have none."""
    reader = None if value.get("forgotten") else _READERS.get(stream)
    return reader(value) if reader else iter(())


def text_of(kind: PatternKind, value: dict[str, Any]) -> str:
    """The text by which a line is compared with others of its kind; empty if it has none."""
    reader = _TEXTS.get(kind)
    return reader(value) if reader else ""


def entry_of(kind: PatternKind, value: dict[str, Any]) -> Entry:
    """A line as the grouping compares it: what happened, and the correction where there is one."""
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


def _event(value: dict[str, Any]) -> Iterator[Digest]:
    event = _text(value, "event_type") or _text(value, "type")
    item = _text(value, "item_id")
    if event in _ERROR_EVENTS:
        yield from _of_text(PatternKind.WORKFLOW_ERROR, value)
    elif event in _RESOLVED and item:
        workflow = _text(value, "workflow_id")
        kind = PatternKind.SKIPPED_ITEM
        yield Digest(
            kind, item, item, "item", _time(value), workflow, hit=_RESOLVED[event], wording=fingerprint(kind, item)
        )


def _process(value: dict[str, Any]) -> Iterator[Digest]:
    yield from _of_text(PatternKind.CHALLENGE, value)
    yield from _of_text(PatternKind.LEARNING, value)


def _invocation(value: dict[str, Any]) -> Iterator[Digest]:
    yield from _of_text(PatternKind.INVOCATION_ERROR, value)


def _error_message(value: dict[str, Any]) -> str:
    outcome = value.get("outcome")
    return (_text(outcome, "error_message") or "") if isinstance(outcome, dict) else ""


_READERS: dict[str, Callable[[dict[str, Any]], Iterator[Digest]]] = {
    "failures": _failure,
    "log": _event,
    "process_feedback": _process,
    "invocations": _invocation,
}

_TEXTS: dict[PatternKind, Callable[[dict[str, Any]], str]] = {
    PatternKind.FAILURE: failure_text,
    PatternKind.WORKFLOW_ERROR: event_text,
    PatternKind.CHALLENGE: lambda value: _text(value, "challenges") or "",
    PatternKind.LEARNING: lambda value: _text(value, "learnings") or "",
    PatternKind.INVOCATION_ERROR: _error_message,
}


def _of_text(
    kind: PatternKind,
    value: dict[str, Any],
    *,
    category: str | None = None,
    severity: int = 1,
    retryable: bool = False,
) -> Iterator[Digest]:
    entry = entry_of(kind, value)
    if entry.context in {"", FORGOTTEN}:
        return
    form = canonical_of(entry)
    yield Digest(
        kind,
        key_of(form) or f"alone {value.get('id') or fingerprint(kind, json.dumps(value, sort_keys=True))}",
        form.template,
        form.kind,
        _time(value),
        _text(value, "workflow_id"),
        _text(value, "agent_name"),
        category,
        severity,
        1,
        fingerprint(kind, entry.context),
        retryable,
    )


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) and found.strip() else None


def _time(value: dict[str, Any]) -> int | None:
    try:
        return microseconds(parse_time(value.get("timestamp")))
    except (TypeError, ValueError, OverflowError):
        return None
