"""What is a fact worth? Findings of each level, and the judgements that need no look at the world."""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator_mcp.records.base import MAX_RECORD_BYTES
from orchestrator_mcp.records.doctor import Finding, FindingLevel

from .sanitize import clip, single_line

LONGEST = 600
"""Characters of a finding's text."""
MEGABYTE = 1 << 20
NEARLY_FULL = 64 * MEGABYTE
FEW_FILES = 100
_NO_ROOM = 4 * MAX_RECORD_BYTES
_NO_FILES = 10


def ok(message: str) -> Finding:
    """It was looked at, and is well."""
    return _finding(FindingLevel.OK, message, None, None, fixable=False)


def note(message: str, advice: str | None = None, path: str | None = None, *, fixable: bool = False) -> Finding:
    """It is worth knowing."""
    return _finding(FindingLevel.NOTE, message, advice, path, fixable=fixable)


def warning(message: str, advice: str, path: str | None = None, *, fixable: bool = False) -> Finding:
    """It will go wrong."""
    return _finding(FindingLevel.WARNING, message, advice, path, fixable=fixable)


def error(message: str, advice: str | None, path: str | None = None, *, fixable: bool = False) -> Finding:
    """It is wrong."""
    return _finding(FindingLevel.ERROR, message, advice, path, fixable=fixable)


def from_problem(problem: str, level: FindingLevel = FindingLevel.ERROR) -> Finding:
    """One of our errors as a finding: what happened, then what to do next."""
    happened, dot, advice = problem.partition(". ")
    return _finding(level, happened + dot.strip(), advice or None, None, fixable=False)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def room(free: int, inodes: int | None, used: int, most: int) -> list[Finding]:
    """Whether there is room to write.

    Args:
        free: bytes on the disk.
        inodes: how many files more the disk takes; None if as many as there is room for.
        used: bytes of the store.
        most: bytes that the store may hold.
    """
    files = "" if inodes is None else f" and {inodes:,} files"
    left = f"{free // MEGABYTE:,} MB{files} free"
    problems = [*_lack(free, inodes, left), *_excess(used, most)]
    return problems or [ok(f"{left}; the store holds {used / MEGABYTE:,.1f} MB")]


def _lack(free: int, inodes: int | None, left: str) -> Iterator[Finding]:
    if free < _NO_ROOM or (inodes is not None and inodes < _NO_FILES):
        yield error(f"The disk is full: {left}, so nothing can be recorded.", "Free some space.")
    elif free < NEARLY_FULL or (inodes is not None and inodes < FEW_FILES):
        yield warning(f"The disk is nearly full: {left}.", "Free some space.")


def _excess(used: int, most: int) -> Iterator[Finding]:
    if used >= most:
        yield error(
            f"The store holds {used // MEGABYTE:,} MB, and max_store_mb allows {most // MEGABYTE:,}.",
            "Remove old sessions, or raise max_store_mb.",
        )
    elif used > most * 0.9:
        yield warning(
            f"The store holds {used // MEGABYTE:,} of the {most // MEGABYTE:,} MB that max_store_mb allows.",
            "Remove old sessions soon, or raise max_store_mb.",
        )


def cleaned(finding: Finding, check: str, known: Mapping[str, str]) -> Finding:
    """A finding as it may be shown, with its check's name; see `plain`."""
    texts = {
        name: plain(text, known)
        for name in ("message", "advice", "path")
        if (text := getattr(finding, name)) is not None
    }
    return finding.model_copy(update={"check": check, **texts})


def plain(text: str, known: Mapping[str, str]) -> str:
    """A text as it may be shown: on one line, without control sequences, and of bounded length.

    `known`: absolute folders, and what stands for each, so that no path tells where on this machine they are.
    """
    for folder, short in known.items():
        text = text.replace(f"{folder}/", f"{short}/" if short else "").replace(folder, short or ".")
    return clip(single_line(text), LONGEST)


def _finding(level: FindingLevel, message: str, advice: str | None, path: str | None, *, fixable: bool) -> Finding:
    return Finding(check="", level=level, message=message, advice=advice, path=path, fixable=fixable)
