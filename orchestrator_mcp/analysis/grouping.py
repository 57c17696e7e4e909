"""Do these entries say the same thing?

The cascade, cheapest tier first: equal keys, then frames (both streaming, `grouping_stream`); then, over the
whole store, likeness of multi-line outputs and of prose (`grouping_tiers`). Each text is routed by what it is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from orchestrator_mcp.analysis.canonical import Canonical, Kind, canonical
from orchestrator_mcp.analysis.grouping_masks import ANY
from orchestrator_mcp.analysis.grouping_stream import (
    JoinedBy,
    Memory,
    Placement,
    Tables,
    exact_key,
    pattern_id,
    place,
    root,
)
from orchestrator_mcp.analysis.grouping_tiers import (
    WHOLE_STORE_KINDS,
    Embedder,
    Entry,
    regroup,
)
from orchestrator_mcp.analysis.similarity import stem, words_of

__all__ = [
    "Embedder",
    "Entry",
    "Group",
    "JoinedBy",
    "Memory",
    "Placement",
    "Tables",
    "assign",
    "canonical_of",
    "cohesion",
    "common_template",
    "group",
    "key_of",
    "place",
    "root",
]

TELLING = 2  # words that a template must have to tell anything
TEMPLATES = 20  # members that are looked at for a group's template


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that say the same; `members` are their places in what was given, `joined_by` the tier of each.

    `cohesion` is the share of the members in which a member's word is found, on average (0 … 1).
    """

    id: str
    template: str
    members: tuple[int, ...]
    joined_by: tuple[JoinedBy, ...]
    cohesion: float


def canonical_of(entry: Entry) -> Canonical:
    """The canonical form of what happened; a failure with its correction is a report, and reports are prose."""
    return canonical(entry.subject, report=bool(entry.feedback))


def key_of(text: Canonical) -> str:
    """The id that a group begun by this text has; empty for a text that says nothing, which is like no other."""
    return pattern_id(exact_key(text)) if text.key else ""


def assign(entries: Iterable[Entry | str], *, embedder: Embedder | None = None) -> list[str]:
    """One group id per entry, in order; what is like nothing else has an id of its own."""
    known = [_entry(entry) for entry in entries]
    return _assign(known, [canonical_of(entry) for entry in known], embedder)


def group(entries: Iterable[Entry | str], *, embedder: Embedder | None = None) -> list[Group]:
    """The groups of these entries, single ones too, in the order of their first members."""
    known = [_entry(entry) for entry in entries]
    texts = [canonical_of(entry) for entry in known]
    members: dict[str, list[int]] = {}
    for number, group_id in enumerate(_assign(known, texts, embedder)):
        members.setdefault(group_id, []).append(number)
    whole: JoinedBy = "meaning" if embedder else "prose"
    return [_group(group_id, numbers, texts, whole) for group_id, numbers in members.items()]


def _entry(entry: Entry | str) -> Entry:
    return Entry(text=entry) if isinstance(entry, str) else entry


def _assign(entries: Sequence[Entry], texts: Sequence[Canonical], embedder: Embedder | None) -> list[str]:
    memory = Tables()
    placed = [place(text, memory).group_id for text in texts]
    ids = [root(group_id, memory) for group_id in placed]
    for kind in WHOLE_STORE_KINDS:
        chosen = _distinct(kind, entries, texts)
        numbers: dict[str, int] = {}
        starts = [numbers.setdefault(ids[n], len(numbers)) for n in chosen]
        clusters = regroup(kind, [entries[n] for n in chosen], [texts[n] for n in chosen], starts, embedder)
        first = list(numbers)
        joined = {ids[n]: first[cluster] for n, cluster in zip(chosen, clusters, strict=True)}
        ids = [joined.get(group_id, group_id) for group_id in ids]
    return ids


def _distinct(kind: Kind, entries: Sequence[Entry], texts: Sequence[Canonical]) -> list[int]:
    """One entry of each wording: a loop that logs the same a thousand times costs as much as one entry."""
    first: dict[tuple[str, str], int] = {}
    for number, (entry, text) in enumerate(zip(entries, texts, strict=True)):
        if text.kind == kind and (text.key or entry.feedback):
            first.setdefault((exact_key(text) if text.key else str(number), entry.feedback), number)
    return list(first.values())


def _group(group_id: str, members: Sequence[int], texts: Sequence[Canonical], whole: JoinedBy) -> Group:
    mine = [texts[number] for number in members]
    templates = list(dict.fromkeys(text.template for text in mine))[:TEMPLATES]
    return Group(
        group_id,
        common_template(templates),
        tuple(members),
        _tiers(mine, whole),
        cohesion([text.tokens for text in mine]),
    )


def _tiers(texts: Sequence[Canonical], whole: JoinedBy) -> tuple[JoinedBy, ...]:
    tiers: list[JoinedBy] = []
    seen: set[str] = set()
    by_kind: dict[str, JoinedBy] = {"machine": "frame", "lines": "lines", "prose": whole}
    for text in texts:
        key = pattern_id(exact_key(text))
        tiers.append("exact" if text.key and key in seen else by_kind[text.kind] if seen else "new")
        seen.add(key)
    return tuple(tiers)


def common_template(templates: Sequence[str]) -> str:
    """What all templates begin and end with, and what differs between them as `<*>`.

    Where that says nothing, as of the same thing in different words, the words that most of them have stay.
    """
    common = _ends(templates)
    if sum(word != ANY for word in common) < TELLING:
        common = _majority(templates)
    return " ".join(word for n, word in enumerate(common) if word != ANY or n == 0 or common[n - 1] != ANY)


def _majority(templates: Sequence[str]) -> list[str]:
    found_in = Counter(chain.from_iterable({stem(word) for word in words_of(template)} for template in templates))
    words = templates[0].split()
    kept = [word if _is_common(word, found_in, len(templates)) else ANY for word in words]
    return kept if set(kept) - {ANY} else words


def _is_common(word: str, found_in: Counter[str], count: int) -> bool:
    return any(2 * found_in[stem(part)] > count for part in words_of(word))


def _ends(templates: Sequence[str]) -> list[str]:
    common = templates[0].split()
    for template in templates[1:]:
        words = template.split()
        if len(words) == len(common):
            common = [a if a == b else ANY for a, b in zip(common, words, strict=True)]
        else:
            common = _around(common, words)
    return common


def _around(one: list[str], other: list[str]) -> list[str]:
    shorter = min(len(one), len(other))
    head = next((n for n in range(shorter) if one[n] != other[n]), shorter)
    tail = next((n for n in range(shorter - head) if one[-1 - n] != other[-1 - n]), shorter - head)
    return [*one[:head], ANY, *one[len(one) - tail :]]


def cohesion(texts: Sequence[Sequence[str]]) -> float:
    """The mean share of the texts that have a word of one of them (0 … 1)."""
    words = [set(tokens) - {ANY} for tokens in texts]
    found_in = Counter(chain.from_iterable(words))
    shares = [found_in[word] / len(texts) for mine in words for word in mine]
    return round(sum(shares) / len(shares), 3) if shares else 1.0
