"""What does an old settings file set in our config? Known keys are taken, a workflow's settings become variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator_mcp.records.config import Config, for_people_alone
from orchestrator_mcp.records.legacy import SETTINGS

VARIABLES = "variables"


@dataclass
class TakenConfig:
    """What is added to the project's config, and the names of what is not: a person's own, unknown, or set already."""

    added: dict[str, Any] = field(default_factory=dict)
    for_people: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)

    def said(self) -> list[str]:
        """What a person should know of what was not taken; names alone, as a value may be a secret."""
        reasons = (
            (self.for_people, "only you set that, with `orchestrator config set --global`"),
            (self.unknown, "not known here, or of no use"),
            (self.already, "the project's config says otherwise"),
        )
        return [f"Old settings not taken over ({why}): {', '.join(names)}." for names, why in reasons if names]


def take(old: Mapping[str, Any], existing: Mapping[str, Any], taken: TakenConfig) -> None:
    """Sort every key of an old file; `existing` is what the project's config says, and what it says wins."""
    for name, value in old.items():
        if name == VARIABLES and isinstance(value, dict):
            for variable, one in value.items():
                _take_variable(str(variable), one, existing, taken)
        elif name in SETTINGS:
            _take_variable(name, value, existing, taken)
        else:
            _take_key(str(name), value, existing, taken)


def to_set(existing: Mapping[str, Any], taken: TakenConfig) -> dict[str, Any]:
    """The keys that are to be set, each whole."""
    mine = existing.get(VARIABLES) or {}
    new = taken.added.get(VARIABLES)
    return taken.added | ({VARIABLES: {**mine, **new}} if new else {})


def _take_variable(name: str, value: Any, existing: Mapping[str, Any], taken: TakenConfig) -> None:
    text = _as_text(value)
    mine = existing.get(VARIABLES)
    if isinstance(mine, dict) and name in mine:
        if mine[name] != text:
            taken.already.append(f"{VARIABLES}.{name}")
    elif text is None or (VARIABLES in existing and not isinstance(mine, dict)):
        taken.unknown.append(name)
    else:
        taken.added.setdefault(VARIABLES, {}).setdefault(name, text)


def _take_key(name: str, value: Any, existing: Mapping[str, Any], taken: TakenConfig) -> None:
    if name not in Config.model_fields or not _is_valid(name, value):
        taken.unknown.append(name[:60])
    elif for_people_alone(name):
        taken.for_people.append(name)
    elif name in existing:
        if existing[name] != value:
            taken.already.append(name)
    else:
        taken.added.setdefault(name, value)


def _is_valid(name: str, value: Any) -> bool:
    try:
        Config(**{name: value})
    except ValidationError:
        return False
    return True


def _as_text(value: Any) -> str | None:
    """A setting as the text that stands in a command; None for what has no such text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
