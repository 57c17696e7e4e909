"""Checking what every face may be given, and saying in a sentence what is wrong with it."""

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records import fields


def check_category(name: str) -> str:
    """A category in its usual spelling.

    Raises:
        InvalidInputError: if there is no such category.
    """
    known = {one.lower(): one for one in fields.CATEGORIES}
    if name.strip().lower() not in known:
        raise InvalidInputError(f"There is no category {name[:60]!r}. Use one of: {', '.join(fields.CATEGORIES)}.")
    return known[name.strip().lower()]


def page_start(cursor: str | None) -> int:
    """Where a page begins.

    Raises:
        InvalidInputError: if the cursor is not one of ours.
    """
    if cursor is None:
        return 0
    if not (cursor.startswith("p") and cursor[1:].isascii() and cursor[1:].isdecimal() and len(cursor) < 12):  # noqa: PLR2004  digits of a count
        raise InvalidInputError(f"{cursor[:40]!r} is no cursor of ours. Pass next_cursor exactly as it was given.")
    return int(cursor[1:])
