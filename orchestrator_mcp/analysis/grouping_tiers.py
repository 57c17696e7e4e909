"""Which texts of a whole store say the same in different words?

These tiers look at all texts at once, so they regroup in review; the streaming groups are what they start from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator_mcp.analysis.canonical import Canonical, Kind
from orchestrator_mcp.analysis.grouping_headline import headline, is_bare_traceback, plain_lines
from orchestrator_mcp.analysis.grouping_linkage import Node, Rule, average_linkage, nodes_of
from orchestrator_mcp.analysis.grouping_meaning import Meanings, joined_meanings
from orchestrator_mcp.analysis.similarity import (
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
PROSE = Rule(threshold=0.115, hub=0.3, nearest=5, least=0.08, most=0.5)
MEANT = Rule(threshold=0.16, hub=0.3, nearest=5)
WHOLE_STORE_KINDS: tuple[Kind, ...] = ("lines", "prose")
OPENING = 400  # characters of an output that tell one failure from another
HEADLINE, LETTERS, STEMS = 0.3, 0.5, 0.2  # weights of an equal headline and of what the openings share
CORRECTION, TELLING = 0.5, 4  # weight of a correction beside all words together, and words from which on it has it
OF_STEMS, OF_LETTERS = 0.7, 0.3  # weights of what prose shares
MEANING = 0.75  # weight of an embedder's likeness beside that of the words
NEAREST = 10  # by meaning, that are looked at where not every pair of texts can be
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
    """The correction counts once more: people name one remedy in fewer ways than one trouble, unless in a word."""
    subjects = openings([entry.subject for entry in entries])
    corrections = openings([entry.feedback for entry in entries])
    words = [f"{subject} {correction}" for subject, correction in zip(subjects, corrections, strict=True)]
    weights = list(map(_weight, corrections))
    return blend(
        ([share * weight for weight in part], unit_vectors([bag(text) for text in texts]))
        for part, texts in (([1 - weight for weight in weights], words), (weights, corrections))
        for share, bag in ((OF_STEMS, stems), (OF_LETTERS, letters))
    )


def prose_meanings(entries: Sequence[Entry], embedder: Embedder) -> Meanings:
    """What all of an entry says, and once more what its correction says, weighed as its words are."""
    whole = embedder([f"{_said(entry.subject)} {entry.feedback}".strip() for entry in entries])
    weights = {number: weight for number, entry in enumerate(entries) if (weight := _weight(entry.feedback))}
    return joined_meanings(whole, embedder([entries[number].feedback for number in weights]), weights)


def _weight(correction: str) -> float:
    """A word or two of advice, such as `fix it`, go with anything."""
    return CORRECTION * min(1.0, len(stems(correction)) / TELLING) ** 3


def _said(text: str) -> str:
    """A model reads so many words: of several lines it gets the one that tells first, and no stack."""
    lines = plain_lines(text)
    if len(lines) <= 1:
        return text
    return headline(lines) if is_bare_traceback(lines) else f"{headline(lines)}\n{text}"


def regroup(
    kind: Kind,
    entries: Sequence[Entry],
    canonicals: Sequence[Canonical],
    starts: Sequence[int],
    embedder: Embedder | None,
) -> list[int]:
    """A cluster number per entry of one kind; entries of one start stay together."""
    if not entries:
        return []
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
    # A wrapper alone, such as `Exit code 1`, may stand around anything: then only the correction tells.
    entries = [
        entry if text.key else Entry(feedback=entry.feedback) for entry, text in zip(entries, canonicals, strict=True)
    ]
    vectors = prose_vectors(entries)
    if not embedder:
        return _linked(vectors, starts, PROSE)
    return _linked(vectors, starts, MEANT, prose_meanings(entries, embedder))


def _linked(
    vectors: Sequence[Vector], starts: Sequence[int], rule: Rule, meanings: Meanings | None = None
) -> list[int]:
    """Where only the nearest pairs were looked at, what they make is compared again, each cluster as one node."""
    edges = _edges(vectors, meanings)
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
        edges = _edges(means, meanings and meanings.of(members.values()))
        joined = average_linkage(edges, wholes, range(len(means)), rule)
        few = are_few(means) or joined == list(range(len(means)))
        names = list(members)
        name = {old: names[new] for old, new in zip(names, joined, strict=True)}
        clusters = [name[cluster] for cluster in clusters]
    return clusters


def _whole(nodes: Sequence[Node]) -> Node:
    return Node(len(nodes), sum(node.hubness for node in nodes) / len(nodes))


def _edges(vectors: Sequence[Vector], meanings: Meanings | None) -> Edges:
    edges = edges_of(vectors)
    return _with_meaning(edges, vectors, meanings) if meanings else edges


def _with_meaning(edges: Edges, vectors: Sequence[Vector], meanings: Meanings) -> Edges:
    """Likeness of words and of meanings; in a large store only of those that are near by either."""
    joined: Edges = [{} for _ in edges]
    for one, other, meaning in meanings.pairs(edges, len(edges) if are_few(vectors) else NEAREST):
        if other not in joined[one]:
            likeness = (1 - MEANING) * edges[one].get(other, 0.0) + MEANING * max(0.0, meaning)
            joined[one][other] = joined[other][one] = likeness
    return joined
