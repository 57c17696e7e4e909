"""Intervals and tests against values worked out elsewhere, and against what they promise."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_mcp.analysis.statistics import chance_of_ratio, discoveries, wilson


@pytest.mark.parametrize(
    ("counts", "p"),
    [
        ((0, 10, 10, 10), 2 * 0.5**10),
        ((10, 10, 0, 10), 2 * 0.5**10),
        ((5, 10, 5, 10), 1.0),
        ((1, 10, 9, 10), 2 * 11 / 2**10),
        ((0, 10, 3, 10), 2 * 0.5**3),
        ((0, 30, 3, 10), 2 * 0.25**3),
    ],
)
def test_the_chance_of_a_ratio_is_the_exact_binomial(counts: tuple[int, int, int, int], p: float) -> None:
    k, n, earlier_k, earlier_n = counts
    assert chance_of_ratio(k, n, earlier_k, earlier_n) == pytest.approx(p, rel=1e-9)


@given(st.integers(0, 3000), st.integers(1, 3000), st.integers(0, 3000), st.integers(1, 3000))
def test_a_chance_is_one_whatever_the_counts(k: int, n: int, earlier_k: int, earlier_n: int) -> None:
    assert 0.0 <= chance_of_ratio(k, n, earlier_k, earlier_n) <= 1.0


def test_equal_rates_are_told_apart_no_oftener_than_promised() -> None:
    rng = random.Random(1)
    wrong = 0
    for _ in range(400):
        k, earlier = (sum(rng.random() < 0.3 for _ in range(30)) for _ in range(2))
        wrong += chance_of_ratio(k, 30, earlier, 30) < 0.05
    assert wrong / 400 <= 0.05


@pytest.mark.parametrize(
    ("p_values", "believed"),
    [
        ([], []),
        ([0.04], [True]),
        ([0.06], [False]),
        # The example of Benjamini & Hochberg (1995), table 1: the first four of fifteen.
        (
            [.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1.0],
            [True] * 4 + [False] * 11,
        ),
        ([0.9, 0.001, 0.02, 0.03], [False, True, True, True]),
    ],
)  # fmt: skip
def test_discoveries_are_those_of_benjamini_and_hochberg(p_values: list[float], believed: list[bool]) -> None:
    assert discoveries(p_values) == believed


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate(counts: tuple[int, int]) -> None:
    k, n = counts
    low, high = wilson(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
