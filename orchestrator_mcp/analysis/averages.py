"""What is a workflow like, on average, and how often is done what could be done?"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from statistics import fmean, median

from orchestrator_mcp.records.feedback_review import Average, Averages, Usage
from orchestrator_mcp.records.fields import FeedbackKind

from .patterns import rate
from .runs import Run

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
        errors=_average(run.errors for run in runs),
        items_skipped=_average(_share_skipped(run) for run in runs),
    )


def usage_of(runs: Sequence[Run], about: Container[FeedbackKind]) -> Iterator[Usage]:
    """Reviews, guidance and parallel agents: of the runs in which they applied."""
    for name, kind, answer in _ASKED:
        given = [said for run in runs if (said := answer(run)) is not None] if kind in about else []
        if given:
            yield Usage(name=name, rate=rate(sum(given), len(given)))


def _share_skipped(run: Run) -> float | None:
    if run.lists_skipped or not run.items:
        return None
    return sum(run.items.values()) / len(run.items)


def _average(values: Iterable[float | None]) -> Average | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Average(n=len(known), mean=round(fmean(known), 4), median=round(median(known), 4))
