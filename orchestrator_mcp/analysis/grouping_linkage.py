"""Which texts belong together, when pairs of them have a likeness?"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator_mcp.analysis.similarity import Edges


@dataclass(frozen=True, slots=True)
class Rule:
    """When clusters join: their mean likeness, less `hub` times the hubness of both, reaches `threshold`.

    Hubness is the mean likeness to the `nearest` neighbours: a text that resembles everything has to resemble
    its own kind more (CSLS, Conneau et al. 2018). The mean likeness itself must reach `floor`.
    """

    threshold: float
    hub: float = 0.0
    nearest: int = 5
    floor: float = 0.0


class _Pair(NamedTuple):
    rank: float  # the negative score, so that the best comes first
    one: int
    other: int
    ages: tuple[int, int]


@dataclass(slots=True)
class _Cluster:
    size: int
    hubness: float
    sums: dict[int, float]  # other cluster → sum of the likenesses of all pairs
    age: int = 0


def average_linkage(edges: Edges, starts: Sequence[int], rule: Rule) -> list[int]:
    """A cluster number per text; `starts` are the clusters to begin with, and a missing edge counts as 0."""
    clusters = _clusters(edges, starts, rule)
    parent: dict[int, int] = {}
    heap = [pair for one in clusters for pair in _pairs(one, clusters, rule) if pair.one == one]
    heapq.heapify(heap)
    while heap:
        pair = heapq.heappop(heap)
        if _is_current(pair, clusters):
            _join(pair.one, pair.other, clusters)
            parent[pair.other] = pair.one
            for fresh in _pairs(pair.one, clusters, rule):
                heapq.heappush(heap, fresh)
    return [_root(start, parent) for start in starts]


def _clusters(edges: Edges, starts: Sequence[int], rule: Rule) -> dict[int, _Cluster]:
    clusters: dict[int, _Cluster] = {}
    nearest = max(1, min(rule.nearest, len(edges) - 1))
    for near, start in zip(edges, starts, strict=True):
        cluster = clusters.setdefault(start, _Cluster(0, 0.0, {}))
        cluster.size += 1
        cluster.hubness += sum(heapq.nlargest(nearest, near.values())) / nearest
        for other, likeness in near.items():
            if starts[other] != start:
                cluster.sums[starts[other]] = cluster.sums.get(starts[other], 0.0) + likeness
    return clusters


def _pairs(one: int, clusters: dict[int, _Cluster], rule: Rule) -> Iterable[_Pair]:
    mine = clusters[one]
    own = rule.threshold + rule.hub * mine.hubness / mine.size
    for other, total in mine.sums.items():
        theirs = clusters[other]
        mean = total / (mine.size * theirs.size)
        score = mean - own - rule.hub * theirs.hubness / theirs.size
        if score >= 0 and mean >= rule.floor:
            ages = (mine.age, theirs.age)
            yield _Pair(-score, one, other, ages) if one < other else _Pair(-score, other, one, ages[::-1])


def _is_current(pair: _Pair, clusters: dict[int, _Cluster]) -> bool:
    one, other = clusters.get(pair.one), clusters.get(pair.other)
    return one is not None and other is not None and pair.ages == (one.age, other.age)


def _join(one: int, other: int, clusters: dict[int, _Cluster]) -> None:
    kept, gone = clusters[one], clusters.pop(other)
    kept.size += gone.size
    kept.hubness += gone.hubness
    kept.age += 1
    for third, total in gone.sums.items():
        back = clusters[third].sums
        del back[other]
        if third != one:
            kept.sums[third] = back[one] = kept.sums.get(third, 0.0) + total


def _root(cluster: int, parent: dict[int, int]) -> int:
    while cluster in parent:
        cluster = parent[cluster]
    return cluster
