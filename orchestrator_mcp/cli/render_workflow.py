"""A workflow as text for people."""

from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.workflow import PhaseView, WorkflowView

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
        lines += [
            f"  {'*' if item.required else ' '} {clean(item.id)}  {clean(item.name)}" for item in result.open_items
        ]
    if result.open_total > len(result.open_items):
        lines.append(f"  and {result.open_total - len(result.open_items)} more")
    return "\n".join([*lines, clean(result.next_step)])


def _phase(phase: PhaseView, wide: int) -> str:
    mark = _MARKS.get(phase.status, " ")
    mark = colour(mark, Level.MEDIUM) if phase.status == "active" else mark
    skipped = f", {phase.skipped} skipped" if phase.skipped else ""
    return f"{mark} {clean(phase.id):<{wide}}  {phase.completed} of {phase.items} done{skipped}"
