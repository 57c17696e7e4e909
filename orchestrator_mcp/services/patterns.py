"""Reviewing: what recurs, how often, since when, and what goes well."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator_mcp.analysis import patterns as rules_of
from orchestrator_mcp.analysis.canonical import canonical
from orchestrator_mcp.analysis.digests import microseconds, moment, text_of
from orchestrator_mcp.analysis.identity import merged_keys, pattern_id
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import Timestamp
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.pattern import (
    Counts,
    Example,
    Pattern,
    PatternKind,
    PatternReview,
    PatternState,
    Rate,
    Window,
)
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.queries import Kind, Span, Tally
from orchestrator_mcp.storage.workspace import Workspace

EXAMPLES = 3
EXAMPLE_LENGTH = 160
TITLE_LENGTH = 100
TEXTS_READ = 20
NEW_FOR = timedelta(days=7)

_ORDER = {Level.HIGH: 0, Level.MEDIUM: 1, Level.LOW: 2}
_OF_TEXT = tuple(kind for kind in PatternKind if kind is not PatternKind.SKIPPED_ITEM)


class Found(NamedTuple):
    """A pattern before its examples are read: what it is, over which keys, with which figures."""

    kind: PatternKind
    keys: tuple[Kind, ...]
    tally: Tally
    rate: Rate | None

    @property
    def id(self) -> str:
        return pattern_id(self.kind, self.keys[0].key)

    @property
    def template(self) -> str:
        return self.keys[0].template


def review_patterns(
    workspace: Workspace,
    *,
    days: fields.Days = 7,
    all: fields.WholeHistory = False,
    category: fields.CategoryName | None = None,
    min_frequency: fields.MinFrequency = rules_of.MIN_FREQUENCY,
    limit: fields.Limit = 10,
    cursor: fields.Cursor | None = None,
) -> PatternReview:
    """Review recurring failures, workflow errors, skipped items, challenges and learnings, with evidence.

    Use it before the LEARN phase or weekly. Each pattern has counts, sessions, confidence and clipped examples.
    """
    workspace.touch()
    window = _window(workspace.now(), None if all else days)
    start = page_start(cursor)
    with workspace.index().open() as db:
        totals = queries.totals(db, window)
        found = ranked(find_patterns(db, window, _category(category), min_frequency))
        page = [_pattern(db, one, window, workspace.now()) for one in found[start : start + limit]]
        positives = list(_positives(db, window))
    return PatternReview(
        window=Window(from_=_moment(window[0]), to=_moment(window[1])),
        counts=Counts(**totals._asdict()),
        patterns=page,
        positives=positives,
        next_cursor=f"p{start + limit}" if start + limit < len(found) else None,
        legacy_detected=workspace.legacy.detected(),
    )


def find_patterns(db: sqlite3.Connection, span: Span, category: str | None, min_frequency: int) -> list[Found]:
    """Every pattern in a span, unordered."""
    found = [one for kind in _OF_TEXT for one in _recurring(db, kind, span, category, min_frequency)]
    return found if category else found + list(_skipped(db, span))


def ranked(found: list[Found]) -> list[Found]:
    """The most urgent first; ties by frequency, then by name, so that the order is always the same."""
    return sorted(found, key=lambda one: (_ORDER[priority_of(one)], -one.tally.n, one.kind, one.keys[0].key))


def static_words(found: Found) -> int:
    return rules_of.static_words(found.template)


def confidence_of(found: Found) -> Level:
    """How sure a pattern is."""
    if found.rate:
        return Level.HIGH if found.rate.low >= rules_of.SKIPPED_RATE else Level.MEDIUM
    return rules_of.confidence(found.tally.n, found.tally.occasions, static_words(found))


def priority_of(found: Found) -> Level:
    """How soon to look at a pattern."""
    if found.rate:
        return Level.MEDIUM
    severity = rules_of.common_severity(found.tally.low, found.tally.medium, found.tally.high)
    return rules_of.priority(severity, found.tally.occasions, found.tally.n)


def _recurring(
    db: sqlite3.Connection, kind: PatternKind, span: Span, category: str | None, min_frequency: int
) -> Iterator[Found]:
    everything = {one.key_id: one for one in queries.kinds(db, kind)}
    tallies = queries.recurring(db, kind, span, category, 1)
    for group in merged_keys([everything[key] for key in tallies]):
        ids = [one.key_id for one in group]
        tally = tallies[ids[0]] if len(ids) == 1 else queries.tally_of(db, ids, span, category)
        if rules_of.is_pattern(kind, tally.n, tally.workflows, min_frequency):
            yield Found(kind, tuple(group), tally, None)


def _skipped(db: sqlite3.Connection, span: Span) -> Iterator[Found]:
    for name, k, n, tally in queries.rates(db, PatternKind.SKIPPED_ITEM, span):
        rate = rules_of.rate(k, n)
        if rules_of.rate_is_pattern(rate):
            key = queries.find_key(db, PatternKind.SKIPPED_ITEM, name)
            yield Found(
                PatternKind.SKIPPED_ITEM, (Kind(key or 0, PatternKind.SKIPPED_ITEM, name, name, "item"),), tally, rate
            )


def _positives(db: sqlite3.Connection, span: Span) -> Iterator[str]:
    """Items that were done, not skipped, wherever they came up."""
    for name, skipped, n, _ in queries.rates(db, PatternKind.SKIPPED_ITEM, span):
        done = rules_of.rate(n - skipped, n)
        if name.endswith("_review") and rules_of.rate_is_pattern(done):
            yield f"{name} performed consistently: {rules_of.rate_text(done)}"


def _pattern(db: sqlite3.Connection, found: Found, span: Span, now: datetime) -> Pattern:
    ids = [one.key_id for one in found.keys]
    tally = found.tally
    first = _moment(tally.first)
    texts = texts_of(queries.newest(db, ids, span, TEXTS_READ))
    return Pattern(
        id=found.id,
        kind=found.kind,
        title=title_of(found, [text for _, text in texts]),
        template=clip(single_line(found.template), EXAMPLE_LENGTH),
        category=queries.common_category(db, ids),
        severity=rules_of.common_severity(tally.low, tally.medium, tally.high),
        priority=priority_of(found),
        confidence=confidence_of(found),
        occurrences=tally.n,
        retries=tally.retries,
        sessions=tally.sessions,
        workflows=tally.workflows,
        agents=tally.agents,
        one_incident=tally.occasions <= 1,
        rate=found.rate,
        first_seen=first,
        last_seen=_moment(tally.last),
        trend=None,
        state=PatternState.NEW if first and now - first < NEW_FOR else PatternState.ONGOING,
        joined_by="exact" if len(ids) == 1 else "template",
        examples=[Example(id=one, text=clip(single_line(text), EXAMPLE_LENGTH)) for one, text in texts[:EXAMPLES]],
        suggestion=_advice(found),
    )


def title_of(found: Found, texts: Sequence[str]) -> str:
    """What a pattern is called: in the words of its newest entries where they agree, else by its template."""
    if found.rate:
        return f"{found.template} skipped in {rules_of.rate_text(found.rate)} workflows"
    headlines = {canonical(text).headline for text in texts}
    return clip(single_line(headlines.pop() if len(headlines) == 1 else found.template), TITLE_LENGTH)


def texts_of(lines: Sequence[queries.Located]) -> list[tuple[str, str]]:
    """Record id and text of each line, no two with the same text; newest first, as the lines are."""
    different: dict[str, str] = {}
    for line in lines:
        different.setdefault(text_of(line.stream, line.value), line.record)
    return [(record, text) for text, record in different.items() if text]


def _advice(found: Found) -> str:
    if found.rate:
        return "Make the item optional, or remove it, if skipping it is right."
    if found.kind is PatternKind.LEARNING:
        return "Write it down where the next workflow will read it: suggest_rules drafts it."
    return "suggest_rules drafts a rule from its entries; a person approves it."


def _window(now: datetime, days: int | None) -> Span:
    return (None, None) if days is None else (microseconds(now - timedelta(days=days)), microseconds(now))


def _moment(value: int | None) -> Timestamp | None:
    return None if value is None else moment(value)


def _category(name: str | None) -> str | None:
    return None if name is None else check_category(name)


def check_category(name: str) -> str:
    """A category in its usual spelling.

    Raises:
        InvalidInputError: if there is no such category.
    """
    known = {one.lower(): one for one in fields.CATEGORIES}
    if name.strip().lower() not in known:
        raise InvalidInputError(f"There is no category {name[:60]!r}. Use one of: {', '.join(fields.CATEGORIES)}.")
    return known[name.strip().lower()]


def page_start(cursor: str | None) -> int:
    """Where a page begins.

    Raises:
        InvalidInputError: if the cursor is not one of ours.
    """
    if cursor is None:
        return 0
    if not (cursor.startswith("p") and cursor[1:].isdecimal() and len(cursor) < 12):  # noqa: PLR2004  digits of a count
        raise InvalidInputError(f"{cursor[:40]!r} is no cursor of ours. Pass next_cursor exactly as it was given.")
    return int(cursor[1:])
