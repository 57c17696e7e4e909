"""What a workflow's state and log look like as they are found in the wild."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from .base import Model, Timestamp


def _object_or_empty(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _text_or_none(value: Any) -> Any:
    return None if value is None else value if isinstance(value, str) else str(value)


Text = Annotated[str | None, BeforeValidator(_text_or_none)]


class LogEvent(Model):
    """One line of `log.jsonl`; old readers and writers share this format, so all of it is optional."""

    model_config = ConfigDict(extra="allow")

    timestamp: Timestamp | None = None
    event_type: str = Field("unknown", validation_alias=AliasChoices("event_type", "type"))
    workflow_id: Text = Field(None, validation_alias=AliasChoices("workflow_id", "id"))
    phase_id: Text = Field(None, validation_alias=AliasChoices("phase_id", "phase"))
    item_id: Text = Field(None, validation_alias=AliasChoices("item_id", "item"))
    message: Text = None
    details: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
    actor: Text = None


class WorkflowState(Model):
    """`state.json`, of which only what feedback needs is typed; the rest is kept."""

    model_config = ConfigDict(extra="allow")

    workflow_id: Text = Field(None, validation_alias=AliasChoices("workflow_id", "id"))
    task_description: Text = Field(None, validation_alias=AliasChoices("task_description", "task"))
    status: Text = None
    created_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    phases: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
