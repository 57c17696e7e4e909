"""When a kind of entry is a pattern, how sure that is, and how much it matters."""

from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.pattern import PatternKind, PatternState, Rate

from .statistics import wilson

NEW_FOR = timedelta(days=7)
SKIPPED_RATE = 0.8
SURE_WORDS = 4
SURE_ENTRIES = 5
SURE_OCCASIONS = 3
LEAST_LOWER_BOUND = 0.5

_ACROSS_WORKFLOWS = {PatternKind.WORKFLOW_ERROR, PatternKind.CHALLENGE}


class Often(NamedTuple):
    """How many entries, or workflows, make a pattern."""

    entries: int
    workflows: int


def least_entries(kind: PatternKind, often: Often) -> int:
    """How many entries can make a pattern of this kind at all."""
    return min(often) if kind in _ACROSS_WORKFLOWS else often.entries


def is_pattern(kind: PatternKind, entries: int, workflows: int, often: Often) -> bool:
    """Whether something recurs: often enough, or, for what a workflow reports, in several workflows."""
    return entries >= often.entries or (kind in _ACROSS_WORKFLOWS and workflows >= often.workflows)


def confidence(entries: int, occasions: int, static_words: int) -> Level:
    """How sure it is that these entries are one recurring thing.

    One incident is never sure, however often it was logged. The thresholds are where exact keys were right in 19 of
    20 cases on labelled texts: four fixed words, and three occasions.
    """
    if occasions <= 1:
        return Level.LOW
    if occasions >= SURE_OCCASIONS and entries >= SURE_ENTRIES and static_words >= SURE_WORDS:
        return Level.HIGH
    return Level.MEDIUM if static_words >= SURE_WORDS or occasions >= SURE_OCCASIONS else Level.LOW


def sureness(entries: int, occasions: int, template: str, *, exact: bool) -> Level:
    """`confidence` of a group. Only exact keys were right often enough, on labelled texts, to be called sure."""
    level = confidence(entries, occasions, static_words(template))
    return level if exact or level is not Level.HIGH else Level.MEDIUM


def state(first: datetime | None, now: datetime, *, ignored: bool) -> PatternState:
    """Where a pattern stands in its loop."""
    if ignored:
        return PatternState.IGNORED
    return PatternState.NEW if first and now - first < NEW_FOR else PatternState.ONGOING


def priority(severity: Severity, occasions: int, entries: int) -> Level:
    """How soon to look at it: severity first, then how widely it is spread."""
    if occasions <= 1:
        return Level.MEDIUM if severity is Severity.HIGH else Level.LOW
    if severity is Severity.HIGH or (severity is Severity.MEDIUM and entries >= SURE_ENTRIES):
        return Level.HIGH
    return Level.MEDIUM if severity is Severity.MEDIUM or entries >= SURE_ENTRIES else Level.LOW


def common_severity(low: int, medium: int, high: int) -> Severity:
    """What most entries say; of two equally common the graver."""
    return max((high, 2, Severity.HIGH), (medium, 1, Severity.MEDIUM), (low, 0, Severity.LOW))[2]


def rate(k: int, n: int) -> Rate:
    """`k` of `n` with its interval."""
    low, high = wilson(k, n)
    return Rate(k=k, n=n, low=round(low, 4), high=round(high, 4))


def rate_is_pattern(found: Rate, threshold: float = SKIPPED_RATE) -> bool:
    """Whether a rate is high, and known well enough to say so: first at 4 of 4, 7 of 8."""
    return found.n > 0 and found.k / found.n >= threshold and found.low >= LEAST_LOWER_BOUND


def rate_text(found: Rate) -> str:
    """`8 of 10 (49–94 %)`."""
    return f"{count_text(found)} ({interval_text(found)})"


def count_text(found: Rate) -> str:
    """`8 of 10`."""
    return f"{found.k} of {found.n}"


def interval_text(found: Rate) -> str:
    """`49–94 %`."""
    return f"{100 * found.low:.0f}–{100 * found.high:.0f} %"


def static_words(template: str) -> int:
    """How many words of a template are fixed."""
    return sum(
        any(c.isalpha() for c in word) for word in template.split() if not (word.startswith("<") and word.endswith(">"))
    )
