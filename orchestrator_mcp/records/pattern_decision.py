"""What people and agents decide about patterns: one line of `rules/patterns.jsonl` each."""

from enum import StrEnum
from typing import Literal

from pydantic import model_validator

from .base import Model, Record, Result, Timestamp
from .pattern import PatternKind


class Verdict(StrEnum):
    """What was decided. People merge, split and ignore; an agent says of one entry what it is the same as, or new."""

    MERGE = "merge"
    SPLIT = "split"
    IGNORE = "ignore"
    SAME = "same"
    NEW = "new"


WEIGHT = ("agent", "person")
"""Who decides, in the order of their words' weight."""


class PatternDecision(Record):
    """One decision. It is taken back by `withdrawn`.

    Patterns and entries are named by wordings, which any regrouping leaves as they are: `wordings` are the other
    patterns (merge), what leaves the pattern (split), the entry (same), or the patterns it is none of (new).
    """

    verdict: Verdict
    kind: PatternKind
    pattern_id: str
    wordings: list[str] = []
    failure_id: str | None = None
    by: Literal["agent", "person"]
    reason: str | None = None
    withdrawn: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> "PatternDecision":
        if not self.wordings and self.verdict in {Verdict.MERGE, Verdict.SPLIT, Verdict.SAME}:
            msg = f"{self.verdict} names no wording"
            raise ValueError(msg)
        return self


class DecisionMade(Model):
    """A decision as `pattern show` lists it."""

    verdict: Verdict
    by: str
    at: Timestamp
    reason: str | None = None


class PatternDecided(Result):
    """What a pattern is after a decision: its id now, how many wordings it has, how many entries.

    `apart` is the pattern that its members became, if some were split off.
    """

    verdict: Verdict
    undone: bool = False
    pattern_id: str
    apart: str | None = None
    members: int
    occurrences: int
