"""A migration, an import and their plans as text for people."""

from collections.abc import Iterator

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.migration import Action, MigrationResult, PlannedFile

from .layout import clean, plural, shown, size, table

_DONE = {
    Action.PLAN: "Would move",
    Action.MIGRATED: "Moved",
    Action.IMPORTED: "Copied",
    Action.ROLLED_BACK: "Put back",
}


@shown.register
def _(result: MigrationResult) -> str:
    return "\n".join(_lines(result))


def _lines(result: MigrationResult) -> Iterator[str]:
    if result.notice:
        yield result.notice
    if result.action is Action.NOTHING_TO_DO:
        yield "Nothing to do."
    else:
        count = plural(len(result.files), "file")
        yield f"{_DONE[result.action]} {count}, {size(sum(one.bytes for one in result.files))}."
    if result.files:
        yield table(("size", "what", "to"), [_row(one, result.action) for one in result.files])
    yield from (f"conflict: {clean(one)}" for one in result.conflicts)
    yield from (f"left alone: {clean(one.path)} ({clean(one.why)})" for one in result.left_alone)
    if result.gitignore:
        yield f"--gitignore would change .gitignore:\n{sanitize(result.gitignore)}"
    if result.next_step:
        yield result.next_step


def _row(one: PlannedFile, action: Action) -> tuple[str, str, str]:
    if action is Action.ROLLED_BACK:
        return size(one.bytes), one.to, one.to
    return size(one.bytes), one.from_, one.to or "nothing new"
