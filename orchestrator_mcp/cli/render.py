"""Results as text for people: one function per type of result."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator_mcp.analysis.patterns import rate_text
from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.base import Result, Timestamp
from orchestrator_mcp.records.failure import Failure, FailureList, FailureLogged
from orchestrator_mcp.records.feedback import FeedbackRecorded
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.grouping import GroupedTexts
from orchestrator_mcp.records.legacy import NOTICE
from orchestrator_mcp.records.migration import Action, MigrationResult
from orchestrator_mcp.records.pattern import Pattern, PatternReview
from orchestrator_mcp.records.rule import RulesSuggested, SuggestionView
from orchestrator_mcp.records.session import SessionList, SessionView, StoreStatus
from orchestrator_mcp.records.telemetry import AgentRank, AgentRanking, InvocationLogged, MetricLogged, Statistics
from orchestrator_mcp.services.forgetting import Forgotten

BAR = 20
UNCUT = 1_000_000
_COLOURS = {Level.HIGH: "31", Level.MEDIUM: "33", Level.LOW: "2"}


def text(result: BaseModel) -> str:
    """A result as a person reads it; never with a control sequence that came from a record."""
    return _text(result)


def notices(result: BaseModel, *, quiet: bool) -> None:
    """Print warnings, and on a terminal the notice that legacy files lie here, to stderr."""
    for warning in getattr(result, "warnings", []):
        print(f"warning: {sanitize(warning)}", file=sys.stderr)
    legacy = isinstance(result, Result) and result.legacy_detected and not isinstance(result, MigrationResult)
    if legacy and not quiet and sys.stderr.isatty():
        print(f"\n{NOTICE}", file=sys.stderr)


@singledispatch
def _text(result: BaseModel) -> str:
    return sanitize(result.model_dump_json(indent=2))


@_text.register
def _(result: FailureLogged) -> str:
    lines = [f"Logged {result.id}."]
    if result.pattern:
        lines.append(f"  kind   {_clean(result.pattern.template)}  ({result.pattern.id})")
        if result.pattern.correction:
            lines.append(f"  known  {_clean(result.pattern.correction)}")
    return "\n".join([*lines, result.next_step])


@_text.register
def _(result: FailureList) -> str:
    if not result.failures:
        return "No failures. `orchestrator failure log` records one."
    rows = [
        (one.id[-6:], _day(one.timestamp), one.severity.value, one.category, one.context) for one in result.failures
    ]
    return _table(("id", "when", "severity", "category", "what went wrong"), rows) + _more(len(rows), result.total)


@_text.register
def _(result: Failure) -> str:
    facts = result.model_dump(mode="json", exclude_none=True)
    return "\n".join(f"{name:<14}{_indented(value)}" for name, value in facts.items() if value not in ([], False))


@_text.register
def _(result: PatternReview) -> str:
    counts = result.counts
    window = "whole history" if result.window.from_ is None else f"since {_day(result.window.from_)}"
    held = (_n(counts.entries, "entry", "entries"), _n(counts.sessions, "session"), _n(counts.workflows, "workflow"))
    lines = [f"Review ({window}): {', '.join(held)}", _rule()]
    if not result.patterns:
        wider = "" if result.window.from_ is None else " in this window; --all looks at the whole history"
        lines.append(f"Nothing recurs{wider}. Log failures as they happen.")
    most = max((one.occurrences for one in result.patterns), default=1)
    lines += [_pattern(one, most) for one in result.patterns]
    lines += [f"✓ {_clean(one)}" for one in result.positives]
    if result.next_cursor:
        lines.append(f"More: --cursor {result.next_cursor}")
    return "\n".join(lines)


def _pattern(one: Pattern, most: int) -> str:
    bar = "█" * max(1, round(BAR * one.occurrences / most))
    where = f"{one.occurrences}× in {_n(one.sessions, 'session')}"
    if one.workflows:
        where += f", {_n(one.workflows, 'workflow')}"
    if one.rate:
        where = f"in {rate_text(one.rate)} of the workflows that resolved it"
    notes = [f"confidence {one.confidence.value}", one.state.value]
    notes += ["one incident"] if one.one_incident else []
    notes += [f"{_n(one.retries, 'retry', 'retries')} not counted"] if one.retries else []
    head = f"{_colour('⚠', one.priority)} {one.kind.value.replace('_', ' ')}: {_clean(one.title)}"
    quotes = [f'    "{_shorten(example.text, 6)}"' for example in one.examples if example.text != one.title]
    advice = f"    → {_clean(one.correction or one.suggestion)}"
    return "\n".join([head, f"    {bar:<{BAR}} {where}; {', '.join(notes)}  {one.id}", *quotes, advice])


@_text.register
def _(result: GroupedTexts) -> str:
    lines = [f"{result.texts} texts, {len(result.groups)} groups; {result.alone} texts are like no other", _rule()]
    most = max((one.members for one in result.groups), default=1)
    for one in result.groups:
        bar = "█" * max(1, round(BAR * one.members / most))
        place = f"{_clean(one.by)}: " if one.by else ""
        lines += [f"{bar:<{BAR}} {one.members:>5}  {place}{_clean(one.template)}"]
        lines += [f'{"":<{BAR}}        "{_shorten(example.text, BAR + 10)}"' for example in one.examples[:1]]
    return "\n".join([*lines, *([f"Written: {result.written}"] if result.written else [])])


@_text.register
def _(result: RulesSuggested) -> str:
    lines = [line for one in result.suggestions for line in _suggestion(one)]
    lines.append(result.next_step)
    if result.report:
        lines.append(f"Report: {result.report}")
    if result.next_cursor:
        lines.append(f"More: --cursor {result.next_cursor}")
    return "\n".join(lines)


def _suggestion(one: SuggestionView) -> list[str]:
    seen = f"{_n(one.entries, 'entry', 'entries')} in {one.sessions} of {_n(one.of_sessions, 'session')}"
    facts = f"{seen}; for {_clean(one.target)}; confidence {one.confidence.value}; {one.status}; {one.id[-6:]}"
    draft = textwrap.indent(sanitize(one.draft), "  │ ", lambda _: True)
    return [f"{_colour(one.priority.value, one.priority)}  {_clean(one.title)}", f"  {facts}", draft, ""]


@_text.register
def _(result: FeedbackRecorded) -> str:
    if not result.recorded:
        return f"Nothing recorded: {result.skipped}"
    ids = [f"{name} {one}" for name, one in (("tool", result.tool_id), ("process", result.process_id)) if one]
    lines = [f"Recorded feedback for {result.workflow_id or 'no workflow'}: {', '.join(ids)}."]
    lines += [f"  {name:<24}{_clean(str(value))}" for name, value in result.inferred.items()]
    return "\n".join(lines)


@_text.register
def _(result: MigrationResult) -> str:
    verb = {
        Action.PLAN: "Would move", Action.MIGRATED: "Moved", Action.ROLLED_BACK: "Put back",
    }.get(result.action, "")  # fmt: skip
    if result.action is Action.NOTHING_TO_DO:
        lines = ["Nothing to do."]
    else:
        lines = [f"{verb} {_n(len(result.files), 'file')}, {_size(sum(one.bytes for one in result.files))}."]
    if result.files:
        lines.append(
            _table(("size", "what", "to"), [(_size(one.bytes), Path(one.from_).name, one.to) for one in result.files])
        )
    lines += [f"conflict: {_clean(one)}" for one in result.conflicts]
    lines += [f"left alone: {_clean(one.path)} ({_clean(one.why)})" for one in result.left_alone]
    return "\n".join([*lines, *([result.next_step] if result.next_step else [])])


@_text.register
def _(result: SessionList) -> str:
    if not result.sessions:
        return "No sessions yet. The first write opens one."
    rows = [
        (
            "*" if one.current else "",
            one.session_id,
            one.status,
            _day(one.last_activity),
            str(one.entries),
            one.label or "",
        )
        for one in result.sessions
    ]
    return _table(("", "session", "status", "last activity", "entries", "label"), rows) + _more(len(rows), result.total)


@_text.register
def _(result: SessionView) -> str:
    return _facts(result)


@_text.register
def _(result: StoreStatus) -> str:
    if not result.exists:
        legacy = f"\nLegacy files: {', '.join(result.legacy_files)}" if result.legacy_files else ""
        return f"No store yet; it would be {result.store}. The first write makes it.{legacy}"
    return _facts(result)


@_text.register
def _(result: InvocationLogged) -> str:
    return f"{'Finished' if result.finished else 'Started'} {result.invocation_id} (rev {result.rev})."


@_text.register
def _(result: MetricLogged) -> str:
    return f"Judged {result.invocation_id} ({result.id})."


@_text.register
def _(result: AgentRanking) -> str:
    if not result.agents and not result.too_few:
        return "No judged runs yet. `orchestrator telemetry rate` judges one."
    header = ("agent", "success", "95 %", "rating")
    lines = [_table(header, [_rank(one) for one in result.agents])] if result.agents else []
    if result.chance_first_is_best is not None:
        lines.append(f"Chance that the first is really better than the second: {result.chance_first_is_best:.0%}")
    if result.too_few:
        few = ", ".join(f"{_clean(one.agent_name)} ({one.n})" for one in result.too_few)
        lines.append(f"Too few judged runs to rank: {few}")
    return "\n".join(lines)


def _rank(one: AgentRank) -> tuple[str, ...]:
    quality = "" if one.quality is None else f"{one.quality:.1f}"
    return (one.agent_name, f"{one.successes} of {one.n}", f"{one.low:.0%} to {one.high:.0%}", quality)


@_text.register
def _(result: Statistics) -> str:
    rows = [(name, *_figures(one)) for name, one in result.agents.items()]
    return f"{result.total_invocations} invocations\n" + _table(("agent", "runs", "judged", "success", "mean s"), rows)


def _figures(one: dict[str, Any]) -> tuple[str, ...]:
    rate = "" if one["success_rate"] is None else f"{one['success_rate']:.0%}"
    return str(one["invocation_count"]), str(one["judged_count"]), rate, str(one["average_duration_seconds"] or "")


@_text.register
def _(result: Forgotten) -> str:
    if not result.files:
        return f"Nothing of it is left. ({result.id} is an empty shell.)"
    done = f"Would forget {result.id}; would rewrite" if result.dry_run else f"Forgot {result.id}; rewrote"
    return "\n".join([f"{done} {_n(len(result.files), 'file')}:", *(f"  {_clean(one)}" for one in result.files)])


def _n(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _facts(result: BaseModel) -> str:
    facts = result.model_dump(mode="json", exclude={"warnings", "legacy_detected"}, exclude_none=True)
    return "\n".join(f"{name:<18}{_indented(value)}" for name, value in facts.items() if value != [])


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = [header, *(tuple(_clean(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in cells
    ]
    return "\n".join(_shorten(line.rstrip(), 0) for line in lines)


def _more(shown: int, total: int) -> str:
    return "" if shown >= total else f"\n{total - shown} more; use --limit."


def _indented(value: Any) -> str:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return sanitize(shown).replace("\n", "\n" + " " * 14)


def _clean(value: str) -> str:
    return " ".join(sanitize(value).split())


def _shorten(line: str, indent: int) -> str:
    width = _width() - indent
    return line if len(line) <= width else line[: width - 1] + "…"


def _rule() -> str:
    return "━" * min(60, _width())


def _width() -> int:
    """The terminal's width; what goes into a file or a pipe is not cut."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else UNCUT


def _colour(shown: str, level: Level) -> str:
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return shown
    return f"\x1b[{_COLOURS[level]}m{shown}\x1b[0m"


def _day(moment: Timestamp | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def _size(count: int) -> str:
    return f"{count:,} B" if count < 10_000 else f"{count / 1024:,.0f} kB"  # noqa: PLR2004  where bytes stop being read
