"""Which of our records does a line of an old feedback file become? Four shapes are known; none is trusted."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

from orchestrator_mcp.records.base import MAX_RECORD_BYTES, format_time, parse_time
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolAnswers, ToolFeedback, ToolObservation
from orchestrator_mcp.records.fields import Applicable, FeedbackMode, Helpful, ReviewsAnswer, YesNo
from orchestrator_mcp.records.legacy import LegacyKind

from .anonymize import NO_VERSION, anonymize_tool_feedback

HASH_OF_UNKNOWN = "b0aaee280a5599b2"
"""What the old tool wrote for every workflow whose id it did not find."""

E = TypeVar("E", bound=StrEnum)

_TOOL_FIELDS = frozenset(
    {
        "orchestrator_version", "repo_type", "workflow_id_hash", "duration_seconds", "phases", "phase0_guidance_used",
        "reviews_worked", "orchestrator_errors", "items_skipped", "items_skipped_pct", "confusing_items",
    }
)  # fmt: skip
_TEXTS = (
    "workflow_id",
    "repo",
    "task",
    "learnings",
    "what_went_well",
    "challenges",
    "improvements",
    "tool_suggestions",
)
_LISTS = {"project_errors": ("project_errors", "errors_summary"), "confusing_items": ("confusing_items",),
          "custom_workflow_items": ("custom_workflow_items",)}  # fmt: skip
_PARALLEL = ("parallel_agents_used", "multi_agents_used")
_LONGEST_LINE = MAX_RECORD_BYTES // 2  # redaction may lengthen it


@dataclass
class Converted:
    """Our records, and quarantine lines by the file that each goes beside."""

    tool: list[ToolFeedback] = field(default_factory=list)
    process: list[ProcessFeedback] = field(default_factory=list)
    quarantined: dict[str, list[bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversion:
    """What the new records need beside the old lines."""

    session_id: str
    now: datetime
    new_id: Callable[[], str]
    key: bytes

    def convert(self, kind: LegacyKind, becomes: str, data: bytes, into: Converted) -> None:
        """Turn one whole old file into records; what is no entry at all goes to quarantine, byte for byte."""
        for offset, line in _lines(data):
            try:
                value = _entry(line)
                if kind is not LegacyKind.PROCESS_FEEDBACK and _TOOL_FIELDS & value.keys():
                    into.tool.append(self._tool(value))
                if kind is not LegacyKind.TOOL_FEEDBACK:
                    into.process.append(self._process(value))
            except (ValueError, TypeError, RecursionError, OverflowError):
                into.quarantined.setdefault(becomes, []).append(self.quarantine(offset, line))

    def quarantine(self, offset: int, line: bytes) -> bytes:
        """A quarantine line, which keeps every byte of what could not be taken over."""
        note = {"at": format_time(self.now), "offset": offset, "bytes_b64": base64.b64encode(line).decode("ascii")}
        return json.dumps(note, separators=(",", ":")).encode() + b"\n"

    def _tool(self, value: dict[str, Any]) -> ToolFeedback:
        """Old entries promised anonymity by key names alone, so each goes through the closed schema again."""
        seen = ToolObservation(
            id=self.new_id(),
            timestamp=value["timestamp"],
            workflow_id=_workflow(value),
            orchestrator_version=_text(value.get("orchestrator_version")) or NO_VERSION,
            repo_type=_text(value.get("repo_type")) or "unknown",
            duration_seconds=_seconds(value.get("duration_seconds")),
            phases=_phases(value.get("phases")),
            phase0_guidance_used=_flag(value.get("phase0_guidance_used")),
            reviews_worked=_flag(value.get("reviews_worked")),
            orchestrator_errors=_texts(value.get("orchestrator_errors")),
            items_skipped=_texts(value.get("items_skipped")),
            items_skipped_pct=_fraction(value.get("items_skipped_pct")),
            confusing_items=_texts(value.get("confusing_items")),
            mode=_mode(value),
            answers=_answers(value.get("answers")),
        )
        return anonymize_tool_feedback(seen, self.key)

    def _process(self, value: dict[str, Any]) -> ProcessFeedback:
        used = {"timestamp", "mode"}
        known = _known(value, used)
        kept = {_free_name(name): part for name, part in value.items() if name not in used}
        json.dumps(kept, allow_nan=False)
        own = {
            "id": self.new_id(),
            "timestamp": value["timestamp"],
            "session_id": self.session_id,
            "mode": _mode(value),
        }
        return ProcessFeedback.model_validate(kept | known | own)


def _known(value: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """The fields that we type, under our names; notes in `used` which old names they came from."""
    known: dict[str, Any] = {}
    for name in _TEXTS:
        if (text := _joined(value.get(name))) is not None:
            known[name] = text
            used.add(name)
    for name, olds in _LISTS.items():
        known[name] = [text for old in olds for text in _texts(value.get(old))]
        used |= {old for old in olds if isinstance(value.get(old), list)}
    for old in _PARALLEL:
        if isinstance(value.get(old), bool):
            known["parallel_agents_used"] = value[old]
            used.add(old)
    if (answer := _one_of(Applicable, value.get("multi_agents"))) is not None:
        known["multi_agents"] = answer
        used.add("multi_agents")
    return known


def _free_name(name: str) -> str:
    """A field that we do not know keeps its name, unless that means something else in our records."""
    return f"legacy_{name}" if name in ProcessFeedback.model_fields else name


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every line, the last also where its newline is missing."""
    offset = 0
    for line in data.split(b"\n"):
        if line.strip():
            yield offset, line
        offset += len(line) + 1


def _entry(line: bytes) -> dict[str, Any]:
    """An old entry: an object with a time.

    Raises:
        ValueError: (or TypeError) if it is none.
    """
    if len(line) > _LONGEST_LINE:
        raise ValueError("too long for a record")
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value | {"timestamp": parse_time(value.get("timestamp"))}


def _workflow(value: dict[str, Any]) -> str | None:
    """What the keyed hash is made of: the id, or the old hash, which anybody could have reversed."""
    name, old = _text(value.get("workflow_id")), _text(value.get("workflow_id_hash"))
    if name and name != "unknown":
        return name
    return None if old in {None, HASH_OF_UNKNOWN} else f"hash:{old}"


def _mode(value: dict[str, Any]) -> FeedbackMode:
    """The writer that never named a mode asked questions."""
    return _one_of(FeedbackMode, value.get("mode", "interactive")) or FeedbackMode.AUTO


def _one_of(kind: type[E], value: Any) -> E | None:
    return kind(value) if isinstance(value, str) and value in set(kind) else None


def _answers(value: Any) -> ToolAnswers:
    given = value if isinstance(value, dict) else {}
    return ToolAnswers(
        phase0_helpful=_one_of(Helpful, given.get("phase0_helpful")),
        reviews_worked=_one_of(ReviewsAnswer, given.get("reviews_worked")),
        commands_failed=_one_of(YesNo, given.get("commands_failed")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _joined(value: Any) -> str | None:
    """One text, also where a list of texts stands."""
    return "\n".join(_texts(value)) or None if isinstance(value, list) else _text(value)


def _texts(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else []
    return [part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts]


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _seconds(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _fraction(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _phases(value: Any) -> dict[str, int]:
    parts = value.items() if isinstance(value, dict) else ()
    return {name: seconds for name, part in parts if (seconds := _seconds(part)) is not None}
