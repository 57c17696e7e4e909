"""The vocabulary: each parameter's meaning, written once for schema, help text and API alike."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

CATEGORIES = ("Testing", "Architecture", "Security", "Performance", "API", "Naming", "Documentation")

SHORT = 300
LONG = 20_000


class FailureType(StrEnum):
    """What kind of entry a failure is."""

    MISTAKE = "mistake"
    REPETITION = "repetition"
    CLARIFICATION = "clarification"


class Severity(StrEnum):
    """How much a failure hurts."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Level(StrEnum):
    """A derived three-step judgement: priority of a pattern, or confidence in it."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class SessionStatus(StrEnum):
    """How a session stands.

    active     something was written to it within the last 12 hours
    stale      a workflow is open in it, and nothing was written for a day
    abandoned  the same, for 30 days
    finished   its last workflow ended
    idle       nothing of that
    broken     its `meta.json`, or its workflow's state, cannot be read
    """

    ACTIVE = "active"
    STALE = "stale"
    ABANDONED = "abandoned"
    FINISHED = "finished"
    IDLE = "idle"
    BROKEN = "broken"


class OutcomeStatus(StrEnum):
    """How an agent's run ended; `unknown` is not a failure."""

    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class FeedbackSource(StrEnum):
    """Who judged an agent's run."""

    HUMAN = "human"
    AUTOMATED_TESTS = "automated_tests"
    BUILD_SYSTEM = "build_system"
    LINTER = "linter"


class FeedbackMode(StrEnum):
    """`auto` infers from the workflow's state and log; `interactive` takes the caller's answers."""

    AUTO = "auto"
    INTERACTIVE = "interactive"


class FeedbackKind(StrEnum):
    """Which of the two feedback entries: about the tool (anonymous), or about the project (private)."""

    BOTH = "both"
    TOOL = "tool"
    PROCESS = "process"


class Helpful(StrEnum):
    """Were the Phase 0 prompts helpful?"""

    YES = "yes"
    NO = "no"
    DIDNT_SEE = "didn't-see"


class ReviewsAnswer(StrEnum):
    """Did third-party reviews work?"""

    YES = "yes"
    NO = "no"
    SKIPPED = "skipped"


class YesNo(StrEnum):
    """A plain question's answer."""

    YES = "yes"
    NO = "no"


class Applicable(StrEnum):
    """Were several agents used at once?"""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not-applicable"


class WorkflowAction(StrEnum):
    """What happens to a workflow."""

    COMPLETE = "complete"
    SKIP = "skip"
    NOTE = "note"
    ADVANCE = "advance"
    EVENT = "event"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    ABANDON = "abandon"


class WorkflowEventKind(StrEnum):
    """What an agent can tell of a workflow beside its items."""

    REVIEW_COMPLETED = "review_completed"
    REVIEW_FAILED = "review_failed"
    ERROR = "error"
    COMMAND = "command"
    PARALLEL_AGENTS = "parallel_agents"
    NO_PARALLEL_AGENTS = "no_parallel_agents"


ErrorContext = Annotated[
    str, Field(description="What went wrong: the error as printed, or one sentence", max_length=LONG)
]
Correction = Annotated[str, Field(description="The correction: what to do instead", max_length=LONG)]
CategoryName = Annotated[str, Field(description="One of: " + ", ".join(CATEGORIES), max_length=SHORT)]
OnlyCategory = Annotated[str, Field(description="Only this category", max_length=SHORT)]
AgentName = Annotated[str, Field(description="Which agent", max_length=SHORT)]
WorkflowId = Annotated[str, Field(description="The workflow it belongs to", max_length=SHORT)]
Files = Annotated[list[str], Field(description="Files concerned", max_length=200)]
Command = Annotated[str, Field(description="Command that failed", max_length=LONG)]
ErrorText = Annotated[str, Field(description="Full error output", max_length=LONG)]
WrongExample = Annotated[str, Field(description="Code as written", max_length=LONG)]
CorrectExample = Annotated[str, Field(description="Code as it should be", max_length=LONG)]
AnsweredFailure = Annotated[str, Field(description="The entry that same_as is about", max_length=SHORT)]
SameAs = Annotated[str, Field(description="The right candidate's pattern_id, or new", max_length=SHORT)]
IsTest = Annotated[bool, Field(description="A trial; reviews leave it out")]
RequestId = Annotated[str, Field(description="For safe retries", max_length=SHORT)]
Days = Annotated[int, Field(description="Look back this many days", ge=1, le=36_500)]
WholeHistory = Annotated[bool, Field(description="All time instead of `days`")]
MinFrequency = Annotated[int, Field(description="Entries that make a pattern", ge=2, le=10_000)]
Cursor = Annotated[str, Field(description="next_cursor of the page before", max_length=SHORT)]
Limit = Annotated[int, Field(description="How many at most", ge=1, le=50)]
Rating = Annotated[
    int,
    Field(
        description="5 exactly right, 4 minor issues, 3 significant fixes, 2 extensive rework, 1 failed",
        ge=1,
        le=5,
        strict=True,
    ),
]

AgentType = Annotated[str, Field(description="Such as development or review", max_length=SHORT)]
TaskDescription = Annotated[str, Field(description="What the agent was asked to do", max_length=LONG)]
StateFeatures = Annotated[
    dict[str, Any],
    Field(description="The work: codebase, task {type, scope, risk_level}, context, historical"),
]
InvocationId = Annotated[str, Field(description="Id that log_invocation gave", max_length=SHORT)]
DurationSeconds = Annotated[float, Field(description="Seconds the run took", ge=0, allow_inf_nan=False)]
TaskType = Annotated[str, Field(description="Only runs whose state_features.task.type is this", max_length=SHORT)]
Names = Annotated[list[str], Field(description="Tools used", max_length=200)]
Notes = Annotated[str, Field(description="What was good or bad about it", max_length=LONG)]

FeedbackModeChoice = Annotated[FeedbackMode, Field(description="interactive: a form asks the person what you left out")]
FeedbackKindChoice = Annotated[FeedbackKind, Field(description="About the tool, the project, or both")]
PastWorkflowId = Annotated[str, Field(description="Default: the current workflow")]
Phase0Helpful = Annotated[Helpful, Field(description="Were Phase 0 parallel execution prompts helpful?")]
ReviewsWorked = Annotated[ReviewsAnswer, Field(description="Did third-party reviews work correctly?")]
ConfusingItems = Annotated[list[str], Field(description="Which workflow items were confusing or unclear (ids)?")]
CommandsFailed = Annotated[YesNo, Field(description="Did any orchestrator commands fail?")]
ToolSuggestions = Annotated[str, Field(description="Suggestions for improving the tool?")]
MultiAgents = Annotated[Applicable, Field(description="Did you use multi-agents?")]
WhatWentWell = Annotated[str, Field(description="What went well in this workflow?")]
Challenges = Annotated[str, Field(description="What challenges did you face?")]
Learnings = Annotated[str, Field(description="What did you learn?")]
Improvements = Annotated[str, Field(description="Project-specific improvements?")]
SeverityChoice = Annotated[Severity, Field(description="How much it hurts")]
FailureTypeChoice = Annotated[FailureType, Field(description="New mistake, repeated one, or unclear instruction")]
OutcomeChoice = Annotated[OutcomeStatus, Field(description="Giving it finishes the run")]
TestsPassed = Annotated[bool, Field(description="After the run")]
BuildSucceeded = Annotated[bool, Field(description="After the run")]
Success = Annotated[bool, Field(description="Did the run do what it was asked?")]
SourceChoice = Annotated[FeedbackSource, Field(description="Who judges")]
WouldUseAgain = Annotated[bool, Field(description="Would you use this agent for this again?")]
AlternativeAgent = Annotated[str, Field(description="An agent that would have been better", max_length=SHORT)]
ParentInvocationId = Annotated[str, Field(description="The run that started this one", max_length=SHORT)]
FilesModified = Annotated[list[str], Field(description="Files the run changed", max_length=200)]

WorkflowTask = Annotated[str, Field(description="The task", max_length=LONG)]
WorkflowActionChoice = Annotated[WorkflowAction, Field(description="advance: next phase")]
WorkflowItem = Annotated[str, Field(description="Item id, or review", max_length=SHORT)]
WorkflowText = Annotated[str, Field(description="Notes, reason, error or output", max_length=LONG)]
WorkflowEventChoice = Annotated[WorkflowEventKind, Field(description="If action=event")]
WorkflowCommand = Annotated[str, Field(description="As run", max_length=LONG)]
ExitCode = Annotated[int, Field(description="Of command", strict=True)]
SessionStatusChoice = Annotated[SessionStatus, Field(description="Only sessions that stand so")]
