"""What grouping a file of texts found."""

from .base import Model, Result
from .pattern import Example


class TextGroup(Model):
    """Texts that say the same. `cohesion` is the mean share of members that have a member's word (0 … 1)."""

    id: str
    by: str | None
    template: str
    members: int
    joined_by: list[str]
    cohesion: float
    examples: list[Example]


class GroupedTexts(Result):
    """The answer to `group`: the groups of at least `min_frequency` texts, largest first."""

    texts: int
    groups: list[TextGroup]
    alone: int
    engine: str
    written: str | None = None
