"""A review of many installations' feedback, laid out as the review of one's own."""

from collections.abc import Iterator

from orchestrator_mcp.analysis.detectors import minutes
from orchestrator_mcp.analysis.patterns import count_text, interval_text, rate_text
from orchestrator_mcp.records.feedback_everyone import Count, EveryoneReview, Finding
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.wording import counted

from .layout import capital, clean, colour, entries, rule, shown


@shown.register
def _(result: EveryoneReview) -> str:
    unit = result.unit.value
    when = " to ".join(dict.fromkeys([*result.months[:1], *result.months[-1:]])) or "no month"
    head = f"Feedback Review (all users, {when}, {counted(result.installations, unit)}, {entries(result.entries)})"
    sections = (
        (
            "PATTERNS DETECTED:",
            [*(_pattern(one, unit) for one in result.patterns), *(_praise(one, unit) for one in result.positives)],
        ),
        ("COMMON ERRORS AND CONFUSING ITEMS:", [_said(one, unit) for one in result.errors]),
        ("SUMMARY:", list(_summary(result))),
    )
    lines = [head, rule()]
    for title, found in sections:
        lines += ["", title, *found] if found else []
    if not result.entries:
        lines.append("No shared feedback here. `orchestrator feedback sync --to FOLDER` writes such files.")
    if result.of_months > len(result.months):
        lines += ["", f"{counted(result.of_months, 'month')} in all; --all looks at every one."]
    return "\n".join(lines)


def _pattern(one: Finding, unit: str) -> str:
    what = f"{capital(clean(one.title))} ({_of(one, unit)})"
    return f"{colour('⚠', Level.HIGH)} {what}\n   → Suggestion: {clean(one.suggestion or '')}"


def _praise(one: Finding, unit: str) -> str:
    return f"✓ {clean(one.title)}: {count_text(one.rate)} {unit}s ({interval_text(one.rate)})"


def _said(one: Finding, unit: str) -> str:
    what = "confusing: " if one.key == "confusing" else ""
    return f'  • {what}"{clean(one.title)}" ({_of(one, unit)})'


def _of(one: Finding, unit: str) -> str:
    """`8 of 10 installations, 49–94 %`."""
    return f"{count_text(one.rate)} {unit}s, {interval_text(one.rate)}"


def _summary(result: EveryoneReview) -> Iterator[str]:
    found = {*(one.key for one in result.patterns), *(one.key for one in result.positives)}
    rest = [f"{clean(one.title)} {rate_text(one.rate)}" for one in result.rates if one.key not in found]
    yield from (f"  • {capital(one)}" for one in rest)
    if result.median_seconds is not None:
        yield f"  • A workflow: median at least {minutes(result.median_seconds)}"
    phases = ", ".join(f"{clean(name)}={minutes(one)}" for name, one in result.median_phases.items())
    if phases:
        yield f"  • Phases: median at least {phases}"
    yield from _shares("Versions", result.versions)
    yield from _shares("Repositories", result.repositories)
    if result.duplicates:
        yield f"  • {entries(result.duplicates)} came more than once, and count once"


def _shares(name: str, counts: list[Count]) -> Iterator[str]:
    if counts:
        yield f"  • {name}: {', '.join(f'{clean(one.name)} {one.count}' for one in counts)}"
