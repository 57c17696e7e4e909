"""What a workflow's definition, state and log look like, the latter two as they are found in the wild."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from .base import Model, Result, format_time, parse_time

STATE_FILE = "state.json"
FINISHED = "workflows"
"""The folder beside `state.json` to which the state of a workflow that ended moves."""
ENDED = frozenset({"completed", "abandoned"})
"""The statuses of a workflow that is over."""

_EVENTS = """
    workflow_started workflow_completed workflow_abandoned workflow_finished phase_started phase_completed
    item_started item_completed item_skipped item_failed human_override note_added error
    verification_passed verification_failed review_started review_completed review_failed
    conflict_resolved conflict_escalated gate_executed gate_passed gate_failed gate_retry
    evidence_validated evidence_rejected skip_validated skip_rejected parallel_agents_used"""
EVENTS = frozenset(_EVENTS.split())
"""Every event type that the wild knows. Others stay in the log, and nothing is concluded from them."""


def _object_or_empty(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _is_none(value: Any) -> bool:
    return value is None


def _text_or_none(value: Any) -> Any:
    return None if value is None else value if isinstance(value, str) else str(value)


def _time_or_none(value: Any) -> Any:
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _whole_or_none(value: Any) -> Any:
    return value if type(value) is int else None


def _by_id(value: Any) -> Any:
    """Items and phases are an object by id in every version we know; a list of objects with ids is read too."""
    if isinstance(value, list):
        value = {str(part.get("id")): part for part in value if isinstance(part, dict)}
    parts = value.items() if isinstance(value, dict) else ()
    return {str(name): part for name, part in parts if isinstance(part, dict | Model)}


Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Moment = Annotated[
    datetime | None,
    BeforeValidator(_time_or_none),
    PlainSerializer(format_time, return_type=str, when_used="unless-none"),
]
Revision = Annotated[int | None, BeforeValidator(_whole_or_none)]

_ALWAYS = ("timestamp", "event_type", "workflow_id", "phase_id", "item_id", "message", "details", "actor")


class LogEvent(Model):
    """One line of `log.jsonl`; old readers and writers share this format, so all of it is optional.

    `revision`, written `_revision`, is that of the state which this event makes: only our own events have one.
    """

    model_config = ConfigDict(extra="allow")

    timestamp: Moment = None
    event_type: str = Field("unknown", validation_alias=AliasChoices("event_type", "type"))
    workflow_id: Text = None
    phase_id: Text = Field(None, validation_alias=AliasChoices("phase_id", "phase"))
    item_id: Text = Field(None, validation_alias=AliasChoices("item_id", "item"))
    message: Text = None
    details: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
    actor: Text = None
    id: Text = None
    request_id: Text = None
    revision: Revision = Field(None, alias="_revision")

    @model_serializer(mode="wrap")
    def _all_eight(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The eight common fields are written even when null: old readers index them without asking."""
        said: dict[str, Any] = write(self)
        return dict.fromkeys(_ALWAYS) | said


class ItemDefinition(Model):
    """One item of a `workflow.yaml`. `skippable`: whether it may be skipped, with a reason.

    `repo` and `command` say where, and what to run, as it is written there: they are shown; nothing is opened or run.
    """

    id: str
    name: str
    required: bool = True
    skippable: bool = True
    repo: str | None = None
    command: str | None = None


class PhaseDefinition(Model):
    """One phase of a `workflow.yaml`."""

    id: str
    name: str
    items: tuple[ItemDefinition, ...] = ()


class WorkflowDefinition(Model):
    """A `workflow.yaml`, as far as it is used here: its phases in order. Item ids are unique in all of it."""

    name: str
    version: str
    phases: tuple[PhaseDefinition, ...]


class ItemState(Model):
    """One item of a phase, as the state remembers it."""

    model_config = ConfigDict(extra="allow")

    id: Text = None
    status: Text = None
    started_at: Moment = None
    completed_at: Moment = None
    skipped_at: Moment = None
    skip_reason: Text = None
    notes: Text = None


class PhaseState(Model):
    """One phase, as the state remembers it."""

    model_config = ConfigDict(extra="allow")

    id: Text = None
    status: Text = None
    started_at: Moment = None
    completed_at: Moment = None
    items: Annotated[dict[str, ItemState], BeforeValidator(_by_id)] = {}


class WorkflowState(Model):
    """`state.json`; what others wrote into it is kept.

    `revision`, written `_revision`, counts the events of ours that made it; a state that others wrote has none.
    """

    model_config = ConfigDict(extra="allow")

    workflow_id: Text = Field(None, validation_alias=AliasChoices("workflow_id", "id"))
    workflow_type: Text = None
    workflow_version: Text = None
    task_description: Text = Field(None, validation_alias=AliasChoices("task_description", "task"))
    status: Text = None
    current_phase_id: Text = Field(None, validation_alias=AliasChoices("current_phase_id", "current_phase"))
    created_at: Moment = None
    updated_at: Moment = None
    completed_at: Moment = None
    phases: Annotated[dict[str, PhaseState], BeforeValidator(_by_id)] = {}
    metadata: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
    workflow_definition: Annotated[dict[str, Any], BeforeValidator(_object_or_empty)] = {}
    revision: Revision = Field(None, alias="_revision")

    @property
    def is_over(self) -> bool:
        return (self.status or "").lower() in ENDED


class PhaseView(Model):
    """How far one phase is."""

    id: str
    status: str
    items: int
    completed: int
    skipped: int


class ItemView(Model):
    """An item that is still open. `repo` and `command`: where, and what to run; nothing of ours runs it."""

    id: str
    name: str
    required: bool
    repo: str | None = Field(None, exclude_if=_is_none)
    command: str | None = Field(None, exclude_if=_is_none)


class WorkflowView(Result):
    """Where a workflow stands. Without one, `workflow_id` is null.

    `open_items`: the first of the `open_total` that are open in the phases begun so far. `later`: the items with a
    repository or a command in the phases to come.
    """

    workflow_id: str | None = None
    task: str | None = None
    status: str | None = None
    phase: str | None = None
    phases: list[PhaseView] = []
    open_items: list[ItemView] = []
    open_total: int = 0
    later: list[ItemView] = []
    revision: int = 0
    next_step: str


class WorkflowUpdated(WorkflowView):
    """The answer to `update_workflow`: what was recorded, and where the workflow stands now."""

    recorded: str
