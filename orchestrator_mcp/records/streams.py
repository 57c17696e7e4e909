"""The table of streams: which model is kept in which file, and how soon it must be on the disk."""

from dataclasses import dataclass

from .base import Model
from .failure import Failure
from .feedback import ProcessFeedback, ToolFeedback
from .feedback_sync import Synced
from .pattern_decision import PatternDecision
from .rule import Suggestion
from .telemetry import Invocation, SuccessMetric
from .workflow import LogEvent


@dataclass(frozen=True)
class StreamSpec:
    """One row. `in_session`: the file lies in a session's folder, else in the store's.

    `durable`: synced before it is acknowledged, instead of within a second.
    """

    name: str
    model: type[Model]
    file: str
    in_session: bool = True
    durable: bool = False


STREAMS = (
    StreamSpec("failures", Failure, "failures.jsonl"),
    StreamSpec("invocations", Invocation, "agent_invocations.jsonl"),
    StreamSpec("metrics", SuccessMetric, "success_metrics.jsonl"),
    StreamSpec("tool_feedback", ToolFeedback, "feedback/tool.jsonl"),
    StreamSpec("process_feedback", ProcessFeedback, "feedback/process.jsonl"),
    StreamSpec("log", LogEvent, "log.jsonl", durable=True),
    StreamSpec("suggestions", Suggestion, "rules/suggestions.jsonl", in_session=False, durable=True),
    StreamSpec("patterns", PatternDecision, "rules/patterns.jsonl", in_session=False, durable=True),
    StreamSpec("syncs", Synced, "sync.jsonl", in_session=False, durable=True),
)

BY_MODEL = {spec.model: spec for spec in STREAMS}
