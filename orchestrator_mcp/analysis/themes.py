"""What do several people say alike? Sentence by sentence, as one text may tell of many things."""

from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeVar

from .extraction_learnings import sentences
from .grouping import Entry, assign

LEAST = 2

Of = TypeVar("Of", bound=Hashable)


class Theme(NamedTuple):
    """One thing that is said again and again: in its first words, and in how many runs."""

    text: str
    runs: int


def themes(said: Iterable[tuple[Of, str]]) -> list[Theme]:
    """What is said in at least two runs, most often first.

    Args:
        said: texts, each with the run in which it was said, in a settled order.
    """
    every = [(run, sentence) for run, text in said for sentence, _ in sentences(text)]
    joined: dict[str, list[tuple[Of, str]]] = {}
    for group, one in zip(assign(Entry(feedback=sentence) for _, sentence in every), every, strict=True):
        joined.setdefault(group, []).append(one)
    found = [Theme(members[0][1], len({run for run, _ in members})) for members in joined.values()]
    return sorted((one for one in found if one.runs >= LEAST), key=lambda one: (-one.runs, one.text))
