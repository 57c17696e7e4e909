"""Is an action the one that was recorded a moment ago, tried again by a client that sends no request id?

What is possible again is another action: `advance` twice closes two phases, and a pause follows a resumption.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.workflow import LogEvent, WorkflowState

from .workflow_actions import Step
from .workflow_fold import folded

RETRY = timedelta(seconds=2)

_ONCE = {"workflow_started", "workflow_completed", "workflow_abandoned"}

Make = Callable[[WorkflowState | None], Step]


def tried_again(
    events: Sequence[LogEvent],
    state: WorkflowState | None,
    make: Make,
    now: datetime,
    content: Callable[[LogEvent], object],
) -> list[LogEvent]:
    """The events of the same action, if it was recorded less than RETRY ago and nothing about the same thing since.

    Args:
        events: the log, in its order.
        state: what it adds up to.
        make: what becomes of the action in a state.
        now: the time.
        content: what an event says, to be compared.
    """
    recent = [*takewhile(lambda one: _is_recent(one, now), reversed(events))][::-1]
    actions = [one for one in recent if one.request_id is None and not _is_companion(one, recent)]
    if not actions:
        return []
    made = _made(make, state)
    if made is not None:
        last = next((one for one in reversed(actions) if _about(one) == _about(made)), None)
    else:  # refused now, perhaps because it was done
        last = actions[-1] if actions[-1].event_type in _ONCE else None
        made = _made(make, _before(last, events)) if last else None
    if last is None or made is None or content(made) != content(last):
        return []
    return [last, *(one for one in recent if _is_companion(one, [last]))]


def _is_recent(event: LogEvent, now: datetime) -> bool:
    return event.timestamp is not None and abs(now - event.timestamp) < RETRY


def _about(event: LogEvent) -> tuple[str | None, str | None]:
    return event.workflow_id, event.item_id


def _made(make: Make, state: WorkflowState | None) -> LogEvent | None:
    try:
        return make(state).event
    except OrchestratorError:
        return None


def _before(last: LogEvent, events: Iterable[LogEvent]) -> WorkflowState | None:
    mine = (one for one in events if one.workflow_id == last.workflow_id)
    return folded(None, [one for one in mine if (one.revision or 0) < (last.revision or 0)])


def _is_companion(event: LogEvent, others: Iterable[LogEvent]) -> bool:
    """Whether an event only completes the one before it; see `companion`."""
    mine = (event.timestamp, event.workflow_id, (event.revision or 0) - 1)
    begun = event.event_type == "phase_started"
    return begun and any((one.timestamp, one.workflow_id, one.revision) == mine for one in others)
