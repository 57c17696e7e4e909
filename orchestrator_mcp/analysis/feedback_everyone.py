"""What do many installations say of the tool?

An installation has one vote on each question, whatever its number of workflows: what most of its entries say.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median_low
from typing import NamedTuple

from orchestrator_mcp.records.feedback_everyone import Count, Finding
from orchestrator_mcp.records.feedback_shared import SharedFeedback
from orchestrator_mcp.records.fields import Helpful, ReviewsAnswer, YesNo
from orchestrator_mcp.records.pattern import PatternKind

from .anonymize import CUSTOM_ITEM
from .detectors import HALF, OF_RUNS, RARELY
from .patterns import SKIPPED_RATE, rate, rate_is_pattern

Entries = Mapping[str, Sequence[SharedFeedback]]
"""Each unit's entries."""

LEAST_INSTALLATIONS = 2
SHOWN = 10


class Question(NamedTuple):
    """One row: what an entry says (None: nothing), and what is said and advised where it goes wrong for many.

    `wrong` is None where a yes is itself what goes wrong; else a no is. `threshold` is the share that is many.
    """

    key: str
    title: str
    answer: Callable[[SharedFeedback], bool | None]
    wrong: str | None
    threshold: float
    advice: str


def _helpful(one: SharedFeedback) -> bool | None:
    return {Helpful.YES: True, Helpful.NO: False}.get(one.answers.phase0_helpful or Helpful.DIDNT_SEE)


def _reviews(one: SharedFeedback) -> bool | None:
    """What was answered is believed before what was seen."""
    answered = one.answers.reviews_worked
    return one.reviews_worked if answered is None else answered is ReviewsAnswer.YES


def _failed(one: SharedFeedback) -> bool | None:
    answered = one.answers.commands_failed
    return None if answered is None else answered is YesNo.YES


_GUIDANCE = "Improve the Phase 0 guidance: say when several agents help."

QUESTIONS = (
    Question("phase0_helpful", "Phase 0 guidance helpful", _helpful, "Phase 0 guidance is no help", HALF, _GUIDANCE),
    Question(
        "phase0_used", "Phase 0 guidance used", lambda one: one.phase0_guidance_used,
        "Phase 0 guidance is unused", RARELY, _GUIDANCE,
    ),
    Question(
        "reviews_worked", "Reviews worked", _reviews, "reviews are missing or fail", HALF,
        OF_RUNS[PatternKind.MISSING_REVIEW].advice,
    ),
    Question(
        "commands_failed", "orchestrator commands failed", _failed, None, HALF,
        "Look at the errors below, the most common first.",
    ),
)  # fmt: skip


def by_unit(entries: Iterable[SharedFeedback]) -> Entries:
    """The entries of each installation in each month."""
    found: dict[str, list[SharedFeedback]] = defaultdict(list)
    for one in entries:
        found[f"{month_of(one)} {one.installation_hash}"].append(one)
    return found


def month_of(entry: SharedFeedback) -> str:
    """`2026-11`."""
    return entry.day[:7]


def rates_of(units: Entries) -> list[tuple[Question, Finding]]:
    """Every question that anybody answered."""
    asked = [(row, _asked(row, units)) for row in (*QUESTIONS, *_skipped(units))]
    return [(row, found) for row, found in asked if found.rate.n]


def patterns_of(rates: Sequence[tuple[Question, Finding]]) -> list[Finding]:
    """What goes wrong for so many that it is a pattern, the surest first."""
    wrong = [(row, _turned(row, one) if row.wrong else one) for row, one in rates]
    found = [
        one.model_copy(update={"suggestion": row.advice})
        for row, one in wrong
        if rate_is_pattern(one.rate, row.threshold)
    ]
    return sorted(found, key=lambda one: (-one.rate.low, one.title))


def praised(rates: Sequence[tuple[Question, Finding]]) -> list[Finding]:
    """What goes well for most."""
    return [one for row, one in rates if row.wrong and rate_is_pattern(one.rate)]


def _turned(row: Question, found: Finding) -> Finding:
    return found.model_copy(update={"title": row.wrong, "rate": rate(found.rate.n - found.rate.k, found.rate.n)})


def errors_of(units: Entries) -> list[Finding]:
    """The tool's own errors, and items found confusing, that more than one installation told of even once."""
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for unit, entries in units.items():
        for one in entries:
            for error in one.orchestrator_errors:
                said["error", error].append(unit)
            for item in one.confusing_items:
                said["confusing", item].append(unit)
    found = [
        Finding(key=kind, title=text, rate=rate(len(set(where)), len(units)), entries=len(where))
        for (kind, text), where in said.items()
        if len(set(where)) >= LEAST_INSTALLATIONS
    ]
    return sorted(found, key=lambda one: (-one.rate.k, one.title))[:SHOWN]


def shares_of(units: Entries, name: str) -> list[Count]:
    """How many installations have each value of a field, by their newest entry."""
    newest = (max(entries, key=lambda one: one.day) for entries in units.values())
    return [Count(name=value, count=n) for value, n in Counter(getattr(one, name) for one in newest).most_common(SHOWN)]


def median_seconds(units: Entries) -> int | None:
    """The median installation's median workflow."""
    return _median([_median([one.duration_seconds for one in entries]) for entries in units.values()])


def median_phases(units: Entries) -> dict[str, int]:
    """The same of each phase."""
    names = sorted({name for entries in units.values() for one in entries for name in one.phases})
    found = {
        name: _median([_median([one.phases.get(name) for one in entries]) for entries in units.values()])
        for name in names
    }
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def _skipped(units: Entries) -> Iterator[Question]:
    """An entry tells only what was skipped, so whoever skipped nothing, or had no such item, counts as a no."""
    items = {item for entries in units.values() for one in entries for item in one.items_skipped} - {CUSTOM_ITEM}
    advice = OF_RUNS[PatternKind.SKIPPED_ITEM].advice
    for item in sorted(items):
        yield Question(f"skipped {item}", f"{item} is skipped", _skips(item), None, SKIPPED_RATE, advice)


def _skips(item: str) -> Callable[[SharedFeedback], bool]:
    return lambda one: item in one.items_skipped


def _asked(row: Question, units: Entries) -> Finding:
    answers = {unit: [row.answer(one) for one in entries] for unit, entries in units.items()}
    votes = [vote for said in answers.values() if (vote := _vote(said)) is not None]
    told = sum(one is not None for said in answers.values() for one in said)
    return Finding(key=row.key, title=row.title, rate=rate(sum(votes), len(votes)), entries=told)


def _vote(said: Sequence[bool | None]) -> bool | None:
    """What half of the entries that tell say, or more."""
    told = [one for one in said if one is not None]
    return 2 * sum(told) >= len(told) if told else None


def _median(values: Iterable[int | None]) -> int | None:
    told = [one for one in values if one is not None]
    return median_low(told) if told else None
