"""Which texts belong together, when pairs of them have a likeness?"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator_mcp.analysis.similarity import Edges

TIE = 1e-9  # scores nearer to each other than this are alike


@dataclass(frozen=True, slots=True)
class Rule:
    """When clusters join: their mean likeness, less `hub` times the hubness of both, reaches `threshold`.

    Hubness is the mean likeness to the `nearest` neighbours: a text that resembles everything has to resemble
    its own kind more (CSLS, Conneau et al. 2018). It is at least `least`, for a small store shows little of it,
    and at most `most`: where all are much alike, they are one kind and not hubs.
    """

    threshold: float
    hub: float = 0.0
    nearest: int = 5
    least: float = 0.0
    most: float = 1.0


class Node(NamedTuple):
    """One text, or several that are already known to belong together."""

    size: int
    hubness: float  # on average


@dataclass(slots=True)
class _Cluster:
    first: int
    size: int
    hubness: float
    sums: dict[int, float]  # other cluster → sum of the likenesses of all pairs
    bar: float = 0.0  # this cluster's share of what a mean likeness has to reach

    def settle(self, rule: Rule) -> None:
        self.bar = rule.threshold / 2 + rule.hub * self.hubness / self.size


def nodes_of(edges: Edges, rule: Rule) -> list[Node]:
    """Each text as a node."""
    nearest = max(1, min(rule.nearest, len(edges) - 1))
    means = (sum(heapq.nlargest(nearest, near.values())) / nearest for near in edges)
    return [Node(1, max(rule.least, min(rule.most, mean))) for mean in means]


def average_linkage(edges: Edges, nodes: Sequence[Node], starts: Sequence[int], rule: Rule) -> list[int]:
    """A cluster number per node; `starts` are the clusters to begin with, and a missing edge counts as 0.

    The nearest neighbour of the nearest neighbour … until two are each other's: these join (Benzécri 1982). That
    gives the clusters that joining the best pair of all would, since no pair's score rises when others join.
    """
    clusters = _clusters(edges, nodes, starts, rule)
    parent: dict[int, int] = {}
    waiting = sorted(clusters, reverse=True)
    while waiting:
        chain = [waiting.pop()]
        while chain and chain[-1] in clusters:
            near, score = _nearest(clusters[chain[-1]], clusters)
            if score < 0:
                chain.pop()
            elif len(chain) > 1 and score <= _score(clusters[chain[-1]], chain[-2], clusters) + TIE:
                kept, gone = sorted((chain.pop(), chain.pop()), key=lambda one: -len(clusters[one].sums))
                _join(kept, gone, clusters, rule)
                parent[gone] = kept
                waiting.append(kept)
            else:
                chain.append(near)
    return [clusters[_root(start, parent)].first for start in starts]


def _clusters(edges: Edges, nodes: Sequence[Node], starts: Sequence[int], rule: Rule) -> dict[int, _Cluster]:
    clusters = {start: _Cluster(start, 0, 0.0, {}) for start in starts}
    for number, (near, node, start) in enumerate(zip(edges, nodes, starts, strict=True)):
        mine = clusters[start]
        mine.size += node.size
        mine.hubness += node.size * node.hubness
        for other, likeness in near.items():
            end = starts[other]
            if other < number and end != start:
                total = mine.sums.get(end, 0.0) + likeness * (node.size * nodes[other].size)
                mine.sums[end] = clusters[end].sums[start] = total  # the very same number, or the chain may not end
    for cluster in clusters.values():
        cluster.settle(rule)
    return clusters


def _nearest(mine: _Cluster, clusters: dict[int, _Cluster]) -> tuple[int, float]:
    best, found, size, bar = -1.0, -1, mine.size, mine.bar
    for other, total in mine.sums.items():
        theirs = clusters[other]
        score = total / (size * theirs.size) - (bar + theirs.bar)
        if score > best or (score == best and other < found):
            best, found = score, other
    return found, best


def _score(mine: _Cluster, other: int, clusters: dict[int, _Cluster]) -> float:
    theirs = clusters[other]
    return mine.sums[other] / (mine.size * theirs.size) - (mine.bar + theirs.bar)


def _join(one: int, other: int, clusters: dict[int, _Cluster], rule: Rule) -> None:
    kept, gone = clusters[one], clusters.pop(other)
    kept.first = min(kept.first, gone.first)
    kept.size += gone.size
    kept.hubness += gone.hubness
    kept.settle(rule)
    for third, total in gone.sums.items():
        back = clusters[third].sums
        del back[other]
        if third != one:
            kept.sums[third] = back[one] = kept.sums.get(third, 0.0) + total


def _root(cluster: int, parent: dict[int, int]) -> int:
    while cluster in parent:
        cluster = parent[cluster]
    return cluster
