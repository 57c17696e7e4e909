"""A diagnosis as text for people: what is wrong first, with what to do under it, and what is well in one block."""

import textwrap
from collections.abc import Iterator

from orchestrator_mcp.records.doctor import Diagnosis, Finding, FindingLevel, Repair
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.wording import counted

from .layout import clean, colour, room_for, shown

_COLOURS = {
    FindingLevel.ERROR: Level.HIGH,
    FindingLevel.WARNING: Level.MEDIUM,
    FindingLevel.NOTE: Level.LOW,
    FindingLevel.OK: Level.LOW,
}
_INDENT = 9


@shown.register
def _(result: Diagnosis) -> str:
    lines = [line for one in result.repairs for line in _wrapped(_mended(one), word="mended")]
    lines += [line for one in result.findings if one.level is not FindingLevel.OK for line in _told(one)]
    lines += [""] if lines else []
    well = [one for one in result.findings if one.level is FindingLevel.OK]
    lines += [line for one in well for line in _wrapped(f"{one.check:<13}{clean(one.message)}", one.level)]
    return "\n".join([*lines, "", textwrap.fill(_total(result), room_for(0))])


def _mended(one: Repair) -> str:
    return f"{one.check}: {clean(one.path)}: {clean(one.before)} → {clean(one.after)}"


def _told(one: Finding) -> Iterator[str]:
    yield from _wrapped(f"{one.check}: {clean(one.message)}", one.level)
    if one.advice:
        yield from _wrapped(f"→ {clean(one.advice)}")


def _wrapped(text: str, level: FindingLevel | None = None, word: str = "") -> list[str]:
    """A text beside a word: a level's, in its colour, or another."""
    lines = textwrap.wrap(text, room_for(_INDENT), break_on_hyphens=False) or [""]
    margin = colour(f"{level:<{_INDENT}}", _COLOURS[level]) if level else f"{word:<{_INDENT}}"
    return [margin + lines[0], *(" " * _INDENT + line for line in lines[1:])]


def _total(result: Diagnosis) -> str:
    counts = [
        counted(result.counts[level], level.value)
        for level in FindingLevel
        if level is not FindingLevel.OK and result.counts.get(level)
    ]
    fixable = sum(one.fixable for one in result.findings)
    well = counted(result.counts.get(FindingLevel.OK, 0), "check") + " found nothing wrong"
    mend = f" `orchestrator doctor --fix` mends {fixable} of them." if fixable else ""
    return f"{', '.join([*counts, well])}.{mend}"
