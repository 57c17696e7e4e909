"""Telemetry: what agents were run, how it went, and how they compare."""

from collections import Counter
from datetime import datetime
from typing import Any

from orchestrator_mcp.analysis.ranking import rank_agents, task_type_of
from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.fields import FeedbackSource
from orchestrator_mcp.records.telemetry import (
    AgentRanking,
    Invocation,
    InvocationLogged,
    MetricLogged,
    Outcome,
    Statistics,
    SuccessMetric,
)
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.ids import meant, new_id
from orchestrator_mcp.storage.workspace import Workspace

MOST = 5


def log_invocation(
    workspace: Workspace,
    *,
    agent_name: fields.AgentName | None = None,
    task_description: fields.TaskDescription | None = None,
    agent_type: fields.AgentType | None = None,
    state_features: fields.StateFeatures | None = None,
    invocation_id: fields.InvocationId | None = None,
    outcome_status: fields.OutcomeChoice | None = None,
    duration_seconds: fields.DurationSeconds | None = None,
    error_message: fields.ErrorText | None = None,
    files_modified: fields.FilesModified | None = None,
    tools_used: fields.Names | None = None,
    tests_passed: fields.TestsPassed | None = None,
    build_succeeded: fields.BuildSucceeded | None = None,
    parent_invocation_id: fields.ParentInvocationId | None = None,
    workflow_id: fields.WorkflowId | None = None,
    request_id: fields.RequestId | None = None,
) -> InvocationLogged:
    """Log one run of an agent: start it with agent_name and task_description, finish it with its invocation_id.

    One call may do both. What is left out stays as it was.
    """
    outcome = {
        "status": outcome_status,
        "error_message": error_message,
        "files_modified": files_modified,
        "tests_passed": tests_passed,
        "build_succeeded": build_succeeded,
    }
    facts = {
        "agent_name": agent_name,
        "agent_type": agent_type,
        "task_description": task_description,
        "state_features": state_features,
        "parent_invocation_id": parent_invocation_id,
        "workflow_id": workflow_id,
        "tools_used": tools_used,
        "duration_seconds": duration_seconds,
    }
    if duration_seconds is not None and not 0 <= duration_seconds < float("inf"):
        raise InvalidInputError(f"duration_seconds is {duration_seconds}. Give the seconds the run took, 0 or more.")
    if invocation_id is not None:
        return update_invocation(workspace, invocation_id, _given(facts), _given(outcome), request_id)
    run = _started(workspace, _given(facts) | {"request_id": request_id}, _given(outcome))
    stored = workspace.stream(Invocation).append(run)
    return _logged(stored, workspace)


def update_invocation(
    workspace: Workspace,
    invocation_id: str,
    facts: dict[str, Any],
    outcome: dict[str, Any],
    request_id: str | None = None,
) -> InvocationLogged:
    """Supersede a run by one with more facts; repeating an update changes nothing.

    Raises:
        NotFoundError: if no session has a run with this id.
    """
    session_id, run_id = _find(workspace, invocation_id)
    now = workspace.now()

    def change(run: Invocation) -> Invocation:
        finished = run.finished_at or (
            now if outcome.get("status") or facts.get("duration_seconds") is not None else None
        )
        changed = run.model_copy(
            update=facts | {"outcome": run.outcome.model_copy(update=outcome), "finished_at": finished}
        )
        return Invocation.model_validate(changed.model_dump(mode="json"))

    stored = workspace.stream(Invocation, session_id).supersede(run_id, change, request_id=request_id)
    return _logged(stored, workspace)


def log_success_metric(
    workspace: Workspace,
    *,
    invocation_id: fields.InvocationId,
    success: fields.Success,
    quality_rating: fields.Rating | None = None,
    feedback_notes: fields.Notes | None = None,
    feedback_source: fields.SourceChoice = FeedbackSource.HUMAN,
    would_use_again: fields.WouldUseAgain | None = None,
    alternative_agent_suggested: fields.AlternativeAgent | None = None,
    request_id: fields.RequestId | None = None,
) -> MetricLogged:
    """Judge one run of an agent: success, and a rating from 1 to 5.

    Raises:
        NotFoundError: if there is no such run.
    """
    if quality_rating is not None and (type(quality_rating) is not int or not 1 <= quality_rating <= MOST):
        raise InvalidInputError(f"quality_rating is {quality_rating!r}. Give a whole number from 1 (failed) to 5.")
    session_id, run_id = _find(workspace, invocation_id)
    metric = SuccessMetric(
        id=new_id(),
        timestamp=workspace.now(),
        session_id=session_id,
        request_id=request_id,
        invocation_id=run_id,
        success=success,
        quality_rating=quality_rating,
        feedback_source=feedback_source,
        feedback_notes=feedback_notes,
        would_use_again=would_use_again,
        alternative_agent_suggested=alternative_agent_suggested,
    )
    stored = workspace.stream(SuccessMetric, session_id).append(metric)
    return MetricLogged(id=stored.id, invocation_id=run_id, legacy_detected=workspace.legacy.detected())


def get_agent_ranking(workspace: Workspace, *, task_type: fields.TaskType | None = None) -> AgentRanking:
    """Rank agents by judged runs, with sample size and 95 % interval; under five runs is too few to rank."""
    workspace.touch()
    runs, metrics = workspace.read(Invocation), workspace.read(SuccessMetric)
    ranking = rank_agents(runs.records, metrics.records, task_type)
    bad = runs.bad_lines + metrics.bad_lines
    return ranking.model_copy(
        update={
            "warnings": [*runs.unread, *([f"{counted(bad, 'line')} could not be read."] if bad else [])],
            "legacy_detected": workspace.legacy.detected(),
        }
    )


def statistics(workspace: Workspace) -> Statistics:
    """Figures for each agent, over all sessions."""
    runs = workspace.read(Invocation).records
    ranking = rank_agents(runs, workspace.read(SuccessMetric).records, None)
    agents = {rank.agent_name: rank for rank in (*ranking.agents, *ranking.too_few)}
    names = sorted({run.agent_name for run in runs})
    times = [run.timestamp for run in runs]
    return Statistics(
        generated_at=workspace.now(),
        total_invocations=len(runs),
        date_range={"start": min(times), "end": max(times)} if times else None,
        agents={
            name: _agent_statistics([run for run in runs if run.agent_name == name], agents.get(name)) for name in names
        },
    )


def _agent_statistics(runs: list[Invocation], rank: Any) -> dict[str, Any]:
    durations = [run.duration_seconds for run in runs if run.duration_seconds is not None]
    types = Counter(kind for run in runs if (kind := task_type_of(run)))
    return {
        "invocation_count": len(runs),
        "judged_count": rank.n if rank else 0,
        "success_rate": rank.rate if rank else None,
        "success_rate_low": rank.low if rank else None,
        "success_rate_high": rank.high if rank else None,
        "average_quality": rank.quality if rank else None,
        "average_duration_seconds": round(sum(durations) / len(durations), 3) if durations else None,
        "common_task_types": [kind for kind, _ in types.most_common(3)],
    }


def _started(workspace: Workspace, facts: dict[str, Any], outcome: dict[str, Any]) -> Invocation:
    missing = [name for name in ("agent_name", "task_description") if not str(facts.get(name, "")).strip()]
    if missing:
        raise InvalidInputError(
            f"To start a run, give {' and '.join(missing)}; to finish one, give the invocation_id it was started with."
        )
    new, now = new_id(), workspace.now()
    finished: datetime | None = now if "status" in outcome or "duration_seconds" in facts else None
    session = workspace.session_id()
    return Invocation(
        id=new,
        invocation_id=new,
        timestamp=now,
        session_id=session,
        finished_at=finished,
        outcome=Outcome(**outcome),
        **facts,
    )


def _find(workspace: Workspace, typed: str) -> tuple[str, str]:
    """The session and the id of a run: of this session, or of an earlier one that did not see its end.

    A person may type the last six characters or more.
    """
    own = workspace.session_id()
    for session_id in (own, *(one for one in reversed(workspace.sessions.list_sessions()) if one != own)):
        ids = [run.id for run in workspace.read(Invocation, session_id).records]
        fitting = meant(ids, typed)
        if len(fitting) == 1:
            return session_id, fitting[0]
    raise NotFoundError(f"There is no run {typed[:80]!r}. Use the invocation_id with which it was started.")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _logged(run: Invocation, workspace: Workspace) -> InvocationLogged:
    return InvocationLogged(
        invocation_id=run.id,
        finished=run.finished_at is not None,
        rev=run.rev,
        legacy_detected=workspace.legacy.detected(),
    )
