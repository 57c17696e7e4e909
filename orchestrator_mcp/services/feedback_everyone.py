"""Reviewing what many installations shared: exported files, or what a collector kept."""

from collections.abc import Iterator
from pathlib import Path

from orchestrator_mcp.analysis.feedback_events import check_event
from orchestrator_mcp.analysis.feedback_everyone import (
    by_unit,
    errors_of,
    median_phases,
    median_seconds,
    month_of,
    patterns_of,
    praised,
    rates_of,
    shares_of,
)
from orchestrator_mcp.records.feedback_everyone import EveryoneReview, Unit
from orchestrator_mcp.records.feedback_shared import SharedEvent
from orchestrator_mcp.storage.exports import export_files, read_events


def review_everyone(path: Path, *, all: bool = False) -> EveryoneReview:
    """Review the shared feedback of many installations.

    Args:
        path: a file, or a folder of files, that `feedback sync` wrote or a collector kept. Anything else in them is
            counted, and left out.
        all: look at every month. By default only at the newest, in which an installation has a single hash.

    Raises:
        NotFoundError: if there is nothing at the path.
    """
    files = export_files(path)
    read = list(_events(files))
    known = {one.id: one.data for one in read if one is not None}
    months = sorted({month_of(one) for one in known.values()})
    chosen = months if all else months[-1:]
    entries = [one for one in known.values() if month_of(one) in chosen]
    units = by_unit(entries)
    rates = rates_of(units)
    bad = read.count(None)
    return EveryoneReview(
        unit=Unit.INSTALLATION if len(chosen) < 2 else Unit.INSTALLATION_MONTH,  # noqa: PLR2004  several
        months=chosen,
        of_months=len(months),
        installations=len(units),
        entries=len(entries),
        duplicates=len(read) - bad - len(known),
        bad_lines=bad,
        files=len(files),
        patterns=patterns_of(rates),
        positives=praised(rates),
        rates=[found for _, found in rates],
        errors=errors_of(units),
        versions=shares_of(units, "orchestrator_version"),
        repositories=shares_of(units, "repo_type"),
        median_seconds=median_seconds(units),
        median_phases=median_phases(units),
        warnings=list(_warnings(bad, len(chosen))),
    )


def _events(files: list[Path]) -> Iterator[SharedEvent | None]:
    for path in files:
        for line in read_events(path):
            yield None if line is None else check_event(line)


def _warnings(bad: int, months: int) -> Iterator[str]:
    if bad:
        yield f"{bad:,} lines are no shared feedback, and were left out."
    if months > 1:
        yield (
            "An installation's hash changes every month, so over several months it counts once for each, and the "
            "intervals are narrower than they should be."
        )
