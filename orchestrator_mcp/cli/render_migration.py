"""A migration, an import and their plans as text for people."""

from collections.abc import Iterator

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.migration import Action, MigrationResult
from orchestrator_mcp.records.wording import counted

from .layout import clean, shown, size, table

_DONE = {
    Action.PLAN: "Would take over",
    Action.MIGRATED: "Took over",
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
    elif result.action is Action.ROLLED_BACK and not result.files:
        yield f"Took {counted(len(result.sessions), 'session')} away."
    else:
        count = counted(len(result.files), "file")
        yield f"{_DONE[result.action]} {count}, {size(sum(one.bytes for one in result.files))}."
    if result.files:
        yield _table(result)
    yield from (f"conflict: {clean(one)}" for one in result.conflicts)
    yield from (f"left alone: {clean(one.path)} ({clean(one.why)})" for one in result.left_alone)
    if result.gitignore:
        yield f"--gitignore would change .gitignore:\n{sanitize(result.gitignore)}"
    if result.next_step:
        yield result.next_step


def _table(result: MigrationResult) -> str:
    if result.action is Action.ROLLED_BACK:
        return table(("size", "what"), [(size(one.bytes), one.to) for one in result.files])
    return table(("size", "what", "to"), [(size(one.bytes), one.from_, one.to) for one in result.files])
