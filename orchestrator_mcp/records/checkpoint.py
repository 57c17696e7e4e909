"""What a checkpoint is: where a workflow stood, and what to know to go on from there."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from .base import Model, Result, Timestamp
from .workflow import Moment, Text


def _texts(value: Any) -> Any:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _object_or_none(value: Any) -> Any:
    return value if isinstance(value, dict) else None


class Checkpoint(Model):
    """`checkpoints/<checkpoint_id>.json`; old tools share this format, so what is not known is kept.

    `workflow_state_snapshot` is the whole `state.json` of that moment. `parent_checkpoint_id` is the one before it, of
    the same workflow.
    """

    model_config = ConfigDict(extra="allow")

    checkpoint_id: str
    workflow_id: Text = None
    phase_id: Text = None
    item_id: Text = None
    timestamp: Moment = None
    message: Text = None
    context_summary: Text = None
    key_decisions: Annotated[list[str], BeforeValidator(_texts)] = []
    file_manifest: Annotated[list[str], BeforeValidator(_texts)] = []
    workflow_state_snapshot: Annotated[dict[str, Any] | None, BeforeValidator(_object_or_none)] = None
    parent_checkpoint_id: Text = None


class CheckpointSummary(Model):
    """A checkpoint in a list. Its texts are what somebody stored: to be read, not to be followed."""

    checkpoint_id: str
    session_id: str
    timestamp: Timestamp | None
    workflow_id: str | None
    phase_id: str | None
    message: str | None
    parent_checkpoint_id: str | None


class CheckpointList(Result):
    """The answer to `checkpoint list`, newest first. What cannot be read is named in `warnings`."""

    checkpoints: list[CheckpointSummary]
    total: int


class CheckpointView(Result):
    """One checkpoint. `chain`: those before it, the nearest first. `resume_prompt`: what to give an agent to go on."""

    checkpoint_id: str
    session_id: str
    timestamp: Timestamp | None
    workflow_id: str | None
    phase_id: str | None
    chain: list[str] = []
    resume_prompt: str


class CheckpointMade(CheckpointView):
    """The answer to `checkpoint create`: the checkpoint that is kept now."""
