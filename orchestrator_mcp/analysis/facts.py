"""What does a line of a log, or a feedback entry in any of its known shapes, say of how its workflow went?"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from orchestrator_mcp.records.base import FORGOTTEN
from orchestrator_mcp.records.digest import Fact
from orchestrator_mcp.records.fields import Applicable
from orchestrator_mcp.records.workflow import EVENTS

from .anonymize import CUSTOM_ITEM
from .legacy_feedback import HASH_OF_UNKNOWN

PROCESS, TOOL = "process_feedback", "tool_feedback"
FEEDBACK = frozenset({PROCESS, TOOL})

ERRORS, OWN_ERRORS = ("project_errors", "errors_summary"), "orchestrator_errors"

UNKNOWN = "unknown"
"""What the old tool wrote for the id of a workflow that it did not find."""

_LONGEST = 500
_DETAILS = ("review_type", "parallel_agents_used", "status")
_OLD_GUESSES = {"errors_summary", "errors_count", "items_skipped_reasons", "items_skipped_count", "reviews_performed"}


def of_event(value: dict[str, Any], ts: int | None) -> Iterator[Fact]:
    """What an event says; one of a type that nobody knows says nothing."""
    what = _text(value, "event_type") or _text(value, "type")
    if what not in EVENTS:
        return
    details = value.get("details")
    said = {name: details[name] for name in _DETAILS if name in details} if isinstance(details, dict) else {}
    yield Fact(
        _text(value, "workflow_id"),
        ts,
        what,
        _text(value, "phase_id") or _text(value, "phase"),
        _text(value, "item_id") or _text(value, "item"),
        json.dumps(said, default=str) if said else None,
    )


def of_feedback(what: str, value: dict[str, Any], ts: int | None) -> Iterator[Fact]:
    """What a feedback entry says, whichever of the tools that the wild knows wrote it."""
    answers = value.get("answers")
    answered = answers.get("phase0_helpful") if isinstance(answers, dict) else None
    said = {
        "reviewed": _flag(value, "reviews_worked", "reviews_performed"),
        "parallel": _parallel(value),
        "skipped": _skipped(value),
        "phases": _phases(value, "phases"),
        "seconds": _seconds(value.get("duration_seconds")),
        "active_phases": _phases(value, "active_phases"),
        "active_seconds": _seconds(value.get("active_seconds")),
        "errors": _count(errors_of(value, *ERRORS)),
        "own_errors": _count(errors_of(value, OWN_ERRORS)),
        "guided": _flag(value, "phase0_guidance_used"),
        "helpful": answered if isinstance(answered, str) else None,
        "installation": _text(value, "installation_hash"),
    }
    known = {name: part for name, part in said.items() if part is not None}
    yield Fact(_workflow(value), ts, what, said=json.dumps(known))


def _workflow(value: dict[str, Any]) -> str | None:
    name = _text(value, "workflow_id") or _text(value, "workflow_id_hash")
    return None if name in {UNKNOWN, HASH_OF_UNKNOWN, FORGOTTEN} else name


def _parallel(value: dict[str, Any]) -> bool | None:
    """Only what somebody said. The old tool's guesses were made of item names, so its `false` means unknown."""
    if value.get("multi_agents") in {Applicable.NOT_APPLICABLE, "n/a", "not applicable"}:
        return None
    guessed = value.get("mode") == "auto" and not _OLD_GUESSES.isdisjoint(value)
    return None if guessed else _flag(value, "parallel_agents_used", "multi_agents_used")


def _skipped(value: dict[str, Any]) -> list[str] | None:
    """The items that were skipped; None if the entry does not say. Old entries give `item: reason`."""
    items, reasons = value.get("items_skipped"), value.get("items_skipped_reasons")
    if not isinstance(items, list) and not isinstance(reasons, list):
        return [] if value.get("items_skipped_count") == 0 else None
    found = [one for one in items or () if isinstance(one, str)] if isinstance(items, list) else []
    given = [one for one in reasons if isinstance(one, str)] if isinstance(reasons, list) else []
    names = [one.strip() for one in (*found, *(one.partition(":")[0] for one in given))]
    return sorted({one[:_LONGEST] for one in names if one and one != CUSTOM_ITEM})


def _phases(value: dict[str, Any], name: str) -> dict[str, int] | None:
    phases = value.get(name)
    parts = phases.items() if isinstance(phases, dict) else ()
    return {name: seconds for name, part in parts if (seconds := _seconds(part)) is not None} or None


def errors_of(value: dict[str, Any], *names: str) -> list[str] | None:
    """The errors that an entry lists under the first of these names it has; None if it has none of them."""
    listed = next((found for name in names if isinstance(found := value.get(name), list)), None)
    return None if listed is None else [one for one in listed if isinstance(one, str) and one.strip()]


def _count(errors: list[str] | None) -> int | None:
    return None if errors is None else len(errors)


def _seconds(value: Any) -> int | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
    return int(value) if usable else None


def _flag(value: dict[str, Any], *names: str) -> bool | None:
    return next((found for name in names if isinstance(found := value.get(name), bool)), None)


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) and found.strip() else None
