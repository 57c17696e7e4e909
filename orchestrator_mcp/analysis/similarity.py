"""How alike are texts, by the words and the letters they share?"""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from orchestrator_mcp.analysis.grouping_words import EMPTY_WORDS

Bag = Mapping[str, float]
Vector = dict[str, float]
Edges = list[dict[int, float]]
Postings = dict[str, list[tuple[int, float]]]

MANY = 800  # texts from which on only the nearest pairs are looked at,
WORK = 6_000_000  # or from so many products of two weights on:
NEAREST, FEWEST = 30, 6  # these many, or fewer where that were too much work too,
LEADS = 24  # found by the stems that weigh most,
COMMON, LATEST = 0.02, 60  # among the latest texts with the same stem: at most this share of all, and so many
STEM = "="  # what a stem among the features begins with
SHORTEST_STEM, LONG_STEM = 3, 5
LONGEST, SHORTEST = 4000, 200  # characters of a text whose words count: at most, and however many texts there are
CHARACTERS = 600_000  # of all texts together

_WORD = re.compile(r"[^\W_]{1,40}(?:'[^\W_]{1,10})?")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
# What is taken off the end of a word, the first that fits, and what is put in its place.
_ENDINGS = {
    **dict.fromkeys(("ations", "ation", "ating", "ated", "ates", "ate", "ators", "ator"), ""),
    **dict.fromkeys(("ings", "ing", "edly", "ed", "ions", "ion", "ly"), ""),
    **dict.fromkeys(("ies", "ied"), "y"),
    **{ending: ending[:-2] for ending in ("sses", "ches", "shes", "xes")},
    **{ending: ending for ending in ("ss", "us", "is")},
    "s": "",
}
_DOUBLED = re.compile(r"([bdgmnprt])\1$")
_NOUN = "ment"


def openings(texts: Sequence[str]) -> list[str]:
    """What is compared of each text: the more texts, the less of each."""
    length = max(SHORTEST, min(LONGEST, CHARACTERS // max(1, len(texts))))
    return [text[:length] for text in texts]


def words_of(text: str) -> list[str]:
    return [word for word in _WORD.findall(_HUMP.sub(" ", text).casefold()) if word not in EMPTY_WORDS]


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """What is left of a word without its inflection: `commit` of `committing`, `fil` of `file` and of `files`."""
    for ending, instead in _ENDINGS.items():
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= SHORTEST_STEM:
            word = word.removesuffix(ending) + instead
            break
    if len(word) >= len(_NOUN) + LONG_STEM:
        word = word.removesuffix(_NOUN)
    if len(word) > SHORTEST_STEM:
        word = word.removesuffix("e")
    return _DOUBLED.sub(r"\1", word) if len(word) > SHORTEST_STEM else word


@lru_cache(maxsize=1 << 14)
def _grams(word: str) -> tuple[str, ...]:
    word = f" {word} "
    return tuple(word[i : i + n] for n in (3, 4, 5) for i in range(len(word) - n + 1))


def stems(text: str) -> Counter[str]:
    return Counter(STEM + stem(word) for word in words_of(text))


def letters(text: str) -> Counter[str]:
    """Every run of three to five letters inside a word, its edges marked."""
    return Counter(chain.from_iterable(map(_grams, words_of(text))))


def unit_vectors(bags: Sequence[Bag]) -> list[Vector]:
    """One vector of length 1 per bag, in which rare features weigh more.

    Not so much more, hence the root, that what a text alone has drowns what it shares. Only products of two of them
    mean something: what a single bag has is left out, and features that always come together are one. That makes
    the vectors many times shorter, and no product different.
    """
    count = Counter(chain.from_iterable(bags))
    rarity = {feature: math.sqrt(math.log((1 + len(bags)) / (1 + n)) + 1) for feature, n in count.items()}
    together = _together(bags)
    leads = {traces: feature for feature, traces in reversed(together.items()) if count[feature] > 1}
    sizes = Counter(together.values())
    root = {feature: math.sqrt(sizes[traces]) for traces, feature in leads.items()}
    return [_unit({f: (1 + math.log(n)) * rarity[f] for f, n in bag.items()}, root) for bag in bags]


def _together(bags: Sequence[Bag]) -> dict[str, int]:
    """Of each feature a number that tells where it is found and how often: equal for those always together."""
    traces: dict[str, int] = defaultdict(int)
    for number, bag in enumerate(bags):
        for feature, n in bag.items():
            traces[feature] = hash((traces[feature], number, n))
    return traces


def _unit(vector: Vector, root: Vector) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {feature: weight * root[feature] / length for feature, weight in vector.items() if feature in root}


def blend(blocks: Iterable[tuple[Sequence[float] | float, Sequence[Vector]]]) -> list[Vector]:
    """Vectors whose product is the weighted sum of the products of their blocks."""
    joined: list[Vector] = []
    for number, (weights, vectors) in enumerate(blocks):
        joined = joined or [{} for _ in vectors]
        shares = [weights] * len(vectors) if isinstance(weights, float) else weights
        names: dict[str, str] = {}
        for whole, part, share in zip(joined, vectors, shares, strict=True):
            if share:
                root = math.sqrt(share)
                for feature, value in part.items():
                    whole[names.setdefault(feature, f"{number}{feature}")] = root * value
    return joined


def mean(vectors: Sequence[Vector]) -> Vector:
    """The vector whose product with another is the mean of the products of these."""
    total: Vector = defaultdict(float)
    for vector in vectors:
        for feature, weight in vector.items():
            total[feature] += weight / len(vectors)
    return total


def product(one: Vector, other: Vector) -> float:
    if len(one) > len(other):
        one, other = other, one
    return sum([weight * other[feature] for feature, weight in one.items() if feature in other])


def are_few(vectors: Sequence[Vector]) -> bool:
    """May every pair be looked at?"""
    if len(vectors) > MANY:
        return False
    return sum(n * n for n in Counter(chain.from_iterable(vectors)).values()) <= 2 * WORK


def edges_of(vectors: Sequence[Vector]) -> Edges:
    """For each vector its neighbours and their likeness: all of them, or where these are many the nearest."""
    return _all_edges(vectors) if are_few(vectors) else _nearest_edges(vectors)


def _all_edges(vectors: Sequence[Vector]) -> Edges:
    postings: Postings = defaultdict(list)
    edges: Edges = [{} for _ in vectors]
    for number, vector in enumerate(vectors):
        for other, likeness in _sums(vector, postings, len(vectors)).items():
            edges[number][other] = edges[other][number] = likeness
        _post(number, vector, postings)
    return edges


def _nearest_edges(vectors: Sequence[Vector]) -> Edges:
    """Whole stems find the candidates; only these are compared in full."""
    postings: Postings = defaultdict(list)
    edges: Edges = [{} for _ in vectors]
    limit = max(1, min(int(len(vectors) * COMMON), LATEST))
    nearest = max(FEWEST, min(NEAREST, 3 * WORK // max(1, sum(map(len, vectors)))))
    for number, vector in enumerate(vectors):
        lead = _lead(vector)
        found = _sums(lead, postings, limit)
        for other in heapq.nlargest(nearest, found, key=lambda other: (found[other], -other)):
            edges[number][other] = edges[other][number] = product(vector, vectors[other])
        _post(number, lead, postings)
    return edges


def _lead(vector: Vector) -> Vector:
    found = [(weight, feature) for feature, weight in vector.items() if feature[1] == STEM]
    return {feature: weight for weight, feature in heapq.nlargest(LEADS, found)}


def _sums(vector: Vector, postings: Postings, limit: int) -> dict[int, float]:
    found: dict[int, float] = defaultdict(float)
    for feature, weight in vector.items():
        for other, value in postings.get(feature, [])[-limit:]:
            found[other] += weight * value
    return found


def _post(number: int, vector: Vector, postings: Postings) -> None:
    for feature, weight in vector.items():
        postings[feature].append((number, weight))
