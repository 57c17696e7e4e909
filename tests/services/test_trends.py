"""Is it getting better or worse? Said only where there is enough to tell."""

import pytest
from projects import Project

from orchestrator_mcp.records.pattern import Trend
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns


def week(project: Project, sessions: int, failing: int) -> None:
    """So many sessions, evenly over a week, the first of which meet the same failure; all log something."""
    for number in range(sessions):
        agent = project.agent()
        log_failure(agent, context=f"Note {'abcdefghijklmnopqrstuvwxyz'[number]}{number}", feedback="-", category="API")
        if number < failing:
            log_failure(agent, context="Used float for money", feedback="Use Decimal", category="API")
        project.wait(minutes=60 * 24 * 7 // sessions)


def trend_of(project: Project, **window: object) -> Trend | None:
    found = review_patterns(project.person(), **window).patterns  # type: ignore[arg-type]
    return next(one.trend for one in found if one.title == "Used float for money")


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        ((20, 1), (20, 16), Trend.RISING),
        ((20, 18), (20, 3), Trend.FALLING),
        ((20, 6), (20, 8), Trend.UNCLEAR),
        ((20, 2), (20, 3), None),  # five in all could not show anything
        ((0, 0), (20, 12), None),  # nothing to compare with
        ((5, 5), (20, 20), Trend.UNCLEAR),  # four times as many, in four times as many sessions
    ],
)
def test_a_change_is_told_against_as_long_a_time_before(project: Project, before, now, trend) -> None:
    for sessions, failing in (before, now):
        if sessions:
            week(project, sessions, failing)
    assert trend_of(project, days=7) is trend


def test_of_the_whole_history_the_halves_are_compared(project: Project) -> None:
    week(project, 20, 1)
    week(project, 20, 16)
    assert trend_of(project, all=True) is Trend.RISING
