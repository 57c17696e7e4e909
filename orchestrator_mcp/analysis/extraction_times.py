"""How long did a workflow and each of its phases take, on the wall clock, and for how long of that was it worked on?

Active time leaves out pauses, and of a gap without any event it counts at most IDLE: nobody logs that they went home.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from orchestrator_mcp.records.workflow import LogEvent, WorkflowState

IDLE = timedelta(minutes=30)

_ENDS = {"workflow_completed", "workflow_abandoned", "workflow_finished"}


def duration_seconds(events: Sequence[LogEvent], state: WorkflowState) -> int | None:
    """From the first event to the end; None if nothing is dated."""
    began, ended = _beginning(events, state), _end(events, state)
    return _seconds(began, ended) if began and ended else None


def phase_seconds(events: Sequence[LogEvent], state: WorkflowState) -> dict[str, int]:
    """Each phase's time. A phase that nobody closed lasts until the next begins, or until the workflow's end."""
    return _phases_of_log(events, _end(events, state)) or _phases_of_state(state, _end(events, state))


def active_seconds(events: Sequence[LogEvent], state: WorkflowState) -> int | None:
    """The part of `duration_seconds` in which the log shows work; None if it has no dated event."""
    took = duration_seconds(events, state)
    if took is None or not _until_the_end(events):
        return None
    return min(took, round(sum(seconds for _, seconds in _worked(events))))


def active_phase_seconds(events: Sequence[LogEvent], state: WorkflowState) -> dict[str, int]:
    """The part of each of the log's `phase_seconds` in which it shows work."""
    spent: dict[str, float] = {}
    for phase, seconds in _worked(events):
        if phase:
            spent[phase] = spent.get(phase, 0) + seconds
    took = _phases_of_log(events, _end(events, state))
    return {phase: min(seconds, round(spent.get(phase, 0))) for phase, seconds in took.items()}


def outcome(events: Sequence[LogEvent]) -> str | None:
    """What a log last says of its workflow: completed, abandoned, paused or active; None if it says nothing."""
    found = "active" if events else None
    for event in events:
        if event.event_type in _ENDS:
            found = event.event_type.removeprefix("workflow_").replace("finished", "completed")
        elif event.event_type == "note_added" and event.details.get("status") in {"active", "paused"}:
            found = event.details["status"]
    return found


def _worked(events: Sequence[LogEvent]) -> Iterator[tuple[str | None, float]]:
    """The seconds between each two events that count as work, and the phase they belong to."""
    phase: str | None = None
    since: datetime | None = None
    paused = False
    for event in _until_the_end(events):
        if since and event.timestamp and not paused:
            yield phase, min(max((event.timestamp - since).total_seconds(), 0), IDLE.total_seconds())
        since = event.timestamp
        if event.event_type == "note_added" and "status" in event.details:
            paused = event.details["status"] == "paused"
        elif event.event_type == "phase_started":
            phase = event.phase_id
        elif event.event_type == "phase_completed" and event.phase_id in (None, phase):
            phase = None


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
    last = next(iter(_until_the_end(events)[-1:]), None)
    ended = last.timestamp if last and last.event_type in _ENDS else None
    return ended or state.completed_at or _last_sign(events, state)


def _until_the_end(events: Sequence[LogEvent]) -> list[LogEvent]:
    """The dated events up to the first end that no further work follows: a second `finish` makes nothing longer."""
    dated = [event for event in events if event.timestamp]
    working = len(dated)
    while working and dated[working - 1].event_type in _ENDS:
        working -= 1
    return dated[: working + 1]


def _last_sign(events: Sequence[LogEvent], state: WorkflowState) -> datetime | None:
    seen = [event.timestamp for event in events if event.timestamp]
    seen += [moment for phase in state.phases.values() for moment in (phase.started_at, phase.completed_at) if moment]
    return max(seen, default=None)
