"""Are these bytes events that hold shared feedback, and nothing else?

Asked by who sends, of the very bytes, and again by who collects.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator_mcp.records.base import Model
from orchestrator_mcp.records.feedback_shared import SharedEvent, SharedFeedback

from .anonymize_closed import (
    BaselineItem,
    ClosedAnswers,
    Hash,
    KnownRepoType,
    LongHash,
    PhaseName,
    SkippedItem,
    Templates,
    Version,
    forbidden,
    only,
    reason,
    without_doubles,
)
from .baseline import ITEMS
from .feedback_sharing import CONTENT, COUNTS, SECONDS, SOURCE, SPEC, TENTHS, TYPE

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day(value: str) -> str:
    if not _DAY.fullmatch(value):
        raise ValueError("is not written as 2026-11-21")
    date.fromisoformat(value)
    return value


def _step_of(steps: tuple[float, ...]) -> AfterValidator:
    def check(value: float) -> float:
        if value not in steps:
            raise ValueError("is none of the steps")
        return value

    return AfterValidator(check)


Day = Annotated[str, AfterValidator(_day)]
SecondsStep = Annotated[int, _step_of(SECONDS)]


class _ClosedFeedback(SharedFeedback):
    """The shared form, with every value checked and nothing beside."""

    model_config = ConfigDict(extra="forbid", strict=True)

    day: Day
    installation_hash: Hash
    workflow_id_hash: Hash | None = None
    orchestrator_version: Version
    repo_type: KnownRepoType
    duration_seconds: SecondsStep | None = None
    phases: dict[PhaseName, SecondsStep] = {}
    orchestrator_errors: Templates = []
    orchestrator_errors_dropped: Annotated[int, _step_of(COUNTS)] = 0
    items_skipped: Annotated[list[SkippedItem], Field(max_length=1 + len(ITEMS))] = []
    items_skipped_pct: Annotated[float, _step_of(TENTHS)] | None = None
    confusing_items: Annotated[list[BaselineItem], Field(max_length=len(ITEMS))] = []
    answers: ClosedAnswers = ClosedAnswers()


class _ClosedEvent(Model):
    model_config = ConfigDict(extra="forbid", strict=True)

    specversion: Annotated[str, only([SPEC])]
    id: LongHash
    source: Annotated[str, only([SOURCE])]
    type: Annotated[str, only([TYPE])]
    datacontenttype: Annotated[str, only([CONTENT])]
    data: _ClosedFeedback


@cache
def _events() -> TypeAdapter[list[_ClosedEvent]]:
    """Built on first use, because start-up time counts."""
    return TypeAdapter(list[_ClosedEvent])


class Problem(NamedTuple):
    """What is wrong with one event, by its place from 0; `None` if it is the whole. It names fields, never values."""

    place: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.place is None else f"Event {self.place + 1}: {self.text}"


class Checked(NamedTuple):
    """The events in a body, or what is wrong with it: never both."""

    events: list[SharedEvent]
    problems: list[Problem]


def check_events(body: bytes) -> Checked:
    """Read a batch of events: first by the closed schema, then by a second net of what must not be there."""
    try:
        values = json.loads(body.decode("utf-8"), object_pairs_hook=without_doubles)
        events = _events().validate_json(body)
    except ValidationError as error:
        return Checked([], list(_faults(error)))
    except (ValueError, RecursionError):
        return Checked([], [Problem(None, "It is no JSON array of objects with every key said once.")])
    problems = [Problem(place, f"{what}.") for place, value in enumerate(values) for what in forbidden(value["data"])]
    return Checked([] if problems else [SharedEvent.model_validate(one.model_dump()) for one in events], problems)


def check_event(line: bytes) -> SharedEvent | None:
    """The one event in a line; None if it is none."""
    events, _ = check_events(b"[" + line + b"]")
    return events[0] if len(events) == 1 else None


def _faults(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        place, *names = fault["loc"] or (None,)
        if isinstance(place, int):
            yield Problem(place, f"field {_named(names)} {reason(fault['type'])}.")
        else:
            yield Problem(None, "It is no array of events.")


def _named(location: list[Any]) -> str:
    """Name the field. An unknown key is itself a value that may not be repeated."""
    known = SharedFeedback.model_fields if location[:1] == ["data"] and len(location) > 1 else _ClosedEvent.model_fields
    head = str(location[1] if known is SharedFeedback.model_fields else location[0]) if location else ""
    return head if head in known else "(unknown)"
