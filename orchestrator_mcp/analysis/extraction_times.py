"""How long did a workflow and each of its phases take, on the wall clock?"""

from collections.abc import Sequence
from datetime import datetime

from orchestrator_mcp.records.workflow import LogEvent, WorkflowState

_ENDS = {"workflow_completed", "workflow_abandoned", "workflow_finished"}


def duration_seconds(events: Sequence[LogEvent], state: WorkflowState) -> int | None:
    """From the first event to the end; None if nothing is dated."""
    began, ended = _beginning(events, state), _end(events, state)
    return _seconds(began, ended) if began and ended else None


def phase_seconds(events: Sequence[LogEvent], state: WorkflowState) -> dict[str, int]:
    """Each phase's time. A phase that nobody closed lasts until the next begins, or until the workflow's end."""
    return _phases_of_log(events, _end(events, state)) or _phases_of_state(state, _end(events, state))


def _phases_of_log(events: Sequence[LogEvent], end: datetime | None) -> dict[str, int]:
    spent: dict[str, int] = {}
    phase: str | None = None
    since: datetime | None = None
    for event in events:
        starts = event.event_type == "phase_started"
        ends = event.event_type == "phase_completed" and event.phase_id in (None, phase)
        if not (starts or ends) or event.timestamp is None:
            continue
        _add(spent, phase, since, event.timestamp)
        phase, since = (event.phase_id, event.timestamp) if starts else (None, None)
    _add(spent, phase, since, end)
    return spent


def _phases_of_state(state: WorkflowState, end: datetime | None) -> dict[str, int]:
    spent: dict[str, int] = {}
    for phase_id, phase in state.phases.items():
        _add(spent, phase_id, phase.started_at, phase.completed_at or end)
    return spent


def _add(spent: dict[str, int], phase: str | None, since: datetime | None, until: datetime | None) -> None:
    if phase and since and until:
        spent[phase] = spent.get(phase, 0) + _seconds(since, until)


def _seconds(since: datetime, until: datetime) -> int:
    return max(0, round((until - since).total_seconds()))  # a clock that was set back gives no negative time


def _beginning(events: Sequence[LogEvent], state: WorkflowState) -> datetime | None:
    return next((event.timestamp for event in events if event.timestamp), state.created_at)


def _end(events: Sequence[LogEvent], state: WorkflowState) -> datetime | None:
    """The first end that no further work follows: a second `finish` later on does not make a workflow longer."""
    end: datetime | None = None
    for event in events:
        if event.timestamp is None:
            continue
        if event.event_type not in _ENDS:
            end = None
        elif end is None:
            end = event.timestamp
    return end or state.completed_at or _last_sign(events, state)


def _last_sign(events: Sequence[LogEvent], state: WorkflowState) -> datetime | None:
    seen = [event.timestamp for event in events if event.timestamp]
    seen += [moment for phase in state.phases.values() for moment in (phase.started_at, phase.completed_at) if moment]
    return max(seen, default=None)
