"""The vocabulary: each parameter's meaning, written once for schema, help text and API alike."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

CATEGORIES = ("Testing", "Architecture", "Security", "Performance", "API", "Naming", "Documentation")

SHORT = 300
LONG = 20_000


class FailureType(StrEnum):
    """What kind of entry a failure is, as seed documents of failure trackers name them."""

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


ErrorContext = Annotated[
    str, Field(description="What went wrong: the error as printed, or one sentence", max_length=LONG)
]
Correction = Annotated[str, Field(description="The correction: what to do instead", max_length=LONG)]
CategoryName = Annotated[str, Field(description="One of: " + ", ".join(CATEGORIES) + "; any case", max_length=SHORT)]
AgentName = Annotated[str, Field(description="Agent or subagent name", max_length=SHORT)]
WorkflowId = Annotated[str, Field(description="Workflow id, if one is running", max_length=SHORT)]
Files = Annotated[list[str], Field(description="Files concerned", max_length=200)]
Command = Annotated[str, Field(description="Command that failed", max_length=LONG)]
ErrorText = Annotated[str, Field(description="Full error output", max_length=LONG)]
WrongExample = Annotated[str, Field(description="Code as it was written", max_length=LONG)]
CorrectExample = Annotated[str, Field(description="Code as it should be", max_length=LONG)]
IsTest = Annotated[bool, Field(description="A trial entry; left out of reviews")]
RequestId = Annotated[str, Field(description="Repeat it to retry safely", max_length=SHORT)]
Days = Annotated[int, Field(description="Look back this many days", ge=1, le=36_500)]
WholeHistory = Annotated[bool, Field(description="All time instead of `days`")]
MinFrequency = Annotated[int, Field(description="Entries that make a pattern", ge=2, le=10_000)]
Cursor = Annotated[str, Field(description="next_cursor of the page before", max_length=SHORT)]
Limit = Annotated[int, Field(description="Patterns per page", ge=1, le=50)]
FreeText = Annotated[str, Field(max_length=LONG)]
Rating = Annotated[
    int,
    Field(
        description="5 exactly right, 4 minor issues, 3 significant fixes, 2 extensive rework, 1 failed",
        ge=1,
        le=5,
        strict=True,
    ),
]
