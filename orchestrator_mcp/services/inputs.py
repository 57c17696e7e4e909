"""Checking what every face may be given, and saying in a sentence what is wrong with it."""

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.ways import way
from orchestrator_mcp.storage.workspace import Workspace


def check_category(workspace: Workspace, name: str) -> str:
    """A category in its usual spelling: one that is built in, or one of the project's own.

    Raises:
        InvalidInputError: if there is no such category.
        ConfigError: if it is none that is built in, and the settings that may name it are broken.
    """
    wanted = name.strip().lower()
    built_in = next((one for one in fields.CATEGORIES if one.lower() == wanted), None)
    if built_in:
        return built_in
    own = workspace.config.categories
    found = next((one for one in own if one.lower() == wanted), None)
    if found is None:
        workspace.effective().sound()
        known = ", ".join(fields.CATEGORIES + own)
        add = way(workspace.settings.source, "category")
        raise InvalidInputError(f"There is no category {name[:60]!r}. Use one of: {known}{add}.")
    return found


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
