"""Results as text for people: one function per type of result."""

import sys
import textwrap
from typing import Any

from pydantic import BaseModel

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.base import Result
from orchestrator_mcp.records.failure import Failure, FailureList, FailureLogged
from orchestrator_mcp.records.migration import MigrationResult
from orchestrator_mcp.records.rule import RulesSuggested, SuggestionView
from orchestrator_mcp.records.session import StoreStatus
from orchestrator_mcp.records.telemetry import AgentRank, AgentRanking, InvocationLogged, MetricLogged, Statistics
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.services.forgetting import Forgotten

from . import (  # noqa: F401  each registers its own
    render_doctor,
    render_feedback,
    render_feedback_everyone,
    render_feedback_sync,
    render_migration,
    render_patterns,
    render_session,
    render_settings,
    render_setup,
    render_snapshot,
    render_workflow,
)
from .layout import clean, colour, day, indented, more, shown, table
from .notice import NOTICE


def text(result: BaseModel) -> str:
    """A result as a person reads it; never with a control sequence that came from a record."""
    return shown(result)


def notices(result: BaseModel, *, quiet: bool) -> None:
    """Print warnings, and on a terminal the notice that legacy files lie here, to stderr."""
    for warning in getattr(result, "warnings", []):
        print(f"warning: {sanitize(warning)}", file=sys.stderr)
    legacy = isinstance(result, Result) and result.legacy_detected and not isinstance(result, MigrationResult)
    if legacy and not quiet and sys.stderr.isatty():
        print(f"\n{NOTICE}", file=sys.stderr)


@shown.register
def _(result: FailureLogged) -> str:
    lines = [f"{'Logged' if result.recorded else 'Answered about'} {result.id}."]
    if result.pattern:
        lines.append(f"  kind   {clean(result.pattern.template)}  ({result.pattern.id})")
        if result.pattern.correction:
            sure = result.pattern.joined_by not in {"lines", "prose", "meaning"} or not result.needed
            lines.append(f"  {'known ' if sure else 'alike '} {clean(result.pattern.correction)}")
    if not result.candidates:
        return "\n".join([*lines, result.next_step])
    lines += ["Is it the same mistake as one of these?"]
    lines += [f"  {one.pattern_id[-6:]}  {one.occurrences:>3}×  {clean(one.template)}" for one in result.candidates]
    return "\n".join([*lines, f"Say so: orchestrator failure answer {result.id[-6:]} PATTERN, or `new`."])


@shown.register
def _(result: FailureList) -> str:
    if not result.failures:
        return "No failures. `orchestrator failure log` records one."
    rows = [(one.id[-6:], day(one.timestamp), one.severity.value, one.category, one.context) for one in result.failures]
    return table(("id", "when (UTC)", "severity", "category", "what went wrong"), rows) + more(len(rows), result.total)


@shown.register
def _(result: Failure) -> str:
    facts = result.model_dump(mode="json", exclude_none=True)
    return "\n".join(f"{name:<14}{indented(value)}" for name, value in facts.items() if value not in ([], False))


@shown.register
def _(result: RulesSuggested) -> str:
    lines = [line for one in result.suggestions for line in _suggestion(one)]
    lines.append(result.next_step)
    if result.report:
        lines.append(f"Report: {result.report}")
    if result.next_cursor:
        lines.append(f"More: --cursor {result.next_cursor}")
    return "\n".join(lines)


def _suggestion(one: SuggestionView) -> list[str]:
    seen = f"{counted(one.entries, 'entry', 'entries')} in {one.sessions} of {counted(one.of_sessions, 'session')}"
    facts = f"{seen}; for {clean(one.target)}; confidence {one.confidence.value}; {one.status}; {one.id[-6:]}"
    draft = textwrap.indent(sanitize(one.draft), "  │ ", lambda _: True)
    return [f"{colour(one.priority.value, one.priority)}  {clean(one.title)}", f"  {facts}", draft, ""]


@shown.register
def _(result: StoreStatus) -> str:
    if not result.exists:
        legacy = f"\nLegacy files: {', '.join(result.legacy_files)}" if result.legacy_files else ""
        return f"No store yet; it would be {result.store}. The first write makes it.{legacy}"
    whose = f" of {clean(result.git_remote)}" if result.git_remote else ""
    lines = [
        f"The store{whose} is {clean(result.store)}.",
        f"It holds {counted(result.sessions, 'session')}; "
        + (f"the current one is {result.current_session}." if result.current_session else "none is current here."),
        f"Texts are compared by {result.engine}.",
    ]
    if result.legacy_files:
        lines.append(f"Legacy files, which `orchestrator migrate` takes over: {clean(', '.join(result.legacy_files))}")
    return "\n".join([*lines, "`orchestrator review` shows what recurs, `orchestrator workflow show` what is running."])


@shown.register
def _(result: InvocationLogged) -> str:
    run = result.invocation_id
    if result.finished:
        return f"Finished {run}.\n`orchestrator telemetry rate {run} --success`, or --failure, judges it."
    return f"Started {run}.\n`orchestrator telemetry finish {run} --outcome success` when it has ended."


@shown.register
def _(result: MetricLogged) -> str:
    return f"Judged {result.invocation_id} ({result.id})."


@shown.register
def _(result: AgentRanking) -> str:
    if not result.agents and not result.too_few:
        return "No judged runs yet. `orchestrator telemetry rate` judges one."
    header = ("agent", "success", "95 %", "rating")
    lines = [table(header, [_rank(one) for one in result.agents])] if result.agents else []
    if result.chance_first_is_best is not None:
        lines.append(f"Chance that the first is really better than the second: {result.chance_first_is_best:.0%}")
    if result.too_few:
        few = ", ".join(f"{clean(one.agent_name)} ({one.n})" for one in result.too_few)
        lines.append(f"Too few judged runs to rank: {few}")
    return "\n".join(lines)


def _rank(one: AgentRank) -> tuple[str, ...]:
    quality = "" if one.quality is None else f"{one.quality:.1f}"
    return (one.agent_name, f"{one.successes} of {one.n}", f"{one.low:.0%} to {one.high:.0%}", quality)


@shown.register
def _(result: Statistics) -> str:
    rows = [(name, *_figures(one)) for name, one in result.agents.items()]
    header = ("agent", "runs", "judged", "success", "mean s")
    return f"{counted(result.total_invocations, 'invocation')}\n{table(header, rows)}"


def _figures(one: dict[str, Any]) -> tuple[str, ...]:
    rate = "" if one["success_rate"] is None else f"{one['success_rate']:.0%}"
    return str(one["invocation_count"]), str(one["judged_count"]), rate, str(one["average_duration_seconds"] or "")


@shown.register
def _(result: Forgotten) -> str:
    if not result.files:
        return f"Nothing of it is left. ({result.id} is an empty shell.)"
    done = f"Would forget {result.id}; would rewrite" if result.dry_run else f"Forgot {result.id}; rewrote"
    return "\n".join([f"{done} {counted(len(result.files), 'file')}:", *(f"  {clean(one)}" for one in result.files)])
