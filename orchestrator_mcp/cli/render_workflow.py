"""A workflow as text for people."""

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.workflow import ItemView, PhaseView, WorkflowUpdated, WorkflowView

from .layout import clean, colour, shown

_MARKS = {"completed": "✓", "active": "▸"}


@shown.register
def _(result: WorkflowView) -> str:
    if result.workflow_id is None:
        return clean(result.next_step)
    lines = [f"{clean(result.workflow_id)}  {clean(result.status or 'unknown')}  {clean(result.task or '')}".rstrip()]
    wide = max((len(phase.id) for phase in result.phases), default=0)
    lines += [_phase(phase, wide) for phase in result.phases]
    if result.open_items:
        lines.append("Open (* required):")
        lines += [line for item in result.open_items for line in _item(item)]
    if result.open_total > len(result.open_items):
        lines.append(f"  and {result.open_total - len(result.open_items)} more")
    if result.later:
        lines.append("Later:")
        lines += [line for item in result.later for line in _item(item)]
    return "\n".join([*lines, clean(result.next_step)])


def _phase(phase: PhaseView, wide: int) -> str:
    mark = _MARKS.get(phase.status, " ")
    mark = "–" if mark == "✓" and phase.items and not phase.completed else mark  # left, and nothing of it done
    mark = colour(mark, Level.MEDIUM) if phase.status == "active" else mark
    return f"{mark} {clean(phase.id):<{wide}}  {_count(phase)}"


def _count(phase: PhaseView) -> str:
    skipped = f", {phase.skipped} skipped" if phase.skipped else ""
    return f"{phase.completed} of {phase.items} done{skipped}"


@shown.register
def _(result: WorkflowUpdated) -> str:
    """What was recorded and what is next; the whole board is for `orchestrator workflow show`."""
    phase = next((one for one in result.phases if one.id == result.phase and one.status == "active"), None)
    where = f" ({clean(phase.id)}: {_count(phase)})" if phase else ""
    return f"{clean(result.recorded)}{where}\n{clean(result.next_step)}"


def _item(item: ItemView) -> list[str]:
    """An item, and beneath it where and what to run; that is for the reader to do."""
    where = f"in {clean(item.repo)}" if item.repo else ""
    ran = [f"$ {line}" for line in sanitize(item.command or "").splitlines()]
    head = f"  {'*' if item.required else ' '} {clean(item.id)}  {clean(item.name)}"
    return [head, *(f"      {line}" for line in (where, *ran) if line)]
