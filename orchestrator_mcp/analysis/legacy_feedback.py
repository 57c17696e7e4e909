"""Which of our records does a line of an old feedback file become? Four shapes are known; none is trusted."""

import json
from typing import Any

from orchestrator_mcp.records.base import parse_time
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolAnswers, ToolFeedback, ToolObservation
from orchestrator_mcp.records.fields import Applicable, FeedbackMode, Helpful, ReviewsAnswer, YesNo

from .anonymize import NO_VERSION, anonymize_tool_feedback
from .legacy_records import Context, Converted, common
from .legacy_values import flag_of, fraction_of, joined_of, one_of, text_of, texts_of, whole_seconds_of

HASH_OF_UNKNOWN = "b0aaee280a5599b2"
"""What the old tool wrote for every workflow whose id it did not find."""

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


def add_tool_feedback(value: dict[str, Any], context: Context, into: Converted) -> None:
    """An entry about the tool alone."""
    if _TOOL_FIELDS & value.keys():
        into.add(_tool(value, context))


def add_process_feedback(value: dict[str, Any], context: Context, into: Converted) -> None:
    """An entry about the project alone."""
    into.add(_process(value, context))


def add_feedback(value: dict[str, Any], context: Context, into: Converted) -> None:
    """An entry of the oldest file, which mixed both."""
    add_tool_feedback(value, context, into)
    add_process_feedback(value, context, into)


def _tool(value: dict[str, Any], context: Context) -> ToolFeedback:
    """Old entries promised anonymity by key names alone, so each goes through the closed schema again."""
    seen = ToolObservation(
        id=context.new_id(),
        timestamp=parse_time(value["timestamp"]),
        workflow_id=_workflow(value),
        orchestrator_version=text_of(value.get("orchestrator_version")) or NO_VERSION,
        repo_type=text_of(value.get("repo_type")) or "unknown",
        duration_seconds=whole_seconds_of(value.get("duration_seconds")),
        phases=_phases(value.get("phases")),
        phase0_guidance_used=flag_of(value.get("phase0_guidance_used")),
        reviews_worked=flag_of(value.get("reviews_worked")),
        orchestrator_errors=texts_of(value.get("orchestrator_errors")),
        items_skipped=texts_of(value.get("items_skipped")),
        items_skipped_pct=fraction_of(value.get("items_skipped_pct")),
        confusing_items=texts_of(value.get("confusing_items")),
        mode=_mode(value),
        answers=_answers(value.get("answers")),
    )
    return anonymize_tool_feedback(seen, context.key)


def _process(value: dict[str, Any], context: Context) -> ProcessFeedback:
    used = {"timestamp", "mode"}
    known = _known(value, used)
    kept = {_free_name(name): part for name, part in value.items() if name not in used}
    json.dumps(kept, allow_nan=False)
    return ProcessFeedback.model_validate(kept | known | common(value, context) | {"mode": _mode(value)})


def _known(value: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """The fields that we type, under our names; notes in `used` which old names they came from."""
    known: dict[str, Any] = {}
    for name in _TEXTS:
        if (text := joined_of(value.get(name))) is not None:
            known[name] = text
            used.add(name)
    for name, olds in _LISTS.items():
        known[name] = [text for old in olds for text in texts_of(value.get(old))]
        used |= {old for old in olds if isinstance(value.get(old), list)}
    for old in _PARALLEL:
        if isinstance(value.get(old), bool):
            known["parallel_agents_used"] = value[old]
            used.add(old)
    if (answer := one_of(Applicable, value.get("multi_agents"))) is not None:
        known["multi_agents"] = answer
        used.add("multi_agents")
    return known


def _free_name(name: str) -> str:
    """A field that we do not know keeps its name, unless that means something else in our records."""
    return f"legacy_{name}" if name in ProcessFeedback.model_fields else name


def _workflow(value: dict[str, Any]) -> str | None:
    """What the keyed hash is made of: the id, or the old hash, which anybody could have reversed."""
    name, old = text_of(value.get("workflow_id")), text_of(value.get("workflow_id_hash"))
    if name and name != "unknown":
        return name
    return None if old in {None, HASH_OF_UNKNOWN} else f"hash:{old}"


def _mode(value: dict[str, Any]) -> FeedbackMode:
    """The writer that never named a mode asked questions."""
    return one_of(FeedbackMode, value.get("mode", "interactive")) or FeedbackMode.AUTO


def _answers(value: Any) -> ToolAnswers:
    given = value if isinstance(value, dict) else {}
    return ToolAnswers(
        phase0_helpful=one_of(Helpful, given.get("phase0_helpful")),
        reviews_worked=one_of(ReviewsAnswer, given.get("reviews_worked")),
        commands_failed=one_of(YesNo, given.get("commands_failed")),
    )


def _phases(value: Any) -> dict[str, int]:
    parts = value.items() if isinstance(value, dict) else ()
    return {name: seconds for name, part in parts if (seconds := whole_seconds_of(part)) is not None}
