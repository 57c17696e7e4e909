"""What do a workflow's log and state say about how it went? Facts only: what no event shows stays unknown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator_mcp.records.workflow import EVENTS, LogEvent, WorkflowState

from .baseline import FEEDBACK_ITEM, ITEMS, LEARNINGS_ITEM, PHASE0_CHECK
from .extraction_errors import split_errors
from .extraction_learnings import challenges, went_well
from .extraction_times import active_phase_seconds, active_seconds, duration_seconds, phase_seconds

_RESOLUTIONS = {"item_completed": "completed", "item_skipped": "skipped", "item_failed": "failed"}
_STARTED = "Started workflow:"
_REVIEW = "_review"


@dataclass(frozen=True)
class Workflow:
    """One workflow: its events of known types, in the order of the log, and its state (empty if there is none)."""

    workflow_id: str | None
    events: tuple[LogEvent, ...]
    state: WorkflowState


@dataclass(frozen=True)
class WorkflowFacts:
    """How one workflow went. None is unknown. `items_skipped_pct` is a fraction of the items that were resolved.

    `duration_seconds` and `phases` are on the wall clock, `active_seconds` and `active_phases` what of it was work.
    """

    workflow_id: str | None
    task: str | None
    duration_seconds: int | None
    phases: dict[str, int]
    active_seconds: int | None
    active_phases: dict[str, int]
    phase0_guidance_used: bool | None
    reviews_worked: bool | None
    parallel_agents_used: bool | None
    orchestrator_errors: tuple[str, ...]
    project_errors: tuple[str, ...]
    items_skipped: tuple[str, ...]
    items_skipped_pct: float | None
    custom_items: tuple[str, ...]
    learnings: str | None
    what_went_well: str | None
    challenges: str | None


def one_workflow(events: Sequence[LogEvent], state: WorkflowState | None, workflow_id: str | None = None) -> Workflow:
    """Pick one workflow out of a log that may hold many.

    The named one; else the state's; else the last that the log knows. Events of a log that names no workflow at all
    belong to the one in question.
    """
    of_state = state.workflow_id if state else None
    last = last_workflow_id(events)
    chosen = workflow_id or of_state or last
    nameless = last is None and workflow_id in (None, of_state)
    known = (event for event in events if event.event_type in EVENTS)
    mine = tuple(event for event in known if nameless or (chosen and event.workflow_id == chosen))
    return Workflow(chosen, mine, state if state and chosen == of_state else WorkflowState(workflow_id=chosen))


def last_workflow_id(events: Sequence[LogEvent]) -> str | None:
    """The workflow of the newest event of a known type that names one."""
    named = (event.workflow_id for event in reversed(events) if event.event_type in EVENTS and event.workflow_id)
    return next(named, None)


def workflow_facts(workflow: Workflow) -> WorkflowFacts:
    """Everything that feedback wants to know and that nobody needs to be asked."""
    workflow, statuses = _without_its_feedback(workflow, item_statuses(workflow))
    skipped = tuple(item for item, status in statuses.items() if status == "skipped")
    resolved = sum(status in {"completed", "skipped"} for status in statuses.values())
    orchestrator_errors, project_errors = split_errors(workflow.events)
    learnings = _learnings(workflow)
    return WorkflowFacts(
        workflow_id=workflow.workflow_id,
        task=_task(workflow),
        duration_seconds=duration_seconds(workflow.events, workflow.state),
        phases=phase_seconds(workflow.events, workflow.state),
        active_seconds=active_seconds(workflow.events, workflow.state),
        active_phases=active_phase_seconds(workflow.events, workflow.state),
        phase0_guidance_used=statuses[PHASE0_CHECK] == "completed" if PHASE0_CHECK in statuses else None,
        reviews_worked=reviews_worked(workflow.events, statuses),
        parallel_agents_used=parallel_agents_used(workflow.events),
        orchestrator_errors=orchestrator_errors,
        project_errors=project_errors,
        items_skipped=skipped,
        items_skipped_pct=round(len(skipped) / resolved, 4) if resolved else None,
        custom_items=tuple(sorted(statuses.keys() - ITEMS)),
        learnings=learnings,
        what_went_well=went_well(learnings),
        challenges=challenges(learnings),
    )


def _without_its_feedback(workflow: Workflow, statuses: dict[str, str]) -> tuple[Workflow, dict[str, str]]:
    """Recording feedback completes the item that asks for it; recorded again, it must not look as if work went on."""
    if statuses.get(FEEDBACK_ITEM) != "completed":
        return workflow, statuses
    events = tuple(event for event in workflow.events if event.item_id != FEEDBACK_ITEM)
    others = {item: status for item, status in statuses.items() if item != FEEDBACK_ITEM}
    return replace(workflow, events=events), others


def item_statuses(workflow: Workflow) -> dict[str, str]:
    """Where each item of a workflow ended up. What the log says last counts; the state fills in what it omits."""
    found = {
        item_id: (item.status or "pending").lower()
        for phase in workflow.state.phases.values()
        for item_id, item in phase.items.items()
    }
    for event in workflow.events:
        if event.item_id:
            found[event.item_id] = _RESOLUTIONS.get(event.event_type) or found.get(event.item_id, "pending")
    return found


def reviews_worked(events: Sequence[LogEvent], statuses: dict[str, str]) -> bool | None:
    """Whether a review was done and did not fail; None if none was due. A skipped review did not work.

    A `review_failed` is outlived only by a `review_completed`: ticking the item off does not repair it.
    """
    outcomes = {
        _review_of(event): event.event_type == "review_completed"
        for event in events
        if event.event_type in {"review_completed", "review_failed"}
    }
    items = {
        item.removesuffix(_REVIEW): status
        for item, status in statuses.items()
        if item.endswith(_REVIEW) and status in _RESOLUTIONS.values()
    }
    done = {name for name, status in items.items() if status == "completed"}
    failed = {name for name, status in items.items() if status == "failed"}
    worked = (done | {name for name, fine in outcomes.items() if fine}) - failed
    worked -= {name for name, fine in outcomes.items() if not fine}
    return bool(worked) if items or outcomes else None


def parallel_agents_used(events: Sequence[LogEvent]) -> bool | None:
    """Whether an event says in so many words that agents worked in parallel, or that they did not."""
    said = [
        event.details.get("parallel_agents_used", event.event_type == "parallel_agents_used" or None)
        for event in events
        if event.event_type not in {"item_skipped", "item_failed"}
    ]
    return True if True in said else False if False in said else None


def _review_of(event: LogEvent) -> str:
    return str(event.details.get("review_type") or event.item_id or "").removesuffix(_REVIEW)


def _task(workflow: Workflow) -> str | None:
    if workflow.state.task_description:
        return workflow.state.task_description
    started = (event.message for event in workflow.events if event.event_type == "workflow_started" and event.message)
    return next((message.removeprefix(_STARTED).strip() or None for message in started), None)


def _learnings(workflow: Workflow) -> str | None:
    done = [event for event in workflow.events if event.item_id == LEARNINGS_ITEM]
    notes = [event.details.get("notes") for event in done if event.event_type in {"item_completed", "note_added"}]
    texts = [note.strip() for note in notes if isinstance(note, str) and note.strip()]
    if not texts:
        items = (phase.items.get(LEARNINGS_ITEM) for phase in workflow.state.phases.values())
        texts = [item.notes.strip() for item in items if item and item.notes and item.notes.strip()]
    return "\n".join(dict.fromkeys(texts)) or None
