"""What a workflow's feedback is: one anonymous entry about the tool, one private about the project."""

from enum import StrEnum
from typing import Any

from .base import Model, Record, Result, Timestamp
from .fields import Applicable, FeedbackMode, Helpful, ReviewsAnswer, YesNo


class RepoType(StrEnum):
    """The only thing the tool entry says about a repository."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"
    GO = "go"
    RUST = "rust"
    UNKNOWN = "unknown"


class ToolAnswers(Model):
    """The questions about the tool that have a fixed set of answers, where a person or agent answered them."""

    phase0_helpful: Helpful | None = None
    reviews_worked: ReviewsAnswer | None = None
    commands_failed: YesNo | None = None


class ToolObservation(Model):
    """What was seen of the tool in one workflow, before it is made anonymous. It is never written."""

    id: str
    timestamp: Timestamp
    request_id: str | None = None
    workflow_id: str | None = None
    orchestrator_version: str
    repo_type: str = "unknown"
    duration_seconds: int | None = None
    phases: dict[str, int] = {}
    active_seconds: int | None = None
    active_phases: dict[str, int] = {}
    phase0_guidance_used: bool | None = None
    reviews_worked: bool | None = None
    orchestrator_errors: list[str] = []
    items_skipped: list[str] = []
    items_skipped_pct: float | None = None
    confusing_items: list[str] = []
    mode: FeedbackMode
    answers: ToolAnswers = ToolAnswers()


class ToolFeedback(Model):
    """The tool entry. No repository, no task, no session, no workflow id: only what may one day be shared.

    `request_id` is a keyed hash of the caller's. `items_skipped_pct` is a fraction. `tool_suggestions` is one of the
    documented fields, but free text is kept in the process entry, so here it stays null.
    `duration_seconds` and `phases` are seconds on the wall clock; `active_…` leave out pauses and idling.
    `orchestrator_errors_dropped` counts the errors that cannot be said without words of the project.
    """

    id: str
    rev: int = 1
    timestamp: Timestamp
    request_id: str | None = None
    workflow_id_hash: str | None = None
    installation_hash: str | None = None
    orchestrator_version: str
    repo_type: str = "unknown"
    duration_seconds: int | None = None
    phases: dict[str, int] = {}
    active_seconds: int | None = None
    active_phases: dict[str, int] = {}
    phase0_guidance_used: bool | None = None
    reviews_worked: bool | None = None
    orchestrator_errors: list[str] = []
    orchestrator_errors_dropped: int = 0
    items_skipped: list[str] = []
    items_skipped_pct: float | None = None
    confusing_items: list[str] = []
    tool_suggestions: str | None = None
    mode: FeedbackMode
    answers: ToolAnswers = ToolAnswers()


class ProcessFeedback(Record):
    """The process entry: full context, stays on this machine. `inferred` names the answers that nobody stated."""

    workflow_id: str | None = None
    repo: str | None = None
    task: str | None = None
    parallel_agents_used: bool | None = None
    multi_agents: Applicable | None = None
    project_errors: list[str] = []
    learnings: str | None = None
    what_went_well: str | None = None
    challenges: str | None = None
    improvements: str | None = None
    tool_suggestions: str | None = None
    confusing_items: list[str] = []
    custom_workflow_items: list[str] = []
    mode: FeedbackMode
    inferred: list[str] = []


class FeedbackRecorded(Result):
    """The answer to `record_feedback`. `skipped` says why nothing was recorded; it is not an error.

    `inferred` is what the workflow's state and log gave: the facts, and answers quoted as untrusted text.
    `item_completed` is the workflow's item that asked for feedback, if recording it is what completed that.
    """

    recorded: bool
    skipped: str | None = None
    tool_id: str | None = None
    process_id: str | None = None
    workflow_id: str | None = None
    item_completed: str | None = None
    inferred: dict[str, Any] = {}
