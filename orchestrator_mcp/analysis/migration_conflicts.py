"""Two states of one workflow that differ: in what, and which is used?"""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_mcp.records.migration import Prefer

_DIFFERENCES = 6
_SHOWN = 60
_BOOKKEEPING = "_"


def is_other_state(old: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether two states are of one workflow and differ."""
    workflow = workflow_of(old)
    return workflow is not None and workflow_of(ours) == workflow and _content(ours) != _content(old)


def conflict(old: Mapping[str, Any], where: str, ours: Mapping[str, Any], prefer: Prefer | None) -> str:
    """What two different states of one workflow differ in, and which is used; `where` the newer one lies."""
    differing = list(_differences(_content(old), _content(ours)))
    shown = "; ".join(differing[:_DIFFERENCES])
    more = f"; and {len(differing) - _DIFFERENCES} more" if len(differing) > _DIFFERENCES else ""
    used = (
        "The old one is used, and the newer is kept in the backup."
        if prefer is Prefer.OLD
        else "That one stays in use, and the old one is kept in the backup."
    )
    choice = "" if prefer else " `orchestrator migrate --force-from-old` uses the old one instead."
    return f"Workflow {workflow_of(old)} has a different state in {where}: {shown}{more}. {used}{choice}"


def workflow_of(state: Mapping[str, Any]) -> str | None:
    """The workflow's id, under either of the names it has had."""
    name = state.get("workflow_id") or state.get("id")
    return name if isinstance(name, str) else None


def _content(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith(_BOOKKEEPING)}


def _differences(old: Any, ours: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(ours, dict):
        for name in dict.fromkeys([*old, *ours]):
            if old.get(name) != ours.get(name) or (name in old) != (name in ours):
                yield from _differences(old.get(name), ours.get(name), f"{path}.{name}" if path else name)
    else:
        yield f"{path} is {_clipped(old)} in the old one and {_clipped(ours)} there"


def _clipped(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"a list of {len(value)}" if isinstance(value, list) else f"a mapping of {len(value)}"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
