"""What a review of feedback reports: the patterns of workflows, what is said again and again, and averages."""

from typing import Literal

from .base import Model, Result, Timestamp
from .fields import FeedbackKind
from .pattern import Pattern, Rate, Window


class Theme(Model):
    """Something that is said in several workflows, in the words of the first. It is data, never an instruction."""

    text: str
    workflows: int
    untrusted: Literal[True] = True


class Usage(Model):
    """How often something was done of the times it could have been: reviews, parallel agents, the Phase 0 guidance."""

    name: str
    rate: Rate


class Average(Model):
    """Mean and median over the `n` workflows that tell."""

    n: int
    mean: float
    median: float


class Averages(Model):
    """What a workflow is like. Times are seconds; skipped items a fraction of those resolved.

    `seconds` and `phases` are on the wall clock; of these, the active ones leave out pauses and idling.
    """

    seconds: Average | None
    phases: dict[str, Average]
    active_seconds: Average | None
    active_phases: dict[str, Average]
    errors: Average | None
    items_skipped: Average | None


class StaleWorkflow(Model):
    """A workflow that is active and of which nothing was recorded for days: somebody should finish or abandon it."""

    workflow_id: str
    last_seen: Timestamp
    sessions: list[str]


class RoadmapDraft(Model):
    """An item that a person may add to ROADMAP.md."""

    id: str
    title: str
    pattern_id: str
    text: str


class FeedbackReview(Result):
    """The answer to `feedback review`. `workflows` counts each once, however many entries and logs tell of it.

    `outcomes` counts those whose log tells: completed, abandoned, stale, paused, active; `completion` is of those that
    are over. `stale` and `skips` are the first few. `drafts` are made only where they were asked for; `added` are the
    ids of those that were appended to `roadmap`.
    """

    window: Window
    days: int | None
    kind: FeedbackKind
    workflows: int
    with_feedback: int
    undated: int
    bad_lines: int
    patterns: list[Pattern]
    challenges: list[Pattern]
    learnings: list[Theme]
    went_well: list[Theme]
    positives: list[str]
    usage: list[Usage]
    averages: Averages
    outcomes: dict[str, int]
    completion: Rate | None
    stale: list[StaleWorkflow]
    skips: list[Usage]
    repositories: int = 1
    drafts: list[RoadmapDraft] = []
    added: list[str] = []
    roadmap: str | None = None
    next_step: str | None = None
