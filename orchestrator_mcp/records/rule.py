"""What a suggested rule is; a person decides about it."""

from typing import Literal

from .base import Model, Record, Result
from .fields import Level


class Suggestion(Record):
    """A drafted rule with its evidence. `content_sha256` is over title, target and draft."""

    pattern_id: str
    title: str
    category: str | None = None
    priority: Level
    confidence: Level
    target: str
    draft: str
    content_sha256: str
    status: Literal["NEEDS_REVIEW"] = "NEEDS_REVIEW"
    entries: int
    sessions: int
    of_sessions: int


class SuggestionView(Model):
    """A suggestion as a caller sees it."""

    id: str
    pattern_id: str
    title: str
    category: str | None
    target: str
    priority: Level
    confidence: Level
    status: str
    entries: int
    sessions: int
    of_sessions: int
    draft: str
    untrusted: Literal[True] = True


class RulesSuggested(Result):
    """The answer to `suggest_rules`. `report` is the derived file's path under the store's root."""

    suggestions: list[SuggestionView]
    report: str | None
    next_step: str
    next_cursor: str | None = None
