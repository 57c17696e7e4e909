"""Which earlier entries is a new one near to? Few are looked at, so that the calling agent can be asked at once.

A shared feature weighs its rarity squared, as in a product of two TF-IDF vectors. What is looked at is bounded: of an
entry the rarest features, of each of these the latest entries that have it.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .grouping_tiers import Entry
from .similarity import stem, words_of

LEADS = 24  # features of an entry that are looked up,
LATEST = 60  # and earlier entries that are looked at for each
FLOOR = 0.08  # likeness below which an entry is not worth a question
LONGEST = 2000  # characters of a text that are looked at
START = 4  # letters by which words are akin whose endings no stemmer knows

_ANYWHERE, _CORRECTION, _START = "=", ">", "^"
_WEIGHT = {_ANYWHERE: 1.0, _CORRECTION: 0.7, _START: 0.6}  # people name one remedy in fewer ways than one trouble


class Postings(Protocol):
    """An inverted list of earlier entries: how many there are, and how many have a feature.

    `latest` gives the last of those that have it, each with how many features it has in all.
    """

    def size(self) -> int: ...
    def count(self, feature: str) -> int: ...
    def latest(self, feature: str, limit: int) -> Sequence[tuple[int, int]]: ...


def features(entry: Entry) -> set[str]:
    """The stems of all words, those of the correction once more, and how each word starts."""
    said = words_of(f"{entry.subject[:LONGEST]} {entry.feedback[:LONGEST]}")
    found = {_ANYWHERE + stem(word) for word in said} | {_START + word[:START] for word in said}
    return found | {_CORRECTION + stem(word) for word in words_of(entry.feedback[:LONGEST])}


def nearest(mine: set[str], earlier: Postings) -> list[tuple[int, float]]:
    """The earlier entries near to one with these features, best first, each with its likeness (0 … 1).

    Likeness is the share of the weight of what the entry says that the other says as well, less where the other says
    much more.
    """
    size = earlier.size()
    counts = {feature: earlier.count(feature) for feature in sorted(mine)}
    weights = {
        feature: _WEIGHT[feature[0]] * math.log(1 + (size + 1) / (1 + count)) ** 2 for feature, count in counts.items()
    }
    whole = sum(weights.values())
    leads = heapq.nlargest(LEADS, (one for one in weights if counts[one]), key=lambda one: (weights[one], one))
    shared: dict[tuple[int, int], float] = defaultdict(float)
    for feature in leads:
        for entry, length in earlier.latest(feature, LATEST):
            shared[entry, length] += weights[feature]
    found = [
        (entry, weight / whole * min(1.0, math.sqrt(len(mine) / length))) for (entry, length), weight in shared.items()
    ]
    return sorted((one for one in found if one[1] >= FLOOR), key=lambda one: (-one[1], one[0]))


@dataclass(slots=True)
class Listed:
    """`Postings` in memory."""

    entries: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    total: int = 0

    def add(self, mine: set[str]) -> None:
        """Add the next entry; they are numbered from 0."""
        for feature in mine:
            self.entries[feature].append((self.total, len(mine)))
        self.total += 1

    def size(self) -> int:
        return self.total

    def count(self, feature: str) -> int:
        return len(self.entries.get(feature, ()))

    def latest(self, feature: str, limit: int) -> Sequence[tuple[int, int]]:
        return self.entries.get(feature, [])[-limit:]


class Candidate(NamedTuple):
    """An earlier group that an entry may belong to."""

    group_id: str
    likeness: float


def candidates(entry: Entry, known: Mapping[str, Sequence[Entry]], *, limit: int = 5) -> list[Candidate]:
    """The groups nearest to an entry, best first, for the calling agent to judge; `known` holds their members."""
    listed = Listed()
    groups: list[str] = []
    for group_id, members in known.items():
        for member in members:
            listed.add(features(member))
            groups.append(group_id)
    best: dict[str, float] = {}
    for number, likeness in nearest(features(entry), listed):
        best.setdefault(groups[number], likeness)
    return [Candidate(*one) for one in list(best.items())[:limit]]
