"""Reviewing: what recurs, how often, since when, and what goes well."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from orchestrator_mcp.analysis import patterns as rules_of
from orchestrator_mcp.analysis.detectors import OF_RUNS, History, praised
from orchestrator_mcp.analysis.digests import OF_TEXT, SEVERITIES, microseconds, moment
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import Timestamp
from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.pattern import (
    Counts,
    Pattern,
    PatternKind,
    PatternReview,
    PatternState,
    Trend,
    Window,
)
from orchestrator_mcp.records.ways import way
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import newest_lines
from orchestrator_mcp.storage.queries import Span
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import category_of, correction_of, quotation, quoted, texts_of, title_of
from .findings import Found, found_in_runs, with_feedback
from .groups import Group, groups_of
from .inputs import check_category, page_start
from .pattern_names import ignored_groups, name_of
from .runs import hashes_of, history_of
from .trends import trends_of
from .view import View, opened

TEXTS_READ = 20

_ADVICE = {
    PatternKind.LEARNING: "Write it down where the next workflow will read it.",
    PatternKind.WORKFLOW_ERROR: "Remove its cause, or add a check for it to the PLAN phase.",
    PatternKind.CHALLENGE: "Look into its cause: several workflows met it.",
}
_ORDER = {Level.HIGH: 0, Level.MEDIUM: 1, Level.LOW: 2}


def review_patterns(
    workspace: Workspace,
    *,
    days: fields.Days = 7,
    all: fields.WholeHistory = False,
    category: fields.OnlyCategory | None = None,
    min_frequency: fields.MinFrequency | None = None,
    limit: fields.Limit = 5,
    cursor: fields.Cursor | None = None,
) -> PatternReview:
    """Review recurring failures, workflow errors, skipped items, challenges and learnings, with evidence.

    Use it before a task that failed before, or weekly.
    """
    workspace.touch()
    window = window_of(workspace.now(), None if all else days)
    start = page_start(cursor)
    only = None if category is None else check_category(workspace, category)
    with opened(workspace) as view:
        totals = queries.totals(view.db, window)
        history = history_of(view.db, window, hashes_of(workspace, view.db))
        found = ranked(find_patterns(view, window, only, min_frequency, history=history))
        trends = trends_of(view.db, [one.group.key_ids for one in found], window)
        page = slice(start, start + limit)
        now = workspace.now()
        shown = [
            pattern_of(view, one, window, now, trend) for one, trend in zip(found[page], trends[page], strict=True)
        ]
    return PatternReview(
        window=Window(from_=moment_of(window[0]), to=moment_of(window[1])),
        counts=Counts(**totals._asdict()),
        patterns=shown,
        positives=[text for _, text in praised(history)],
        next_step=_next_step(found, workspace.settings.source, all_time=all),
        next_cursor=f"p{start + limit}" if start + limit < len(found) else None,
        engine=view.engine,
        warnings=workspace.unread + view.warnings,
        legacy_detected=workspace.legacy.detected(),
    )


def find_patterns(
    view: View,
    span: Span,
    category: str | None,
    min_frequency: int | None,
    *,
    ignored: bool = False,
    history: History | None = None,
) -> list[Found]:
    """Every pattern in a span, unordered; those that people ignore only if they are asked for.

    Args:
        view: the index.
        span: from when to when.
        category: only of this one; what is about whole workflows has none.
        min_frequency: entries that make a pattern; as configured if None.
        ignored: those too that people ignore.
        history: the workflows of that span, if they were read already.
    """
    found = [one for kind in OF_TEXT for one in recurring(view, kind, span, category, min_frequency)]
    if not category:
        history = history or history_of(view.db, span)
        found = with_feedback(view.db, span, found, history, view.config.min_workflows) + found_in_runs(history)
    return [one for one in found if ignored or not one.ignored]


def ranked(found: list[Found]) -> list[Found]:
    """The most urgent first, then the gravest, then the most frequent, then by name: always the same order."""
    return sorted(
        found,
        key=lambda one: (
            _ORDER[priority_of(one)],
            -SEVERITIES.index(severity_of(one)),
            -one.tally.n,
            one.kind,
            one.id,
        ),
    )


def severity_of(found: Found) -> Severity:
    """What most of a pattern's entries say."""
    return rules_of.common_severity(found.tally.low, found.tally.medium, found.tally.high)


def confidence_of(found: Found) -> Level:
    """How sure a pattern is."""
    if found.rate:
        return Level.HIGH if found.rate.low >= rules_of.SKIPPED_RATE else Level.MEDIUM
    exact = found.group.joined_by == "exact"
    return rules_of.sureness(found.tally.n, found.tally.occasions, found.group.template, exact=exact)


def priority_of(found: Found) -> Level:
    """How soon to look at a pattern."""
    if found.rate:
        return Level.MEDIUM
    return rules_of.priority(severity_of(found), found.tally.occasions, found.tally.n)


def recurring(
    view: View, kind: PatternKind, span: Span, category: str | None, min_frequency: int | None
) -> Iterator[Found]:
    """The patterns of one kind of texts."""
    often = view.often(min_frequency)
    tallies = queries.recurring(view.db, kind, span, category)
    groups = groups_of(view, kind)
    ignored = ignored_groups(view, kind)  # by the names that the groups have now
    for group in groups:
        seen = group._replace(keys=tuple(one for one in group.keys if one.key_id in tallies))
        ids = seen.key_ids
        if sum(tallies[one].n for one in ids) < rules_of.least_entries(kind, often):
            continue
        tally = tallies[ids[0]] if len(ids) == 1 else queries.tally_of(view.db, ids, span, category)
        if rules_of.is_pattern(kind, tally.n, tally.workflows, often):
            yield Found(name_of(view, group.key_ids), seen, tally, ignored=group.label in ignored)


def found_in(view: View, group: Group) -> Found:
    """A group with its figures over the whole history, pattern or not."""
    tally = queries.tally_of(view.db, group.key_ids, (None, None), None)
    return Found(name_of(view, group.key_ids), group, tally, ignored=group.label in ignored_groups(view, group.kind))


def pattern_of(view: View, found: Found, span: Span, now: datetime, trend: Trend | None) -> Pattern:
    """A pattern with its evidence."""
    ids, tally, template = found.group.key_ids, found.tally, found.group.template
    lines = newest_lines(view.db, ids, span, TEXTS_READ)
    texts = texts_of(found.kind, lines) or found.quotes
    return Pattern(
        id=found.id,
        kind=found.kind,
        title=title_of(template, found.rate, [text for _, text in texts]),
        template=quotation(template),
        category=category_of(view, ids),
        severity=severity_of(found),
        priority=priority_of(found),
        confidence=confidence_of(found),
        occurrences=tally.n,
        retries=tally.retries,
        sessions=tally.sessions,
        workflows=tally.workflows,
        agents=tally.agents,
        one_incident=tally.occasions <= 1,
        rate=found.rate,
        first_seen=moment_of(tally.first),
        last_seen=moment_of(tally.last),
        trend=trend,
        state=state_of(found, now),
        joined_by=found.group.joined_by,
        cohesion=found.group.cohesion,
        examples=quoted(texts),
        correction=correction_of(lines),
        suggestion=_advice(found),
    )


def state_of(found: Found, now: datetime) -> PatternState:
    """Where a pattern stands in its loop."""
    return rules_of.state(moment_of(found.tally.first), now, ignored=found.ignored)


def _next_step(found: Sequence[Found], source: str, *, all_time: bool) -> str:
    if found:
        return f"Follow the corrections; where one keeps being needed, {way(source, 'drafts')}."
    wider = "" if all_time else f" in this window; {way(source, 'whole')} looks at the whole history"
    return f"Nothing recurs{wider}. Log failures as they happen."


def _advice(found: Found) -> str:
    if found.kind in OF_RUNS:
        return OF_RUNS[found.kind].advice
    return _ADVICE.get(found.kind, "Follow its correction, and have a rule drafted if it keeps being needed.")


def window_of(now: datetime, days: int | None) -> Span:
    """The last so many days; None is the whole history."""
    return (None, None) if days is None else (microseconds(now - timedelta(days=days)), microseconds(now))


def moment_of(value: int | None) -> Timestamp | None:
    """Microseconds as a time."""
    return None if value is None else moment(value)
