"""What a workflow's state and log look like as they are found in the wild."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, PlainSerializer

from .base import Model, format_time, parse_time


def _object_or_empty(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _text_or_none(value: Any) -> Any:
    return None if value is None else value if isinstance(value, str) else str(value)


def _time_or_none(value: Any) -> Any:
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _by_id(value: Any) -> Any:
    """Items and phases are an object by id in every version we know; a list of objects with ids is read too."""
    if isinstance(value, list):
        value = {part.get("id"): part for part in value if isinstance(part, dict)}
    parts = value.items() if isinstance(value, dict) else ()
    return {str(name): part for name, part in parts if isinstance(part, dict)}


Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_time_or_none),
    PlainSerializer(format_time, return_type=str, when_used="unless-none"),
]


class LogEvent(Model):
    """One line of `log.jsonl`; old readers and writers share this format, so all of it is optional."""

    model_config = ConfigDict(extra="allow")

    timestamp: Moment = None
    event_type: str = Field("unknown", validation_alias=AliasChoices("event_type", "type"))
    workflow_id: Text = None
    phase_id: Text = Field(None, validation_alias=AliasChoices("phase_id", "phase"))
    item_id: Text = Field(None, validation_alias=AliasChoices("item_id", "item"))
    message: Text = None
    details: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
    actor: Text = None


class ItemState(Model):
    """One item of a phase, as the state remembers it."""

    model_config = ConfigDict(extra="allow")

    status: Text = None
    notes: Text = None


class PhaseState(Model):
    """One phase, as the state remembers it."""

    model_config = ConfigDict(extra="allow")

    status: Text = None
    started_at: Moment = None
    completed_at: Moment = None
    items: Annotated[dict[str, ItemState], BeforeValidator(_by_id)] = {}


class WorkflowState(Model):
    """`state.json`, of which only what feedback needs is typed; the rest is kept."""

    model_config = ConfigDict(extra="allow")

    workflow_id: Text = Field(None, validation_alias=AliasChoices("workflow_id", "id"))
    task_description: Text = Field(None, validation_alias=AliasChoices("task_description", "task"))
    status: Text = None
    created_at: Moment = None
    completed_at: Moment = None
    phases: Annotated[dict[str, PhaseState], BeforeValidator(_by_id)] = {}
