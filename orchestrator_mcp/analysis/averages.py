"""What is a workflow like, on average, and how often is done what could be done?"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from statistics import fmean, median

from orchestrator_mcp.records.feedback_review import Average, Averages, Usage
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.records.pattern import Rate

from .patterns import rate
from .runs import Run

MOST_SKIPPED = 5

_OVER = {"completed", "abandoned", "stale"}
_HELPFUL = {"yes": True, "no": False}
_ASKED: tuple[tuple[str, FeedbackKind, Callable[[Run], bool | None]], ...] = (
    ("reviews", FeedbackKind.TOOL, lambda run: run.reviewed),
    ("phase0_guidance", FeedbackKind.TOOL, lambda run: run.guided),
    ("phase0_helpful", FeedbackKind.TOOL, lambda run: _HELPFUL.get(run.helpful or "")),
    ("parallel_agents", FeedbackKind.PROCESS, lambda run: run.parallel),
)


def averages_of(runs: Sequence[Run]) -> Averages:
    """Each over those runs that tell."""
    names = dict.fromkeys(phase for run in runs for phase in run.phases)
    return Averages(
        seconds=_average(run.seconds for run in runs),
        phases={one: found for one in names if (found := _average(run.phases.get(one) for run in runs))},
        active_seconds=_average(run.active_seconds for run in runs),
        active_phases={one: found for one in names if (found := _average(run.active_phases.get(one) for run in runs))},
        errors=_average(run.errors for run in runs),
        items_skipped=_average(_share_skipped(run) for run in runs),
    )


def usage_of(runs: Sequence[Run], about: Container[FeedbackKind]) -> Iterator[Usage]:
    """Reviews, guidance and parallel agents: of the runs in which they applied."""
    for name, kind, answer in _ASKED:
        given = [said for run in runs if (said := answer(run)) is not None] if kind in about else []
        if given:
            yield Usage(name=name, rate=rate(sum(given), len(given)))


def outcomes_of(runs: Iterable[Run]) -> dict[str, int]:
    """How many runs ended, or stand, in which way; of those whose log tells."""
    return dict(Counter(run.outcome for run in runs if run.outcome is not None).most_common())


def completion_of(runs: Iterable[Run]) -> Rate | None:
    """How many were completed, of those that are over: completed, abandoned or stale."""
    over = [run.outcome == "completed" for run in runs if run.outcome in _OVER]
    return rate(sum(over), len(over)) if over else None


def skips_of(runs: Sequence[Run]) -> list[Usage]:
    """The items that are skipped most often, of the runs that resolved them."""
    known = [run.items for run in runs if not run.lists_skipped]
    skipped = Counter(item for items in known for item, skipped in items.items() if skipped)
    resolved = Counter(item for items in known for item in items)
    found = [Usage(name=item, rate=rate(times, resolved[item])) for item, times in skipped.items()]
    return sorted(found, key=lambda one: (-one.rate.k, one.rate.n, one.name))[:MOST_SKIPPED]


def _share_skipped(run: Run) -> float | None:
    if run.lists_skipped or not run.items:
        return None
    return sum(run.items.values()) / len(run.items)


def _average(values: Iterable[float | None]) -> Average | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Average(n=len(known), mean=round(fmean(known), 4), median=round(median(known), 4))
