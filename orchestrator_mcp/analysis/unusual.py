"""Is a duration unusual for this project? Judged by its own history, and only where there is enough of it."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

LEAST_HISTORY = 8
"""Durations before that can be compared with: with fewer, one odd one moves the median's neighbours too much."""

LIMIT = 3.5
"""The modified z-score from which Iglewicz and Hoaglin call a value an outlier."""

FACTOR = 2.0
"""Beside that, at least twice as long or half as long: a project of clockwork would else be told of seconds."""

_TO_SIGMA = 0.6745


class Usual(NamedTuple):
    """A history of durations: the median of their logarithms, and the median deviation from it."""

    middle: float
    spread: float

    @property
    def seconds(self) -> float:
        """The usual duration."""
        return math.expm1(self.middle)


def usual(history: Sequence[float]) -> Usual | None:
    """What is usual, from durations in seconds; None if they are too few.

    Durations are skewed, so their logarithms are looked at. Half of the history may be odd without effect.
    """
    if len(history) < LEAST_HISTORY:
        return None
    logs = [math.log1p(one) for one in history]
    middle = median(logs)
    return Usual(middle, median(abs(one - middle) for one in logs))


def unusual(seconds: float, known: Usual) -> int:
    """1 if a duration is unusually long, -1 if unusually short, else 0.

    By the modified z-score, of median and median absolute deviation: Iglewicz & Hoaglin, How to Detect and Handle
    Outliers (1993).
    """
    away = math.log1p(seconds) - known.middle
    if abs(away) < math.log(FACTOR) or _TO_SIGMA * abs(away) <= LIMIT * known.spread:
        return 0
    return 1 if away > 0 else -1
