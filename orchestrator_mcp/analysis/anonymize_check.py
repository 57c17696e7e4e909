"""Are these bytes tool entries that could be shown to a stranger, and nothing else?

By a closed schema, then by a second net.
"""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from orchestrator_mcp.records.base import ID_PATTERN, Timestamp
from orchestrator_mcp.records.feedback import RepoType, ToolFeedback

from .anonymize import MAX_SECONDS
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
    reason,
    without_doubles,
)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def _written_our_way(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("is not written as 2026-11-21T03:19:00.000000Z")
    return value


_Time = Annotated[Timestamp, BeforeValidator(_written_our_way)]
_Seconds = Annotated[int, Field(ge=0, le=MAX_SECONDS)]


class _ClosedToolFeedback(ToolFeedback):
    """The tool entry, with every value checked and nothing beside."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    timestamp: _Time
    rev: Annotated[int, Field(ge=1, le=10_000)] = 1
    request_id: LongHash | None = None
    workflow_id_hash: Hash | None = None
    installation_hash: Hash | None = None
    orchestrator_version: Version
    repo_type: KnownRepoType = RepoType.UNKNOWN
    duration_seconds: _Seconds | None = None
    phases: dict[PhaseName, _Seconds] = {}
    active_seconds: _Seconds | None = None
    active_phases: dict[PhaseName, _Seconds] = {}
    orchestrator_errors: Templates = []
    orchestrator_errors_dropped: Annotated[int, Field(ge=0, le=10_000)] = 0
    items_skipped: list[SkippedItem] = []
    items_skipped_pct: Annotated[float, Field(ge=0, le=1)] | None = None
    confusing_items: list[BaselineItem] = []
    tool_suggestions: None = None
    answers: ClosedAnswers = ClosedAnswers()


def verify_anonymization(data: bytes) -> list[str]:
    """Check the very bytes that would be shown: lines of tool entries. An empty list means that all is well.

    First the closed schema, then a second net of things that must not be there. The answer names fields, never values.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        return ["There is no entry to check."]
    return [f"Line {number}: {problem}." for number, line in enumerate(lines, 1) for problem in _problems(line)]


def _problems(line: bytes) -> Iterator[str]:
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=without_doubles)
        _ClosedToolFeedback.model_validate_json(line)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            yield f"field {_place(fault['loc'])} {reason(fault['type'])}"
    except (ValueError, RecursionError):
        yield "it is no JSON object with every key said once"
    else:
        yield from forbidden(value)


def _place(location: tuple[int | str, ...]) -> str:
    """Name the field. An unknown key is itself a value that may not be repeated."""
    head = str(location[0]) if location else ""
    return head if head in ToolFeedback.model_fields else "(unknown)"
