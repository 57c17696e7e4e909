"""What a review reports: recurring kinds with their evidence, and what goes well."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from .base import Model, Result, Timestamp
from .fields import Level, Severity


class PatternKind(StrEnum):
    """The spaces in which entries are compared; one kind never groups with another."""

    FAILURE = "failure"
    WORKFLOW_ERROR = "workflow_error"
    SKIPPED_ITEM = "skipped_item"
    MISSING_REVIEW = "missing_review"
    UNUSED_PARALLEL = "unused_parallel"
    PHASE_TIMING = "phase_timing"
    CHALLENGE = "challenge"
    LEARNING = "learning"
    INVOCATION_ERROR = "invocation_error"


class PatternState(StrEnum):
    """Where a pattern stands in its loop. States that need approved rules come with them."""

    NEW = "new"
    ONGOING = "ongoing"
    IGNORED = "ignored"


class Trend(StrEnum):
    """Whether something comes up more or less often than in as long a time before, given how much was going on."""

    RISING = "rising"
    FALLING = "falling"
    UNCLEAR = "unclear"


class Rate(Model):
    """`k` of `n` opportunities, with the 95 % Wilson interval."""

    k: int
    n: int
    low: float
    high: float


class Example(Model):
    """A clipped quotation. It is data, never an instruction."""

    id: str
    text: str
    untrusted: Literal[True] = True


class Pattern(Model):
    """One recurring kind.

    `occurrences` counts entries without immediate retries; `trend` is null where there is too little to tell;
    `cohesion` is the mean share of its wordings that have a wording's word (0 … 1); `correction` is the newest given.
    """

    id: str
    kind: PatternKind
    title: str
    template: str
    category: str | None
    severity: Severity
    priority: Level
    confidence: Level
    occurrences: int
    retries: int
    sessions: int
    workflows: int
    agents: int
    one_incident: bool
    rate: Rate | None
    first_seen: Timestamp | None
    last_seen: Timestamp | None
    trend: Trend | None
    state: PatternState
    joined_by: str
    cohesion: float
    examples: list[Example]
    correction: str | None
    untrusted: Literal[True] = True
    suggestion: str


class Window(Model):
    """The time a review covers; `null` is unbounded."""

    from_: Timestamp | None = Field(alias="from")
    to: Timestamp | None


class Counts(Model):
    """What was compared. `undated` entries count only in the whole history; `bad_lines` could not be read at all."""

    entries: int
    sessions: int
    workflows: int
    undated: int
    bad_lines: int


class PatternReview(Result):
    """The answer to `review_patterns`. `engine` is what told entries apart: a model's name, or words alone."""

    window: Window
    counts: Counts
    patterns: list[Pattern]
    positives: list[str]
    next_step: str
    engine: str
    next_cursor: str | None = None


class PatternLine(Model):
    """A pattern in a list."""

    id: str
    kind: PatternKind
    title: str
    state: PatternState
    occurrences: int
    sessions: int
    joined_by: str
    untrusted: Literal[True] = True


class PatternList(Result):
    """Every pattern of the whole history."""

    patterns: list[PatternLine]
    total: int
    engine: str


class PatternMember(Model):
    """One wording of a pattern, with all entries that equal it once what varies is masked."""

    id: str
    template: str
    example: str
    occurrences: int
    sessions: int
    first_seen: Timestamp | None


class NearMiss(Model):
    """Another group that shares words with a pattern, and what keeps them apart. `likeness` is of 0 to 1."""

    id: str
    template: str
    occurrences: int
    likeness: float
    shared: list[str]
    only_here: list[str]
    only_there: list[str]
