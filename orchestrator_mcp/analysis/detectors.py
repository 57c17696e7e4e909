"""What goes wrong in most of the workflows in which it could: one row for each thing that is looked for.

Every row asks runs a question with yes or no. Its denominator are opportunities: runs that give an answer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.records.pattern import PatternKind, Rate

from .anonymize import OTHER_PHASE
from .patterns import SKIPPED_RATE, rate, rate_is_pattern, rate_text
from .runs import Run
from .unusual import unusual, usual

HALF = 0.5
RARELY = 0.7
"""Parallel agents are rarely used if so many of the runs that could have did not: the old tool's 30 %, turned round."""


class History(NamedTuple):
    """The runs that a review looks at, and those that came before."""

    now: Sequence[Run]
    before: Sequence[Run]


class Case(NamedTuple):
    """One question's answers: the runs in which something went wrong, and those in which it did not.

    `key` tells the questions of one row apart; `said` is what is said if it goes wrong often, `thing` what it is about.
    """

    key: str
    said: str
    thing: str
    wrong: Sequence[Run]
    right: Sequence[Run]

    @property
    def rate(self) -> Rate:
        return rate(len(self.wrong), len(self.wrong) + len(self.right))

    @property
    def praise(self) -> Rate:
        return rate(len(self.right), len(self.wrong) + len(self.right))


class Detector(NamedTuple):
    """One row: from which share on it is a pattern, what to do then, and what is said if it hardly ever goes wrong.

    `about` is whom it concerns: who makes the tool, or who uses it in a project. `draft` titles a roadmap item.
    """

    kind: PatternKind
    about: FeedbackKind
    threshold: float
    advice: str
    draft: str
    praise: str | None
    cases: Callable[[History], Iterator[Case]]


def detected(history: History) -> Iterator[tuple[Detector, Case]]:
    """Every case that is a pattern."""
    for row in DETECTORS:
        for case in row.cases(history):
            if rate_is_pattern(case.rate, row.threshold):
                yield row, case


def praised(history: History) -> Iterator[tuple[Detector, str]]:
    """What goes well, of what could go wrong."""
    for row in DETECTORS:
        for case in row.cases(history) if row.praise else ():
            if rate_is_pattern(case.praise):
                yield row, f"{row.praise}: {rate_text(case.praise)}"


def _skipped_items(history: History) -> Iterator[Case]:
    """A run that only lists what it skipped counts as having done all else: that errs towards saying nothing."""
    for item in sorted({item for run in history.now for item, skipped in run.items.items() if skipped}):
        known = [run for run in history.now if item in run.items or run.lists_skipped]
        wrong = [run for run in known if run.items.get(item)]
        yield Case(item, f"{item} is skipped", item, wrong, _others(known, wrong))


def _missing_reviews(history: History) -> Iterator[Case]:
    due = [run for run in history.now if run.reviewed is not None]
    wrong = [run for run in due if not run.reviewed]
    yield Case("review", "reviews are missing", "reviews", wrong, _others(due, wrong))


def _unused_parallel(history: History) -> Iterator[Case]:
    said = [run for run in history.now if run.parallel is not None]
    wrong = [run for run in said if not run.parallel]
    yield Case("parallel", "parallel agents are unused", "parallel agents", wrong, _others(said, wrong))


def _phase_timing(history: History) -> Iterator[Case]:
    """The runs before are the measure; where a review looks at everything, its earlier half is."""
    now, before = history
    if not before:
        half = len(now) // 2
        now, before = now[half:], now[:half]
    for phase in sorted({phase for run in now for phase in run.phases}):
        known = usual([_worked(run, phase) for run in before if phase in run.phases])
        if known is None or phase == OTHER_PHASE:
            continue
        timed = [run for run in now if phase in run.phases]
        for sign, how in ((1, "longer"), (-1, "shorter")):
            wrong = [run for run in timed if unusual(_worked(run, phase), known) == sign]
            said = f"{phase} takes {how} than the usual {minutes(known.seconds)}"
            yield Case(f"{phase} {how}", said, f"{phase} takes {how}", wrong, _others(timed, wrong))


def _worked(run: Run, phase: str) -> int:
    """A night's rest is no long phase: active time, unless only the wall clock is known."""
    return run.active_phases.get(phase, run.phases[phase])


def minutes(seconds: float) -> str:
    """`15 min`, or seconds where minutes say too little."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004  two minutes


def _others(runs: Sequence[Run], these: Sequence[Run]) -> list[Run]:
    taken = set(map(id, these))
    return [run for run in runs if id(run) not in taken]


DETECTORS = (
    Detector(
        PatternKind.SKIPPED_ITEM, FeedbackKind.TOOL, SKIPPED_RATE,
        "Make the item optional, or remove it, if skipping it is right.",
        "Make the workflow item {thing} optional, or remove it",
        None, _skipped_items,
    ),
    Detector(
        PatternKind.MISSING_REVIEW, FeedbackKind.TOOL, HALF,
        "Add a reminder before the REVIEW phase ends, or require one review.",
        "Remind of reviews before the REVIEW phase ends",
        "Reviews performed consistently", _missing_reviews,
    ),
    Detector(
        PatternKind.UNUSED_PARALLEL, FeedbackKind.PROCESS, RARELY,
        "Improve the Phase 0 guidance in workflow.yaml: say when several agents help.",
        "Improve the Phase 0 guidance on parallel agents in workflow.yaml",
        "Parallel agents used consistently", _unused_parallel,
    ),
    Detector(
        PatternKind.PHASE_TIMING, FeedbackKind.TOOL, HALF,
        "Look at what changed: the tasks, the items of the phase, or how it is worked.",
        "Find out why {thing} than it used to",
        None, _phase_timing,
    ),
)  # fmt: skip

OF_RUNS = {row.kind: row for row in DETECTORS}
