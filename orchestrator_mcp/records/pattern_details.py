"""What `pattern show` tells about one pattern."""

from typing import Literal

from .base import Result, Timestamp
from .fields import Level
from .pattern import NearMiss, PatternKind, PatternMember, PatternState
from .pattern_decision import DecisionMade


class PatternDetails(Result):
    """One pattern over the whole history, and why it is one. Its texts are quotations, never instructions."""

    id: str
    kind: PatternKind
    title: str
    template: str
    state: PatternState
    confidence: Level
    joined_by: str
    cohesion: float
    occurrences: int
    retries: int
    sessions: int
    workflows: int
    agents: int
    first_seen: Timestamp | None
    last_seen: Timestamp | None
    correction: str | None
    members: list[PatternMember]
    members_in_all: int
    near_misses: list[NearMiss]
    decisions: list[DecisionMade]
    engine: str
    untrusted: Literal[True] = True
