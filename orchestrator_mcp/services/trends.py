"""Is it getting better or worse? Said only where there is enough to tell."""

import sqlite3
from collections.abc import Sequence

from orchestrator_mcp.analysis.statistics import chance_of_ratio, discoveries
from orchestrator_mcp.records.pattern import Trend
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.queries import Span

LEAST = 6  # occasions, now and before together: fewer could not show a change


def trends_of(db: sqlite3.Connection, found: Sequence[Sequence[int]], span: Span) -> list[Trend | None]:
    """How each of many patterns, given by its keys, does against as long a time before.

    Of the whole history the halves are compared.

    What is compared are workflows and sessions with the pattern, among those in which anything was logged. As many
    are tested at once, a change is only called one if it stands out among them all.
    """
    earlier, later = _halves(db, span)
    before, now = queries.occasions(db, earlier), queries.occasions(db, later)
    tested: dict[int, float] = {}
    rises: dict[int, bool] = {}
    for number, keys in enumerate(found):
        k, k_before = (queries.tally_of(db, keys, part, None).occasions for part in (later, earlier))
        if k + k_before >= LEAST and now and before:
            tested[number] = chance_of_ratio(k, now, k_before, before)
            rises[number] = k * before > k_before * now
    believed = dict(zip(tested, discoveries(list(tested.values())), strict=True))
    return [_trend(rises[n], believed[n]) if n in tested else None for n in range(len(found))]


def _trend(rises: bool, believed: bool) -> Trend:
    if not believed:
        return Trend.UNCLEAR
    return Trend.RISING if rises else Trend.FALLING


def _halves(db: sqlite3.Connection, span: Span) -> tuple[Span, Span]:
    start, end = span
    if start is None or end is None:
        first, last = queries.extent(db)
        middle = (first + last) // 2
        return (first, middle - 1), (middle, last)
    return (start - (end - start), start - 1), (start, end)
