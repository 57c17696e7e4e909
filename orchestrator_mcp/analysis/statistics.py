"""How sure one can be: intervals on rates, shrunken rates, and the chance that one beats another."""

import math
from collections.abc import Sequence

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(k: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a rate (Wilson 1927): `k` successes of `n`; 0 to 1 where n is 0.

    Unlike the textbook interval it holds its promise for small n (Brown, Cai & DasGupta 2001).
    """
    if n == 0:
        return 0.0, 1.0
    p = k / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (max(0.0, centre - half) if k else 0.0), (min(1.0, centre + half) if k < n else 1.0)


def chance_of_ratio(k: int, n: int, earlier_k: int, earlier_n: int) -> float:
    """The two-sided p-value of `k` in `n` opportunities against `earlier_k` in `earlier_n`, were the rate the same.

    Given how many there are together, `k` is then binomial (exact conditional test of two Poisson rates, Przyborowski
    & Wilenski 1940).
    """
    total, share = k + earlier_k, n / (n + earlier_n)
    chances = [_binomial(i, total, share) for i in range(total + 1)]
    return min(1.0, 2 * min(sum(chances[: k + 1]), sum(chances[k:])))


def discoveries(p_values: Sequence[float], q: float = 0.05) -> list[bool]:
    """Which of many tests to believe, so that on average at most a share `q` of these is wrong.

    Benjamini & Hochberg (1995).
    """
    ordered = sorted(p_values)
    limit = max((p for rank, p in enumerate(ordered, 1) if p <= q * rank / len(ordered)), default=-1.0)
    return [p <= limit for p in p_values]


def beta_prior(counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """A Beta prior for many rates, by the method of moments over (successes, n); Beta(1, 1) where they tell too little.

    Empirical Bayes as in Efron & Morris (1975): each rate is then drawn towards the rate of all.
    """
    seen = [(k, n) for k, n in counts if n > 0]
    total = sum(n for _, n in seen)
    if len(seen) < 3 or total == 0:  # noqa: PLR2004  a spread needs three
        return 1.0, 1.0
    mean = sum(k for k, _ in seen) / total
    spread = sum(n * (k / n - mean) ** 2 for k, n in seen) / total
    sampling = mean * (1 - mean) * len(seen) / total
    between = spread - sampling
    if between <= 0 or not 0 < mean < 1:
        return 1.0, 1.0
    strength = min(max(mean * (1 - mean) / between - 1, 2.0), 50.0)
    return mean * strength, (1 - mean) * strength


def chance_greater(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The probability that a draw from Beta `first` exceeds one from Beta `second`, by numerical integration."""
    steps = 2000
    below = 0.0
    total = 0.0
    chance = 0.0
    for step in range(steps):
        x = (step + 0.5) / steps
        density_second = _beta_density(x, *second)
        density_first = _beta_density(x, *first)
        below += density_second
        total += density_first
        chance += density_first * (below - 0.5 * density_second)
    return chance / (total * below) if total * below else 0.5


def _binomial(k: int, n: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log(1 - p))


def _beta_density(x: float, a: float, b: float) -> float:
    norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(norm + (a - 1) * math.log(x) + (b - 1) * math.log(1 - x))
