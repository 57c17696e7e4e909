"""Reviewing: what recurs, how often, since when, and what goes well."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator_mcp.analysis import patterns as rules_of
from orchestrator_mcp.analysis.digests import SEVERITIES, microseconds, moment
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import Timestamp
from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.pattern import (
    Counts,
    Pattern,
    PatternKind,
    PatternReview,
    PatternState,
    Rate,
    Trend,
    Window,
)
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.queries import Span, Tally
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import category_of, correction_of, quotation, quoted, texts_of, title_of
from .groups import OF_TEXT, Group, View, item_id, opened
from .inputs import check_category, page_start
from .trends import trends_of

TEXTS_READ = 20
NEW_FOR = timedelta(days=7)

_ORDER = {Level.HIGH: 0, Level.MEDIUM: 1, Level.LOW: 2}


class Found(NamedTuple):
    """A pattern before its examples are read: what it is, over which keys, with which figures."""

    id: str
    group: Group
    tally: Tally
    rate: Rate | None = None
    ignored: bool = False

    @property
    def kind(self) -> PatternKind:
        return self.group.kind


def review_patterns(
    workspace: Workspace,
    *,
    days: fields.Days = 7,
    all: fields.WholeHistory = False,
    category: fields.CategoryName | None = None,
    min_frequency: fields.MinFrequency = rules_of.MIN_FREQUENCY,
    limit: fields.Limit = 5,
    cursor: fields.Cursor | None = None,
) -> PatternReview:
    """Review recurring failures, workflow errors, skipped items, challenges and learnings, with evidence.

    Use it before the LEARN phase or weekly. Each pattern has counts, sessions, confidence and clipped examples.
    """
    workspace.touch()
    window = _window(workspace.now(), None if all else days)
    start = page_start(cursor)
    with opened(workspace) as view:
        totals = queries.totals(view.db, window)
        found = ranked(find_patterns(view, window, _category(category), min_frequency))
        page = found[start : start + limit]
        trends = trends_of(view.db, page, window)
        now = workspace.now()
        shown = [_pattern(view.db, one, window, now, trend) for one, trend in zip(page, trends, strict=True)]
        positives = list(_positives(view.db, window))
    return PatternReview(
        window=Window(from_=_moment(window[0]), to=_moment(window[1])),
        counts=Counts(**totals._asdict()),
        patterns=shown,
        positives=positives,
        next_step=_next_step(found, all_time=all),
        next_cursor=f"p{start + limit}" if start + limit < len(found) else None,
        warnings=workspace.unread,
        legacy_detected=workspace.legacy.detected(),
    )


def find_patterns(
    view: View, span: Span, category: str | None, min_frequency: int, *, ignored: bool = False
) -> list[Found]:
    """Every pattern in a span, unordered; those that people ignore only if they are asked for."""
    found = [one for kind in OF_TEXT for one in _recurring(view, kind, span, category, min_frequency)]
    wanted = [one for one in found if ignored or not one.ignored]
    return wanted if category else wanted + list(_skipped(view.db, span))


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
    level = rules_of.confidence(found.tally.n, found.tally.occasions, rules_of.static_words(found.group.template))
    # Only exact keys were right often enough, on labelled texts, to be called sure.
    return Level.MEDIUM if level is Level.HIGH and found.group.joined_by != "exact" else level


def priority_of(found: Found) -> Level:
    """How soon to look at a pattern."""
    if found.rate:
        return Level.MEDIUM
    return rules_of.priority(severity_of(found), found.tally.occasions, found.tally.n)


def _recurring(view: View, kind: PatternKind, span: Span, category: str | None, min_frequency: int) -> Iterator[Found]:
    tallies = queries.recurring(view.db, kind, span, category)
    ignored = view.ignored(kind)
    for group in view.groups(kind):
        seen = group._replace(keys=tuple(one for one in group.keys if one.key_id in tallies))
        ids = seen.key_ids
        if sum(tallies[one].n for one in ids) < rules_of.least_entries(kind, min_frequency):
            continue
        tally = tallies[ids[0]] if len(ids) == 1 else queries.tally_of(view.db, ids, span, category)
        if rules_of.is_pattern(kind, tally.n, tally.workflows, min_frequency):
            yield Found(view.id_of(group.key_ids), seen, tally, ignored=group.label in ignored)


def found_in(view: View, group: Group) -> Found:
    """A group with its figures over the whole history, pattern or not."""
    tally = queries.tally_of(view.db, group.key_ids, (None, None), None)
    return Found(view.id_of(group.key_ids), group, tally, ignored=group.label in view.ignored(group.kind))


def _skipped(db: sqlite3.Connection, span: Span) -> Iterator[Found]:
    kind = PatternKind.SKIPPED_ITEM
    for key, k, n, tally in queries.rates(db, kind, span):
        rate = rules_of.rate(k, n)
        if rules_of.rate_is_pattern(rate):
            yield Found(item_id(key.key), Group(kind, key.key_id, (key,)), tally, rate)


def _positives(db: sqlite3.Connection, span: Span) -> Iterator[str]:
    """Items that were done, not skipped, wherever they came up."""
    for item, skipped, n, _ in queries.rates(db, PatternKind.SKIPPED_ITEM, span):
        done = rules_of.rate(n - skipped, n)
        if item.key.endswith("_review") and rules_of.rate_is_pattern(done):
            yield f"{quotation(item.key)} performed consistently: {rules_of.rate_text(done)}"


def _pattern(db: sqlite3.Connection, found: Found, span: Span, now: datetime, trend: Trend | None) -> Pattern:
    ids, tally, template = found.group.key_ids, found.tally, found.group.template
    lines = queries.newest(db, ids, span, TEXTS_READ)
    texts = texts_of(found.kind, lines)
    return Pattern(
        id=found.id,
        kind=found.kind,
        title=title_of(template, found.rate, [text for _, text in texts]),
        template=quotation(template),
        category=category_of(db, ids),
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
        first_seen=_moment(tally.first),
        last_seen=_moment(tally.last),
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
    if found.ignored:
        return PatternState.IGNORED
    first = _moment(found.tally.first)
    return PatternState.NEW if first and now - first < NEW_FOR else PatternState.ONGOING


def _next_step(found: Sequence[Found], *, all_time: bool) -> str:
    if found:
        return "Follow the corrections; where one keeps being needed, suggest_rules drafts a rule."
    wider = "" if all_time else " in this window; all=true looks at the whole history"
    return f"Nothing recurs{wider}. Log failures as they happen."


def _advice(found: Found) -> str:
    if found.rate:
        return "Make the item optional, or remove it, if skipping it is right."
    if found.kind is PatternKind.LEARNING:
        return "Write it down where the next workflow will read it."
    return "Follow its correction, and have a rule drafted if it keeps being needed."


def _window(now: datetime, days: int | None) -> Span:
    return (None, None) if days is None else (microseconds(now - timedelta(days=days)), microseconds(now))


def _moment(value: int | None) -> Timestamp | None:
    return None if value is None else moment(value)


def _category(name: str | None) -> str | None:
    return None if name is None else check_category(name)
