"""Reviewing: what recurs, how often, since when, and what goes well."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator_mcp.analysis import patterns as rules_of
from orchestrator_mcp.analysis.canonical import canonical
from orchestrator_mcp.analysis.digests import SEVERITIES, entry_of, microseconds, moment, text_of
from orchestrator_mcp.analysis.grouping import Entry, assign, common_template
from orchestrator_mcp.analysis.identity import pattern_id
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import Timestamp
from orchestrator_mcp.records.fields import Level, Severity
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
CORRECTION_LENGTH = 300
TEMPLATES_READ = 20
NEW_FOR = timedelta(days=7)

_ORDER = {Level.HIGH: 0, Level.MEDIUM: 1, Level.LOW: 2}
_TIERS = {"machine": "frame", "lines": "lines", "prose": "prose"}
_OF_TEXT = tuple(kind for kind in PatternKind if kind is not PatternKind.SKIPPED_ITEM)


class Found(NamedTuple):
    """A pattern before its examples are read: what it is, over which keys, with which figures."""

    kind: PatternKind
    group: str
    keys: tuple[Kind, ...]
    tally: Tally
    rate: Rate | None = None

    @property
    def id(self) -> str:
        return pattern_id(self.kind, self.group)

    @property
    def key_ids(self) -> list[int]:
        return [one.key_id for one in self.keys]

    @property
    def template(self) -> str:
        return common_template([one.template for one in self.keys[:TEMPLATES_READ]])

    @property
    def joined_by(self) -> str:
        """The tier that joined its keys."""
        return "exact" if len(self.keys) == 1 else _TIERS[self.keys[0].form]


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
        next_step=_next_step(found, all_time=all),
        next_cursor=f"p{start + limit}" if start + limit < len(found) else None,
        warnings=workspace.unread,
        legacy_detected=workspace.legacy.detected(),
    )


def find_patterns(db: sqlite3.Connection, span: Span, category: str | None, min_frequency: int) -> list[Found]:
    """Every pattern in a span, unordered."""
    found = [one for kind in _OF_TEXT for one in _recurring(db, kind, span, category, min_frequency)]
    return found if category else found + list(_skipped(db, span))


def ranked(found: list[Found]) -> list[Found]:
    """The most urgent first, then the gravest, then the most frequent, then by name: always the same order."""
    return sorted(
        found,
        key=lambda one: (
            _ORDER[priority_of(one)],
            -SEVERITIES.index(severity_of(one)),
            -one.tally.n,
            one.kind,
            one.group,
        ),
    )


def severity_of(found: Found) -> Severity:
    """What most of a pattern's entries say."""
    return rules_of.common_severity(found.tally.low, found.tally.medium, found.tally.high)


def confidence_of(found: Found) -> Level:
    """How sure a pattern is."""
    if found.rate:
        return Level.HIGH if found.rate.low >= rules_of.SKIPPED_RATE else Level.MEDIUM
    level = rules_of.confidence(found.tally.n, found.tally.occasions, rules_of.static_words(found.template))
    # Only exact keys were right often enough, on labelled texts, to be called sure.
    return Level.MEDIUM if level is Level.HIGH and found.joined_by != "exact" else level


def priority_of(found: Found) -> Level:
    """How soon to look at a pattern."""
    if found.rate:
        return Level.MEDIUM
    return rules_of.priority(severity_of(found), found.tally.occasions, found.tally.n)


def _recurring(
    db: sqlite3.Connection, kind: PatternKind, span: Span, category: str | None, min_frequency: int
) -> Iterator[Found]:
    tallies = queries.recurring(db, kind, span, category)
    for group, keys in groups_of(db, kind).items():
        seen = [one for one in keys if one.key_id in tallies]
        if sum(tallies[one.key_id].n for one in seen) < rules_of.least_entries(kind, min_frequency):
            continue
        ids = [one.key_id for one in seen]
        tally = tallies[ids[0]] if len(ids) == 1 else queries.tally_of(db, ids, span, category)
        if rules_of.is_pattern(kind, tally.n, tally.workflows, min_frequency):
            yield Found(kind, group, tuple(seen), tally)


def groups_of(db: sqlite3.Connection, kind: PatternKind) -> dict[str, list[Kind]]:
    """The keys of each group of a space, in the order in which they were first seen."""
    keys = queries.kinds(db, kind)
    groups = queries.grouping(db, kind, keys, lambda found: assign(_entry(db, kind, one) for one in found))
    members: dict[str, list[Kind]] = {}
    for one, group in zip(keys, groups, strict=True):
        members.setdefault(group, []).append(one)
    return members


def _entry(db: sqlite3.Connection, kind: PatternKind, key: Kind) -> Entry:
    """What a key's oldest entry says; a line that is gone says nothing."""
    line = queries.first_line(db, key.key_id)
    return Entry() if line is None else entry_of(kind, line.value)


def _skipped(db: sqlite3.Connection, span: Span) -> Iterator[Found]:
    kind = PatternKind.SKIPPED_ITEM
    for key, k, n, tally in queries.rates(db, kind, span):
        rate = rules_of.rate(k, n)
        if rules_of.rate_is_pattern(rate):
            yield Found(kind, key.key, (key,), tally, rate)


def _positives(db: sqlite3.Connection, span: Span) -> Iterator[str]:
    """Items that were done, not skipped, wherever they came up."""
    for item, skipped, n, _ in queries.rates(db, PatternKind.SKIPPED_ITEM, span):
        done = rules_of.rate(n - skipped, n)
        if item.key.endswith("_review") and rules_of.rate_is_pattern(done):
            yield f"{clip(single_line(item.key), TITLE_LENGTH)} performed consistently: {rules_of.rate_text(done)}"


def _pattern(db: sqlite3.Connection, found: Found, span: Span, now: datetime) -> Pattern:
    ids, tally = found.key_ids, found.tally
    first = _moment(tally.first)
    lines = queries.newest(db, ids, span, TEXTS_READ)
    texts = texts_of(found.kind, lines)
    return Pattern(
        id=found.id,
        kind=found.kind,
        title=title_of(found, [text for _, text in texts]),
        template=clip(single_line(found.template), EXAMPLE_LENGTH),
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
        first_seen=first,
        last_seen=_moment(tally.last),
        trend=None,
        state=PatternState.NEW if first and now - first < NEW_FOR else PatternState.ONGOING,
        joined_by=found.joined_by,
        examples=[Example(id=one, text=clip(single_line(text), EXAMPLE_LENGTH)) for one, text in texts[:EXAMPLES]],
        correction=correction_of(lines),
        suggestion=_advice(found),
    )


def category_of(db: sqlite3.Connection, keys: list[int]) -> str | None:
    """The category most entries have, if it is one of ours: a file may say anything."""
    name = queries.common_category(db, keys)
    return name if name in fields.CATEGORIES else None


def title_of(found: Found, texts: Sequence[str]) -> str:
    """What a pattern is called: in the words of its newest entries where they agree, else by its template."""
    if found.rate:
        return clip(
            f"{single_line(found.template)} is skipped in {found.rate.k} of {found.rate.n} workflows", TITLE_LENGTH
        )
    headlines = {canonical(text).headline for text in texts}
    return clip(single_line(headlines.pop() if len(headlines) == 1 else found.template), TITLE_LENGTH)


def texts_of(kind: PatternKind, lines: Sequence[queries.Located]) -> list[tuple[str, str]]:
    """Record id and text of each line, no two with the same text; newest first, as the lines are."""
    different: dict[str, str] = {}
    for line in lines:
        different.setdefault(text_of(kind, line.value), line.record)
    return [(record, text) for text, record in different.items() if text]


def correction_of(lines: Sequence[queries.Located]) -> str | None:
    """The newest correction that any of some lines gives, on one line."""
    given = (line.value.get("feedback") for line in lines)
    return next((clip(single_line(text), CORRECTION_LENGTH) for text in given if isinstance(text, str)), None)


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
    if not (cursor.startswith("p") and cursor[1:].isascii() and cursor[1:].isdecimal() and len(cursor) < 12):  # noqa: PLR2004  digits of a count
        raise InvalidInputError(f"{cursor[:40]!r} is no cursor of ours. Pass next_cursor exactly as it was given.")
    return int(cursor[1:])
