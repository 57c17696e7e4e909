"""Which lines of a project's `.gitignore` does one line replace, once everything lies in `.orchestrator/`?"""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from orchestrator_mcp.records.legacy import LEGACY_FILES

IGNORED = frozenset(row.name for row in LEGACY_FILES if row.is_certain) | {
    ".workflow_feedback.jsonl.migrated",
    ".workflow_migration_in_progress",
    ".workflow_sessions",
    ".workflow_*",
    ".orchestrator/sessions",
}
"""What the old tools asked people to ignore; in a file they may begin or end with a slash."""


def contained(data: bytes, *, still_there: Iterable[str], one: str, add: bool) -> bytes:
    """The file with these lines replaced by one; all else is kept byte for byte.

    Args:
        data: the file.
        still_there: names in the project's root that must stay ignored.
        one: the folder that the one line names.
        add: whether that line is wanted: not where a store is meant to be shared.
    """
    names = list(still_there)
    lines = data.splitlines(keepends=True)
    old = {at for at, line in enumerate(lines) if _is_replaced(_pattern(line), names)}
    if not old:
        return data
    there = any(_pattern(line) == one for line in lines)
    first = min(old)
    new = _like(lines[first], one) if add and not there else b""
    return b"".join(new if at == first else line for at, line in enumerate(lines) if at == first or at not in old)


def difference(old: bytes, new: bytes) -> str:
    """What changes, as a unified diff of `.gitignore`."""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (old, new))
    return "\n".join(difflib.unified_diff(before, after, ".gitignore", ".gitignore", lineterm="", n=1))


def _pattern(line: bytes) -> str:
    return line.strip().decode("utf-8", "replace").strip("/")


def _is_replaced(pattern: str, still_there: list[str]) -> bool:
    return pattern in IGNORED and not any(fnmatchcase(name, pattern) for name in still_there)


def _like(line: bytes, one: str) -> bytes:
    """The one line, with the line end of the first that it replaces."""
    end = line[len(line.rstrip(b"\r\n")) :]
    return f"{one}/".encode() + end
