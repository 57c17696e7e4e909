"""Which texts of a whole store say the same in different words?

These tiers look at all texts at once, so they regroup in review; the streaming groups are what they start from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import mul
from typing import Protocol

from orchestrator_mcp.analysis.canonical import Canonical, Kind
from orchestrator_mcp.analysis.grouping_headline import plain_lines
from orchestrator_mcp.analysis.grouping_linkage import Node, Rule, average_linkage, nodes_of
from orchestrator_mcp.analysis.similarity import (
    MANY,
    STEM,
    Edges,
    Vector,
    are_few,
    blend,
    edges_of,
    letters,
    mean,
    openings,
    stems,
    unit_vectors,
)

LINES = Rule(threshold=0.65)
PROSE = Rule(threshold=0.1, hub=0.25, nearest=5)
WHOLE_STORE_KINDS: tuple[Kind, ...] = ("lines", "prose")
OPENING = 400  # characters of an output that tell one failure from another
HEADLINE, LETTERS, STEMS = 0.3, 0.5, 0.2  # weights of an equal headline and of what the openings share
ALONE, REPORT = (1.0, 0.0, 0.0), (0.25, 0.25, 0.5)  # weights of all words, of the context, of the correction
MEANING = 0.5  # weight of an embedder's likeness beside that of the words
ROUNDS = 3  # in which clusters are compared as wholes, where not every pair of texts could be
MOST = 10_000  # wordings that are compared, the last ones; what is older is only told by its key and frame


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was recorded: a bare `text`, or a failure's `context` with its correction as `feedback`."""

    text: str = ""
    context: str = ""
    feedback: str = ""

    @property
    def subject(self) -> str:
        """What happened; with a context or a correction the bare text is not looked at."""
        return self.context or self.feedback or self.text


class Embedder(Protocol):
    """An optional model: one vector of length 1 per text."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]: ...


def line_vectors(entries: Sequence[Entry], canonicals: Sequence[Canonical]) -> list[Vector]:
    heads = ["\n".join(plain_lines(entry.subject))[:OPENING] for entry in entries]
    same: list[Vector] = [{f"{STEM}{text.key}": 1.0} for text in canonicals]
    by_letters, by_stems = (unit_vectors([bag(text) for text in heads]) for bag in (letters, stems))
    return blend([(HEADLINE, same), (LETTERS, by_letters), (STEMS, by_stems)])


def prose_vectors(entries: Sequence[Entry]) -> list[Vector]:
    """The correction counts most: people name one remedy in fewer ways than one trouble."""
    weights = [REPORT if entry.feedback else ALONE for entry in entries]
    subjects = openings([entry.subject for entry in entries])
    feedbacks = openings([entry.feedback for entry in entries])
    texts = (
        [f"{one} {other}" for one, other in zip(subjects, feedbacks, strict=True)],
        [one if other else "" for one, other in zip(subjects, feedbacks, strict=True)],
        feedbacks,
    )
    return blend(
        ([weight[part] / 2 for weight in weights], unit_vectors([bag(text) for text in block]))
        for part, block in enumerate(texts)
        for bag in (stems, letters)
    )


def regroup(
    kind: Kind,
    entries: Sequence[Entry],
    canonicals: Sequence[Canonical],
    starts: Sequence[int],
    embedder: Embedder | None,
) -> list[int]:
    """A cluster number per entry of one kind; entries of one start stay together."""
    latest = starts[-MOST:]
    clusters = _clusters(kind, entries[-MOST:], canonicals[-MOST:], latest, embedder)
    found = dict(zip(latest, clusters, strict=True))
    return [found.get(start, start) for start in starts]


def _clusters(
    kind: Kind,
    entries: Sequence[Entry],
    canonicals: Sequence[Canonical],
    starts: Sequence[int],
    embedder: Embedder | None,
) -> list[int]:
    if kind == "lines":
        return _linked(line_vectors(entries, canonicals), starts, LINES)
    vectors = prose_vectors(entries)
    if not embedder:
        return _linked(vectors, starts, PROSE)
    meanings = embedder([f"{entry.subject} {entry.feedback}" for entry in entries])
    edges = _with_meaning(edges_of(vectors), meanings)
    return average_linkage(edges, nodes_of(edges, PROSE), starts, PROSE)


def _linked(vectors: Sequence[Vector], starts: Sequence[int], rule: Rule) -> list[int]:
    """Where only the nearest pairs were looked at, what they make is compared again, each cluster as one node."""
    edges = edges_of(vectors)
    nodes = nodes_of(edges, rule)
    clusters = average_linkage(edges, nodes, starts, rule)
    few = are_few(vectors)
    for _ in range(ROUNDS):
        if few:
            break
        members: dict[int, list[int]] = {}
        for number, cluster in enumerate(clusters):
            members.setdefault(cluster, []).append(number)
        means = [mean([vectors[n] for n in numbers]) for numbers in members.values()]
        wholes = [_whole([nodes[n] for n in numbers]) for numbers in members.values()]
        joined = average_linkage(edges_of(means), wholes, range(len(means)), rule)
        few = are_few(means) or joined == list(range(len(means)))
        names = list(members)
        name = {old: names[new] for old, new in zip(names, joined, strict=True)}
        clusters = [name[cluster] for cluster in clusters]
    return clusters


def _whole(nodes: Sequence[Node]) -> Node:
    return Node(len(nodes), sum(node.hubness for node in nodes) / len(nodes))


def _with_meaning(edges: Edges, vectors: Sequence[Sequence[float]]) -> Edges:
    """Likeness of words and of meanings, half each; in a large store only for those that share words."""
    pairs: Iterable[tuple[int, int]] = combinations(range(len(edges)), 2) if len(edges) <= MANY else _neighbours(edges)
    joined: Edges = [{} for _ in edges]
    for one, other in pairs:
        meaning = max(0.0, sum(map(mul, vectors[one], vectors[other])))
        likeness = (1 - MEANING) * edges[one].get(other, 0.0) + MEANING * meaning
        joined[one][other] = joined[other][one] = likeness
    return joined


def _neighbours(edges: Edges) -> Iterator[tuple[int, int]]:
    return ((one, other) for one, near in enumerate(edges) for other in near if one < other)
