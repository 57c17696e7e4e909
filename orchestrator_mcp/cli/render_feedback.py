"""Feedback, and a review of it, as text for people; the review is laid out as the first tool's design shows it."""

from collections.abc import Iterator
from typing import Any

from orchestrator_mcp.analysis.detectors import minutes
from orchestrator_mcp.analysis.patterns import count_text, interval_text, rate_text
from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.feedback import FeedbackRecorded
from orchestrator_mcp.records.feedback_review import Average, Averages, FeedbackReview, StaleWorkflow
from orchestrator_mcp.records.pattern import Pattern
from orchestrator_mcp.records.wording import counted

from .layout import capital, clean, colour, day, rule, shown


@shown.register
def _(result: FeedbackRecorded) -> str:
    if not result.recorded:
        return f"Nothing recorded. {clean(result.skipped or '')}".rstrip()
    ids = [f"{name} {one}" for name, one in (("tool", result.tool_id), ("process", result.process_id)) if one]
    lines = [f"Recorded feedback for {clean(result.workflow_id or 'no workflow')}: {', '.join(ids)}."]
    lines += [f"Completed item: {clean(result.item_completed)}"] if result.item_completed else []
    return "\n".join([*lines, *(f"  {name:<24}{_inferred(name, value)}" for name, value in result.inferred.items())])


def _inferred(name: str, value: Any) -> str:
    """A fact as a person reads it: seconds by phase, a list of ids, a text that is quoted."""
    if name.endswith("_pct"):
        return f"{value:.0%}"
    if isinstance(value, list):
        return clean(", ".join(map(str, value)))
    if not isinstance(value, dict):
        return clean(str(value))
    if "untrusted" in value:
        return clean(str(value["text"]))
    return clean(", ".join(f"{name}={minutes(seconds)}" for name, seconds in value.items()))


@shown.register
def _(result: FeedbackReview) -> str:
    window = "whole history" if result.days is None else f"last {counted(result.days, 'day')}"
    repositories = f", {result.repositories} repositories" if result.repositories > 1 else ""
    head = f"Feedback Review ({window}, {counted(result.workflows, 'workflow')}{repositories})"
    sections = (
        ("PATTERNS DETECTED:", [*map(_pattern, result.patterns), *(f"✓ {clean(one)}" for one in result.positives)]),
        ("COMMON CHALLENGES:", [_said(one.title, f"mentioned in {_workflows(one)}") for one in result.challenges]),
        ("LEARNINGS SUMMARY:", list(_summary(result))),
        ("STALE WORKFLOWS:", list(_stale(result.stale))),
        ("ROADMAP DRAFTS:", [sanitize(one.text).rstrip() + "\n" for one in result.drafts]),
    )
    lines = [head, rule()]
    for title, found in sections:
        lines += ["", title, *found] if found else []
    if len(lines) == 2:  # noqa: PLR2004  the head alone
        wider = "" if result.days is None else " in this window; --all looks at the whole history"
        lines.append(f"Nothing yet{wider}. `orchestrator feedback` records a workflow's feedback.")
    if result.added:
        lines += ["", f"Added {', '.join(result.added)} to {clean(result.roadmap or '')}."]
    return "\n".join([*lines, *(["", result.next_step] if result.next_step else [])])


def _pattern(one: Pattern) -> str:
    if one.rate:
        what = f"{capital(clean(one.template))} ({count_text(one.rate)} workflows, {interval_text(one.rate)})"
    else:
        what = f'Common error: "{clean(one.title)}" ({counted(one.occurrences, "occurrence")} in {_workflows(one)})'
    return f"{colour('⚠', one.priority)} {what}\n   → Suggestion: {clean(one.suggestion)}"


def _workflows(one: Pattern) -> str:
    return counted(one.workflows, "workflow")


def _said(text: str, where: str) -> str:
    return f'  • "{clean(text)}" ({where})'


def _summary(result: FeedbackReview) -> Iterator[str]:
    for one in result.learnings:
        yield _said(one.text, f"in {counted(one.workflows, 'workflow')}")
    for one in result.went_well:
        yield _said(one.text, f"mentioned positively in {counted(one.workflows, 'workflow')}")
    yield from _averages(result.averages)
    if result.completion:
        yield f"  • Completed: {rate_text(result.completion)}{_standing(result.outcomes)}"
    if result.skips:
        most = (f"{clean(one.name)} {one.rate.k} of {one.rate.n}" for one in result.skips)
        yield f"  • Most skipped: {', '.join(most)}"
    if result.usage:
        used = (f"{one.name.replace('_', ' ')} {rate_text(one.rate)}" for one in result.usage)
        yield f"  • Used: {', '.join(used)}"


def _standing(outcomes: dict[str, int]) -> str:
    said = [f"{count} {name}" for name, count in outcomes.items() if name != "completed"]
    return f"; {', '.join(said)}" if said else ""


def _stale(stale: list[StaleWorkflow]) -> Iterator[str]:
    for one in stale:
        yield f"  • {clean(one.workflow_id)}: active, and nothing since {day(one.last_seen)}"
    if stale:
        yield "   → `orchestrator workflow finish`, or abandon, with --workflow ID"


def _averages(averages: Averages) -> Iterator[str]:
    if averages.phases:
        yield f"  • Phase timings: avg {_phases(averages.phases)}"
    if averages.seconds:
        mean, median = minutes(averages.seconds.mean), minutes(averages.seconds.median)
        yield f"  • A workflow: avg {mean}, median {median}"
    if averages.active_seconds and averages.active_seconds != averages.seconds:
        phases = f" ({_phases(averages.active_phases)})" if averages.active_phases else ""
        yield f"  • Active time, without pauses and idling: avg {minutes(averages.active_seconds.mean)}{phases}"
    if averages.errors:
        yield f"  • Errors per workflow: avg {averages.errors.mean:.1f}"
    if averages.items_skipped:
        yield f"  • Items skipped: avg {averages.items_skipped.mean:.0%}"


def _phases(phases: dict[str, Average]) -> str:
    return ", ".join(f"{clean(name)}={minutes(one.mean)}" for name, one in phases.items())
