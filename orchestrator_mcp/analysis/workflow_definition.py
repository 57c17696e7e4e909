"""Which phases and items does a workflow have? Read from a `workflow.yaml`, or the one that is shipped."""

import re
from copy import copy
from typing import Any, NoReturn

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.workflow import ItemDefinition, PhaseDefinition, WorkflowDefinition, WorkflowState

from .baseline import WORKFLOW

FILE = "workflow.yaml"
STEPS = "STEPS"
"""The phase that `steps:` is short for; it comes last."""
MAX_PHASES, MAX_ITEMS = 50, 500
MAX_ID, MAX_NAME, MAX_COMMAND = 80, 300, 2_000
_NO_WORD = re.compile(r"[^a-z0-9]+")


class _UnusableError(Exception):
    """What is wrong with a file's content, where, and what to do."""

    def __init__(self, value: Any, problem: str, remedy: str) -> None:
        super().__init__(f"cannot be used{_line(value)}: {problem}. {remedy}, then start again.")


def default_definition() -> WorkflowDefinition:
    """The workflow of a project that has none of its own."""
    return WorkflowDefinition(
        name="Default workflow",
        version="1.0",
        phases=tuple(
            PhaseDefinition(
                id=phase,
                name=name,
                items=tuple(
                    ItemDefinition(id=item, name=what, required=required, skippable=skippable)
                    for item, what, (required, skippable) in items
                ),
            )
            for phase, name, items in WORKFLOW
        ),
    )


def parse_definition(value: dict[str, Any], file: str = FILE) -> WorkflowDefinition:
    """What a `workflow.yaml` defines; keys that mean nothing here are ignored.

    Args:
        value: the file's content. A mapping in it may say in which `line` it begins.
        file: what an error calls the file.

    Raises:
        InvalidInputError: if it is no workflow: one sentence with the line, and what to do.
    """
    try:
        return _definition(value)
    except _UnusableError as error:
        raise InvalidInputError(f"{file} {error}") from None


def phases_in(value: dict[str, Any], file: str) -> list[dict[str, Any]]:
    """The phases that one file brings, checked but as they are written; `steps` are the last of them.

    Raises:
        InvalidInputError: if they are none: one sentence with the line, and what to do.
    """
    try:
        phases = _phases(value)
        lines: dict[tuple[str, str], Any] = {}
        for phase in phases:
            _phase(value, phase, lines)
    except _UnusableError as error:
        raise InvalidInputError(f"{file} {error}") from None
    return phases


def _definition(value: dict[str, Any]) -> WorkflowDefinition:
    phases = _phases(value)
    if not 0 < len(phases) <= MAX_PHASES:
        _refuse(value, f"it has {len(phases)} phases", f"List 1 to {MAX_PHASES} under `phases:`")
    lines: dict[tuple[str, str], Any] = {}
    found = tuple(_phase(value, phase, lines) for phase in phases)
    if sum(len(phase.items) for phase in found) > MAX_ITEMS:
        _refuse(value, f"it has more than {MAX_ITEMS} items", "Leave some out")
    name = value.get("name")
    return WorkflowDefinition(
        name=_said(value, name, "Workflow")[:MAX_NAME],
        version=_said(value, value.get("version"), "1.0")[:MAX_ID],
        phases=found,
    )


def _phases(value: dict[str, Any]) -> list[Any]:
    steps = [_as_item(value, step) for step in _members(value, "steps")]
    return [*_members(value, "phases"), *([{"id": STEPS, "name": "Steps", "items": steps}] if steps else [])]


def _as_item(parent: Any, step: Any) -> Any:
    """A step as an item: it may have a name alone, of which its id is made."""
    name = step.get("name") if isinstance(step, dict) else None
    if not isinstance(step, dict) or not (step.get("id") or isinstance(name, str)):
        _refuse(step if isinstance(step, dict) else parent, "a step has no name", "Write it as `- name: …`")
    item = copy(step)  # which keeps its line
    item.setdefault("id", _NO_WORD.sub("_", str(name).lower()).strip("_")[:MAX_ID] or name)
    return item


def definition_of(state: WorkflowState) -> WorkflowDefinition:
    """What a state says it was started from; else what its phases and items show."""
    try:
        return parse_definition(state.workflow_definition)
    except InvalidInputError:
        return WorkflowDefinition(
            name=state.workflow_type or "Workflow",
            version=state.workflow_version or "1.0",
            phases=tuple(
                PhaseDefinition(
                    id=phase_id,
                    name=phase_id,
                    items=tuple(ItemDefinition(id=item_id, name=item_id) for item_id in phase.items),
                )
                for phase_id, phase in state.phases.items()
            ),
        )


def _phase(parent: Any, value: Any, lines: dict[tuple[str, str], Any]) -> PhaseDefinition:
    phase_id = _id(parent, value, "phase", lines)
    items = tuple(_item(value, item, lines) for item in _members(value, "items"))
    return PhaseDefinition(id=phase_id, name=_name(value, phase_id), items=items)


def _item(parent: Any, value: Any, lines: dict[tuple[str, str], Any]) -> ItemDefinition:
    item_id = _id(parent, value, "item", lines)
    return ItemDefinition(
        id=item_id,
        name=_name(value, item_id),
        required=_flag(value, "required", default=True),
        skippable=_flag(value, "skippable", default=value.get("step_type") != "gate"),
        repo=_text(value, "repo", MAX_NAME),
        command=_text(value, "command", MAX_COMMAND),
    )


def _text(value: dict[str, Any], name: str, limit: int) -> str | None:
    """A text that is shown whole or not at all; older files have other things under these names."""
    found = value.get(name)
    if isinstance(found, str) and len(found) > limit:
        _refuse(value, f"`{name}` has more than {limit:,} characters", "Put it into a script, and name that")
    return found if isinstance(found, str) and found.strip() else None


def _id(parent: Any, value: Any, what: str, lines: dict[tuple[str, str], Any]) -> str:
    """The id of a phase or item, which must be the only one of its kind."""
    if not isinstance(value, dict):
        _refuse(
            parent,
            f"{what} {_said(parent, value, '')[:MAX_ID]!r} is no mapping",
            "Write it as `- id: …`, with its other keys",
        )
    found = value.get("id")
    name = _said(value, found, "") if type(found) in {str, int} else ""
    if not 0 < len(name) <= MAX_ID or not name.isprintable() or name != name.strip():
        _refuse(value, f"the {what} has no usable id", f"Give it an `id:` of 1 to {MAX_ID} plain characters")
    if (what, name) in lines:
        first = _line(lines[what, name])
        _refuse(value, f"the {what} id {name!r} stands twice{f', first{first}' if first else ''}", "Rename one")
    lines[what, name] = value
    return name


def _name(value: dict[str, Any], default: str) -> str:
    name = value.get("name")
    return _said(value, name, default)[:MAX_NAME]


def _said(parent: Any, value: Any, default: str) -> str:
    try:
        return default if value is None else str(value)
    except ValueError:  # a number of ten thousand digits
        _refuse(parent, "it has a number that is too long", "Write it as text in quotes")


def _flag(value: dict[str, Any], name: str, *, default: bool) -> bool:
    found = value.get(name, default)
    if not isinstance(found, bool):
        item, said = _said(value, value.get("id"), ""), _said(value, found, "")[:MAX_ID]
        _refuse(value, f"`{name}` of item {item} is {said!r}", "Write true or false")
    return found


def _members(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        _refuse(value, f"`{name}` is no list", f"Write each of the {name} as `- id: …`")
    return found


def _refuse(value: Any, problem: str, remedy: str) -> NoReturn:
    raise _UnusableError(value, problem, remedy)


def _line(value: Any) -> str:
    line = getattr(value, "line", None)
    return f" in line {line}" if line else ""
