"""Which state do a workflow's events make? The log is the truth: the state is what its events add up to."""

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.workflow import (
    ItemDefinition,
    ItemState,
    LogEvent,
    PhaseState,
    WorkflowDefinition,
    WorkflowState,
)

from .workflow_definition import definition_of, parse_definition

STARTED = "Started workflow: "
ABANDONED = "Workflow abandoned: "


def folded(state: WorkflowState | None, events: Iterable[LogEvent]) -> WorkflowState | None:
    """The state after those of its events that it does not hold yet; None if neither it nor the log can say.

    Args:
        state: what is known already; None to begin with the log's own `workflow_started`.
        events: of one workflow, in the order of the log.
    """
    for event in events:
        if state is None:
            state = _begun(event)
        elif (event.revision or 0) > (state.revision or 0):
            state = apply(state, event)
    return state


def apply(state: WorkflowState, event: LogEvent) -> WorkflowState:
    """The state after one more event. Every event counts; those that change nothing else move the revision."""
    changes = _CHANGES.get(event.event_type, _nothing)(state, event)
    return state.model_copy(update=changes | {"updated_at": event.timestamp, "revision": event.revision})


def companion(state: WorkflowState, last: LogEvent) -> LogEvent | None:
    """The `phase_started` that belongs after a workflow's last event, if that began a phase.

    Both are written at once. Should a crash tear them apart, it is written later: the state has the phase already,
    but who reads only the log would miss it.
    """
    phase_id = state.current_phase_id
    phase = state.phases.get(phase_id) if phase_id else None
    began = last.event_type in {"workflow_started", "phase_completed"} and phase and phase.status == "active"
    if not began or phase_id is None:
        return None
    names = {one.id: one.name for one in definition_of(state).phases}
    return LogEvent(
        timestamp=last.timestamp,
        event_type="phase_started",
        workflow_id=state.workflow_id,
        phase_id=phase_id,
        message=f"Started phase: {names.get(phase_id, phase_id)}",
        actor=last.actor,
        request_id=last.request_id,
        revision=(last.revision or 0) + 1,
    )


def _begun(event: LogEvent) -> WorkflowState | None:
    if event.event_type != "workflow_started":
        return None
    try:
        definition = parse_definition(event.details.get("definition") or {})
    except InvalidInputError:
        return None
    first = definition.phases[0].id
    others: dict[str, Any] = {"project": None, "constraints": []}
    new = WorkflowState(
        workflow_id=event.workflow_id,
        workflow_type=definition.name,
        workflow_version=definition.version,
        task_description=(event.message or "").removeprefix(STARTED),
        status="active",
        current_phase_id=first,
        phases=_phases(definition),
        created_at=event.timestamp,
        updated_at=event.timestamp,
        completed_at=None,
        metadata={"workflow_yaml_path": event.details.get("workflow_yaml_path")},
        workflow_definition=definition.model_dump(mode="json", exclude_none=True),
        revision=event.revision,
        **others,  # as old readers know it
    )
    return new.model_copy(update=_phase_changed(new, first, status="active", started_at=event.timestamp))


def _phases(definition: WorkflowDefinition) -> dict[str, PhaseState]:
    return {
        phase.id: PhaseState(
            id=phase.id,
            status="pending",
            started_at=None,
            completed_at=None,
            items={item.id: _pending(item) for item in phase.items},
        )
        for phase in definition.phases
    }


def _pending(item: ItemDefinition) -> ItemState:
    others: dict[str, Any] = {"verification_result": None, "retry_count": 0, "files_modified": None}
    return ItemState(
        id=item.id,
        status="pending",
        started_at=None,
        completed_at=None,
        skipped_at=None,
        skip_reason=None,
        notes=None,
        **others,  # as old readers know it
    )


def _nothing(_state: WorkflowState, _event: LogEvent) -> dict[str, Any]:
    return {}


def _phase_started(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    phase_id = event.phase_id or ""
    changes = _phase_changed(state, phase_id, status="active", started_at=event.timestamp)
    return changes | {"current_phase_id": phase_id}


def _phase_completed(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    """Closes a phase and begins the one after it: a crash before the line that says so must not lose it."""
    phase_id = event.phase_id or ""
    changes = _phase_changed(state, phase_id, status="completed", completed_at=event.timestamp)
    order = list(state.phases)
    after = order[order.index(phase_id) + 1 :] if phase_id in order else []
    if not after:
        return changes
    done = state.model_copy(update=changes)
    return _phase_changed(done, after[0], status="active", started_at=event.timestamp) | {"current_phase_id": after[0]}


def _item_completed(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    done = {"status": "completed", "completed_at": event.timestamp, "skipped_at": None, "skip_reason": None}
    return _item_changed(state, event, **done, **_notes(event))


def _item_skipped(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    reason = event.details.get("reason")
    return _item_changed(
        state, event, status="skipped", completed_at=None, skipped_at=event.timestamp, skip_reason=reason
    )


def _note_added(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    status = event.details.get("status")  # of a pause or its end, which have no event type of their own in the wild
    changes = {"status": status} if status and isinstance(status, str) else {}
    return changes | (_item_changed(state, event, **_notes(event)) if event.item_id else {})


def _ended(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    """Closes the phase that was active, as the real tool's `finish` leaves it open."""
    phase = state.phases.get(state.current_phase_id or "")
    closed = phase and phase.status == "active" and event.event_type == "workflow_completed"
    changes = _phase_changed(state, state.current_phase_id or "", status="completed", completed_at=event.timestamp)
    status = event.event_type.removeprefix("workflow_")
    return (changes if closed else {}) | {"status": status, "completed_at": event.timestamp} | _reason(state, event)


def _reason(state: WorkflowState, event: LogEvent) -> dict[str, Any]:
    message = event.message or ""
    if not message.startswith(ABANDONED):
        return {}
    return {"metadata": {**state.metadata, "abandon_reason": message.removeprefix(ABANDONED)}}


def _notes(event: LogEvent) -> dict[str, Any]:
    """The newest notes; the log keeps those before."""
    notes = event.details.get("notes")
    return {"notes": notes} if notes else {}


def _phase_changed(state: WorkflowState, phase_id: str, **changes: Any) -> dict[str, Any]:
    phase = state.phases.get(phase_id) or PhaseState(id=phase_id)
    return {"phases": {**state.phases, phase_id: phase.model_copy(update=changes)}}


def _item_changed(state: WorkflowState, event: LogEvent, **changes: Any) -> dict[str, Any]:
    phase_id, item_id = event.phase_id or "", event.item_id or ""
    phase = state.phases.get(phase_id) or PhaseState(id=phase_id)
    item = phase.items.get(item_id) or ItemState(id=item_id)
    return _phase_changed(state, phase_id, items={**phase.items, item_id: item.model_copy(update=changes)})


_CHANGES: dict[str, Callable[[WorkflowState, LogEvent], dict[str, Any]]] = {
    "phase_started": _phase_started,
    "phase_completed": _phase_completed,
    "item_completed": _item_completed,
    "item_skipped": _item_skipped,
    "note_added": _note_added,
    "workflow_completed": _ended,
    "workflow_abandoned": _ended,
}
