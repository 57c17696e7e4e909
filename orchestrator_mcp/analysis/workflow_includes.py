"""Which workflow do several files make together, one including others? And what do its variables stand for?"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.workflow import ItemDefinition, WorkflowDefinition

from .workflow_definition import MAX_COMMAND, MAX_NAME, parse_definition, phases_in

MAX_VALUE = 200
"""Characters of a variable's value; a longer one is not put in."""
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w.-]{0,79})\s*\}\}", re.ASCII)


def included(value: dict[str, Any], file: str) -> list[str]:
    """The paths that a file includes, as it writes them.

    Raises:
        InvalidInputError: if `include` is no list of them.
    """
    entries = value.get("include")
    names = [one.get("repo") if isinstance(one, dict) else one for one in entries] if isinstance(entries, list) else []
    if entries is not None and (not isinstance(entries, list) or not all(isinstance(one, str) for one in names)):
        raise InvalidInputError(
            f"{file} cannot be used: `include` is no list of files. Write each as `- repo: ../shared/common.yaml`."
        )
    return [str(one) for one in names]


def merged(files: Sequence[tuple[str, dict[str, Any]]]) -> WorkflowDefinition:
    """The workflow that files make together.

    Args:
        files: name and content of each, those included before those that include them. What comes later is added, or
            replaces key by key what has the same id; an item that a later file lists under another phase moves there.

    Raises:
        InvalidInputError: if one of them, or all together, are no workflow.
    """
    if len(files) == 1:
        return parse_definition(files[0][1], files[0][0])  # whose errors know the line
    whole: dict[str, Any] = {}
    phases: dict[str, dict[str, Any]] = {}
    items: dict[str, dict[str, dict[str, Any]]] = {}
    for file, value in files:
        whole |= {key: value[key] for key in ("name", "version") if value.get(key) is not None}
        for phase in phases_in(value, file):
            phase_id = str(phase["id"])
            phases[phase_id] = phases.get(phase_id, {}) | phase
            for item in phase.get("items") or ():
                _place(items, phase_id, item)
    listed = [phase | {"items": list(items.get(phase_id, {}).values())} for phase_id, phase in phases.items()]
    return parse_definition(whole | {"phases": listed}, files[-1][0])


def _place(items: dict[str, dict[str, dict[str, Any]]], phase_id: str, item: dict[str, Any]) -> None:
    item_id = str(item["id"])
    before = next((phase for phase, known in items.items() if item_id in known), phase_id)
    known = items.setdefault(before, {}).get(item_id, {})
    if before != phase_id:
        del items[before][item_id]
    items.setdefault(phase_id, {})[item_id] = known | item


def variables(files: Sequence[tuple[str, dict[str, Any]]], own: Mapping[str, str]) -> dict[str, str]:
    """What names in `{{…}}` stand for: each file's `settings`, later files over earlier ones, and `own` over all."""
    found: dict[str, str] = {}
    for _, value in files:
        settings = value.get("settings")
        if isinstance(settings, dict):
            found |= {str(key): _written(one) for key, one in settings.items() if isinstance(one, str | int | float)}
    return {key: one for key, one in (found | dict(own)).items() if len(one) <= MAX_VALUE}


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)  # true, not True


def substituted(definition: WorkflowDefinition, values: Mapping[str, str]) -> WorkflowDefinition:
    """The workflow with its variables put in, once; what no variable has the name of stays as it is written."""
    phases = tuple(
        phase.model_copy(
            update={
                "name": _said(phase.name, MAX_NAME, values),
                "items": tuple(_item_said(item, values) for item in phase.items),
            }
        )
        for phase in definition.phases
    )
    return definition.model_copy(update={"phases": phases})


def _item_said(item: ItemDefinition, values: Mapping[str, str]) -> ItemDefinition:
    update = {
        "name": _said(item.name, MAX_NAME, values),
        "repo": item.repo and _said(item.repo, MAX_NAME, values),
        "command": item.command and _said(item.command, MAX_COMMAND, values),
    }
    return item.model_copy(update=update)


def _said(text: str, limit: int, values: Mapping[str, str]) -> str:
    put = _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
    return put if len(put) <= limit else text
