"""What one run of an agent is, how it was judged, and how agents compare."""

from typing import Any, Literal

from .base import Model, Record, Result, Timestamp
from .fields import FeedbackSource, OutcomeStatus


class Outcome(Model):
    """How a run ended."""

    status: OutcomeStatus = OutcomeStatus.UNKNOWN
    error_message: str | None = None
    files_modified: list[str] = []
    tests_passed: bool | None = None
    build_succeeded: bool | None = None


class Invocation(Record):
    """One run of an agent. Its finish is the same record again with `rev` + 1."""

    invocation_id: str
    agent_name: str
    agent_type: str | None = None
    task_description: str
    state_features: dict[str, Any] = {}
    parent_invocation_id: str | None = None
    workflow_id: str | None = None
    tools_used: list[str] = []
    duration_seconds: float | None = None
    finished_at: Timestamp | None = None
    outcome: Outcome = Outcome()


class SuccessMetric(Record):
    """A judgement of one run. `quality_rating`: 5 exactly right … 1 failed."""

    invocation_id: str
    success: bool
    quality_rating: int | None = None
    feedback_source: FeedbackSource = FeedbackSource.HUMAN
    feedback_notes: str | None = None
    would_use_again: bool | None = None
    alternative_agent_suggested: str | None = None


class InvocationLogged(Result):
    """The answer to `log_invocation`: pass `invocation_id` again to finish the same run."""

    recorded: Literal[True] = True
    invocation_id: str
    finished: bool
    rev: int


class MetricLogged(Result):
    """The answer to `log_success_metric`."""

    recorded: Literal[True] = True
    id: str
    invocation_id: str


class AgentRank(Model):
    """One agent's record: successes of `n` judged runs, Wilson interval, mean rating where given."""

    agent_name: str
    n: int
    successes: int
    rate: float
    low: float
    high: float
    quality: float | None


class AgentRanking(Result):
    """The answer to `get_agent_ranking`, best first by shrunken rate; `too_few` had under five judged runs.

    `chance_first_is_best` is the posterior probability that the first beats the second, or `null`.
    """

    task_type: str | None
    agents: list[AgentRank]
    too_few: list[AgentRank]
    chance_first_is_best: float | None


class Statistics(Model):
    """`performance_stats.json`: a derived file that can be deleted at any time."""

    generated_at: Timestamp
    total_invocations: int
    date_range: dict[str, Timestamp] | None
    agents: dict[str, dict[str, Any]]
