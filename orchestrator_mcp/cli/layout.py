"""How text is laid out for people: tables, bars, lines cut to the terminal. Nothing here knows any result."""

import os
import shutil
import sys
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from pydantic import BaseModel

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.base import Timestamp
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.wording import counted

BAR = 20
UNCUT = 1_000_000
_COLOURS = {Level.HIGH: "31", Level.MEDIUM: "33", Level.LOW: "2"}


@singledispatch
def shown(result: BaseModel) -> str:
    """A result as a person reads it; `render.py` and its siblings register one function per type."""
    return sanitize(result.model_dump_json(indent=2))


def bar(count: int, most: int) -> str:
    """How many, beside the most."""
    return f"{'█' * max(1, round(BAR * count / most)):<{BAR}}"


def entries(count: int) -> str:
    """A count of entries."""
    return counted(count, "entry", "entries")


def capital(text: str) -> str:
    """A sentence's beginning; a name such as `visual_tests` stays as it is."""
    return text if "_" in text.partition(" ")[0] else text[:1].upper() + text[1:]


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Rows in columns; all but the last are padded."""
    cells = [header, *(tuple(clean(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in cells
    ]
    return "\n".join(shorten(line.rstrip(), 0) for line in lines)


def more(shown: int, total: int) -> str:
    """How many are not shown, if any."""
    return "" if shown >= total else f"\n{total - shown} more; use --limit."


def indented(value: Any) -> str:
    """A value of several lines, beneath its name."""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return sanitize(shown).replace("\n", "\n" + " " * 14)


def clean(value: str) -> str:
    """A text on one line, without control sequences."""
    return " ".join(sanitize(value).split())


def shorten(line: str, indent: int) -> str:
    """A line cut to the terminal, less an indent."""
    room = _width() - indent
    return line if len(line) <= room else line[: room - 1] + "…"


def room_for(indent: int) -> int:
    """How many letters a line has room for after an indent, where a long text is broken and not cut."""
    return max(20, _width() - indent)


def rule() -> str:
    """A line across."""
    return "━" * min(60, _width())


def _width() -> int:
    """The terminal's width; what goes into a file or a pipe is not cut."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else UNCUT


def colour(shown: str, level: Level) -> str:
    """A word in the colour of its level, on a terminal that shows colours."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return shown
    return f"\x1b[{_COLOURS[level]}m{shown}\x1b[0m"


def day(moment: Timestamp | None) -> str:
    """A time to the minute."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def size(count: int) -> str:
    """A number of bytes."""
    return f"{count:,} B" if count < 10_000 else f"{count / 1024:,.0f} kB"  # noqa: PLR2004  where bytes stop being read
