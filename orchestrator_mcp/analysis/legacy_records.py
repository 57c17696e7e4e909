"""Which of our records does a line of an old failure log, or of old agent telemetry, become? Lines are not trusted.

Two programs wrote telemetry under the same names. One kept whole records. The other gave the second file two kinds of
lines: judgements, and what it called updates, which tell how a run ended.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator_mcp.records.base import Model, parse_time
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import CATEGORIES, FailureType, FeedbackSource, OutcomeStatus, Severity
from orchestrator_mcp.records.streams import BY_MODEL
from orchestrator_mcp.records.telemetry import Invocation, Outcome, SuccessMetric

from .legacy_values import one_of, seconds_of

DIGEST = "legacy_digest"
LEGACY = "legacy"
"""The `source` of a failure that an older tool recorded."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_USUAL = {name.lower(): name for name in CATEGORIES}
_SEVERITIES = {"critical": Severity.HIGH} | {one.value: one for one in Severity}
_MOST = 5
_DIGEST = 16


@dataclass
class Converted:
    """Our records by the file of the session that each belongs in, and quarantine lines by what they go beside.

    `changed` counts the runs that were taken before and say something else now, `texts` what is no entry and was kept
    as text.
    """

    records: dict[str, list[Model]] = field(default_factory=dict)
    changed: int = 0
    texts: int = 0
    quarantined: dict[str, list[bytes]] = field(default_factory=dict)
    runs: dict[str, Invocation] = field(default_factory=dict)

    def add(self, record: Model) -> None:
        self.records.setdefault(BY_MODEL[type(record)].file, []).append(record)
        if isinstance(record, Invocation):
            self.runs[record.invocation_id] = record


@dataclass(frozen=True)
class Context:
    """What the new records need beside the old lines. `known`: digests, and ids of runs, that were taken before."""

    session_id: str
    now: datetime
    new_id: Callable[[], str]
    key: bytes
    known: frozenset[str] = frozenset()


def add_failure(value: dict[str, Any], context: Context, into: Converted) -> None:
    """One entry of the old failure tracker."""
    known = {
        "type": one_of(FailureType, value.get("type")) or FailureType.MISTAKE,
        "severity": _SEVERITIES.get(str(value.get("severity")).lower(), Severity.MEDIUM),
        "category": _usual_category(_needed(value, "category")),
        "context": _needed(value, "context"),
        "feedback": _needed(value, "feedback"),
    }
    old = {name: value[name] for name in ("type", "severity") if value.get(name) != known[name]}
    into.add(Failure.model_validate(_kept(value, known, old) | common(value, context) | {"source": LEGACY}))


def add_invocation(value: dict[str, Any], context: Context, into: Converted) -> None:
    """One agent run, of either program. A second line with the same id supersedes the first."""
    run_id = _run_id(value)
    if run_id in context.known:
        into.changed += 1
        return
    seconds = seconds_of(value.get("duration_seconds"))
    outcome = value.get("outcome")
    status = outcome.get("status") if isinstance(outcome, dict) else outcome
    known = {
        "invocation_id": run_id,
        "agent_name": _needed(value, "agent_name"),
        "task_description": _needed(value, "task_description"),
        "duration_seconds": seconds,
        "outcome": _outcome(outcome),
        "finished_at": _finished(value, seconds, status),
    }
    own = common(value, context) | {"id": run_id, "rev": _next_rev(run_id, into)}
    into.add(Invocation.model_validate(_kept(value, known) | own))


def add_metric(value: dict[str, Any], context: Context, into: Converted) -> None:
    """One judgement of a run, or one update of the other program: then the run learns how it ended."""
    run_id = _run_id(value)
    if "success" in value:
        known = {"success": value["success"]} | _rating(value.get("quality_rating"))
        into.add(_judgement(value, known, context))
        return
    run, status = into.runs.get(run_id), one_of(OutcomeStatus, value.get("outcome"))
    if run is not None and status is not None:
        seconds = seconds_of(value.get("duration_seconds"))
        ended = {"duration_seconds": seconds or run.duration_seconds, "finished_at": parse_time(value["timestamp"])}
        outcome = run.outcome.model_copy(update={"status": status})
        into.add(run.model_copy(update=ended | {"rev": run.rev + 1, "outcome": outcome}))
    if "quality_score" in value or run is None:
        known = {"success": status is OutcomeStatus.SUCCESS} | _rating(_rounded(value.get("quality_score")))
        into.add(_judgement(value, known, context))


def common(value: dict[str, Any], context: Context) -> dict[str, Any]:
    """Id, time and session. A time without an offset is taken as UTC, and says so; an old session id is kept aside.

    Raises:
        ValueError: (or TypeError) if there is no time.
    """
    own = {"id": context.new_id(), "timestamp": parse_time(value["timestamp"]), "session_id": context.session_id}
    if not _OFFSET.search(str(value["timestamp"])):
        own["assumed_utc"] = True
    if isinstance(value.get("session_id"), str):
        own["legacy_session_id"] = value["session_id"]
    return own


def digest_of(content: bytes) -> str:
    """By which the same line is known again when its file was changed elsewhere."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST]


def _usual_category(name: str) -> str:
    """A category in its usual spelling, where it is one of ours."""
    return _USUAL.get(name.strip().lower(), name.strip())


def _judgement(value: dict[str, Any], known: dict[str, Any], context: Context) -> SuccessMetric:
    source = one_of(FeedbackSource, value.get("feedback_source")) or FeedbackSource.HUMAN
    known = {"invocation_id": value["invocation_id"], "feedback_source": source, "quality_rating": None} | known
    return SuccessMetric.model_validate(_kept(value, known) | common(value, context))


def _rating(value: Any) -> dict[str, Any]:
    """A rating from 1 to 5; another is kept aside."""
    if type(value) is int and 1 <= value <= _MOST:
        return {"quality_rating": value}
    return {} if value is None else {"legacy_quality_rating": value}


def _kept(value: dict[str, Any], known: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
    """What we type, and all else as it was: under its own name, unless that means something of ours."""
    others = {name: part for name, part in value.items() if name not in known and name not in _OURS}
    return others | {f"legacy_{name}": part for name, part in (old or {}).items()} | known


_OURS = {"id", "rev", "timestamp", "session_id", "request_id", "source", "is_test", "forgotten"}


def _needed(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"no {name}")
    return text


def _run_id(value: dict[str, Any]) -> str:
    name = _needed(value, "invocation_id")
    if not _RUN_ID.fullmatch(name):
        raise ValueError("no invocation id")
    return name


def _next_rev(run_id: str, into: Converted) -> int:
    run = into.runs.get(run_id)
    return run.rev + 1 if run else 1


def _outcome(value: Any) -> Outcome:
    given = value if isinstance(value, dict) else {"status": value}
    status = one_of(OutcomeStatus, given.get("status")) or OutcomeStatus.UNKNOWN
    return Outcome.model_validate({name: part for name, part in given.items() if part is not None} | {"status": status})


def _finished(value: dict[str, Any], seconds: float | None, status: Any) -> datetime | None:
    ended = seconds is not None or status not in {None, OutcomeStatus.UNKNOWN.value}
    return parse_time(value["timestamp"]) if ended else None


def _rounded(value: Any) -> int | None:
    """A score between two ratings is kept as it was beside the nearest; a half counts upwards."""
    score = seconds_of(value)
    return None if score is None else int(score + 0.5)
