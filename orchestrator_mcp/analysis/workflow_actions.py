"""Which event does an action on a workflow become, and of what is the agent reminded? Nothing is ever blocked."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError
from orchestrator_mcp.records.fields import WorkflowAction, WorkflowEventKind
from orchestrator_mcp.records.ways import way
from orchestrator_mcp.records.workflow import ItemDefinition, ItemState, ItemView, LogEvent, PhaseView, WorkflowState

from .baseline import FEEDBACK_ITEM
from .workflow_definition import definition_of
from .workflow_fold import ABANDONED

MOST_NAMED = 10
FEEDBACK_RECORDED = ", and its feedback is recorded."
_DONE = {"completed", "skipped"}
_REVIEW = "_review"


@dataclass(frozen=True)
class Update:
    """One action, in the caller's words."""

    action: WorkflowAction
    item: str | None = None
    text: str | None = None
    event: WorkflowEventKind | None = None
    command: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Step:
    """What becomes of an action: an event, still without time and id, and reminders.

    `more`: further details of the event, asked for only when it is recorded, and not when it was before.
    """

    event: LogEvent
    warnings: tuple[str, ...] = ()
    more: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True)
class _Takes:
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


_A, _E = WorkflowAction, WorkflowEventKind
_TAKES: dict[WorkflowAction | WorkflowEventKind, _Takes] = {
    _A.COMPLETE: _Takes(needs=("item",), may=("text",)),
    _A.SKIP: _Takes(needs=("item", "text")),
    _A.NOTE: _Takes(needs=("text",), may=("item",)),
    _A.ADVANCE: _Takes(),
    _A.PAUSE: _Takes(may=("text",)),
    _A.RESUME: _Takes(may=("text",)),
    _A.FINISH: _Takes(may=("text",)),
    _A.ABANDON: _Takes(may=("text",)),
    _E.REVIEW_COMPLETED: _Takes(needs=("item",), may=("text",)),
    _E.REVIEW_FAILED: _Takes(needs=("item", "text")),
    _E.ERROR: _Takes(needs=("text",), may=("item", "command")),
    _E.COMMAND: _Takes(needs=("command", "exit_code"), may=("text", "item")),
    _E.PARALLEL_AGENTS: _Takes(may=("text",)),
    _E.NO_PARALLEL_AGENTS: _Takes(may=("text",)),
}
"""Which of item, text, command and exit_code belong to what; `event` belongs to the action of that name alone."""


def step(state: WorkflowState, update: Update, settled: Collection[str] = ()) -> Step:
    """The event that an action becomes in this state, with what it is worth being reminded of.

    Args:
        state: the workflow.
        update: the action.
        settled: items that are taken care of, of which nobody is reminded.

    Raises:
        InvalidInputError: if the action lacks something, or was given what it does not take.
        NotFoundError: if the workflow has no such item.
        StateConflictError: if there is no phase left to advance from.
    """
    _check(update)
    event = _STEPS[update.event or update.action](state, update)
    return Step(event, tuple(_warnings(state, update, event, settled)))


def open_items(state: WorkflowState) -> list[ItemView]:
    """The items that are neither completed nor skipped, of every phase begun so far."""
    begun = [phase_id for phase_id in state.phases if _has_begun(state, phase_id)]
    return [_item_view(item) for item in _open(state, begun)]


def later_items(state: WorkflowState) -> list[ItemView]:
    """The items of phases to come that name another repository or a command: worth knowing before they are reached."""
    later = [phase_id for phase_id in state.phases if not _has_begun(state, phase_id)]
    return [_item_view(item) for item in _open(state, later) if item.repo or item.command]


def is_done(item: ItemState) -> bool:
    """Whether an item is completed or skipped."""
    return _status(item.status) in _DONE


def phase_views(state: WorkflowState) -> list[PhaseView]:
    """How far each phase is."""
    views = []
    for phase_id, phase in state.phases.items():
        statuses = [_status(item.status) for item in phase.items.values()]
        views.append(
            PhaseView(
                id=phase_id,
                status=_status(phase.status),
                items=len(statuses),
                completed=statuses.count("completed"),
                skipped=statuses.count("skipped"),
            )
        )
    return views


def next_step(state: WorkflowState, source: str, *, has_feedback: bool = False) -> str:
    """What to do next, as a sentence.

    Args:
        state: the workflow.
        source: who is told; see `way`.
        has_feedback: its feedback is known to be recorded.
    """
    if state.is_over:
        done = has_feedback or any(
            _status(items[FEEDBACK_ITEM].status) == "completed" for items in _items(state) if FEEDBACK_ITEM in items
        )
        lacking = f". {way(source, 'feedback')}, if that was not done yet."
        return f"The workflow is {state.status}{FEEDBACK_RECORDED if done else lacking}"
    if state.status == "paused":
        return f"The workflow is paused. {way(source, 'resume')} before you go on."
    phases = [state.current_phase_id or "", *state.phases]  # what is open in the current phase comes first
    begun = [phase_id for phase_id in phases if _has_begun(state, phase_id)]
    required = [item for item in _open(state, begun) if item.required]
    if required:
        return f"Next: {required[0].id}."
    if _is_last(state):
        return f"No required item is open. {way(source, 'finish')}."
    return f"No required item of {state.current_phase_id} is open. {way(source, 'advance')}."


def _check(update: Update) -> None:
    kind: WorkflowAction | WorkflowEventKind = update.event or update.action
    if update.action is not _A.EVENT and update.event is not None:
        raise InvalidInputError(f"{update.action.value} takes no event. Use action=event to record {update.event}.")
    if kind is _A.EVENT:
        raise InvalidInputError(f"event is missing. Give one of {', '.join(one.value for one in _E)}.")
    takes = _TAKES[kind]
    given = [name for name in ("item", "text", "command", "exit_code") if getattr(update, name) is not None]
    missing = [name for name in takes.needs if name not in given]
    if missing:
        why = ", the reason," if missing == ["text"] and kind is _A.SKIP else ""
        raise InvalidInputError(f"{kind.value} needs {' and '.join(missing)}{why} and nothing was recorded. Give it.")
    surplus = [name for name in given if name not in (*takes.needs, *takes.may)]
    if surplus:
        raise InvalidInputError(f"{kind.value} takes no {' or '.join(surplus)}, so nothing was recorded. Leave it out.")


def _event(state: WorkflowState, kind: str, message: str, item: str | None = None, **details: Any) -> LogEvent:
    return LogEvent(
        event_type=kind,
        workflow_id=state.workflow_id,
        phase_id=_place(state, item) if item else state.current_phase_id,
        item_id=item,
        message=message,
        details=details,
    )


def _place(state: WorkflowState, item: str) -> str:
    """The phase of an item.

    Raises:
        NotFoundError: if no phase has it.
    """
    for phase_id, phase in state.phases.items():
        if item in phase.items:
            return phase_id
    every = [one for phase in state.phases.values() for one in phase.items]
    close = get_close_matches(item, every, n=3)
    open_now = [one.id for one in open_items(state)][:MOST_NAMED]
    instead = f"Did you mean {' or '.join(close)}?" if close else f"Use one of {', '.join(open_now or every)}."
    raise NotFoundError(f"The workflow has no item {item[:80]!r}, so nothing was recorded. {instead}")


def _complete(state: WorkflowState, update: Update) -> LogEvent:
    return _event(state, "item_completed", f"Completed item: {update.item}", update.item, notes=update.text)


def _skip(state: WorkflowState, update: Update) -> LogEvent:
    return _event(state, "item_skipped", f"Skipped item: {update.item}", update.item, reason=update.text)


def _note(state: WorkflowState, update: Update) -> LogEvent:
    return _event(state, "note_added", "Note added", update.item, notes=update.text)


def _advance(state: WorkflowState, _update: Update) -> LogEvent:
    phase_id = state.current_phase_id or ""
    phase = state.phases.get(phase_id)
    if phase is None or _status(phase.status) != "active":
        raise StateConflictError(
            "There is no phase left to advance from, so nothing was recorded. Finish the workflow."
        )
    skipped = [f"{one}: {item.skip_reason}" for one, item in phase.items.items() if _status(item.status) == "skipped"]
    forced = any(item.required for item in _open(state, [phase_id]))
    return _event(state, "phase_completed", f"Completed phase: {phase_id}", skipped_items=skipped, forced=forced)


def _pause(state: WorkflowState, update: Update) -> LogEvent:
    # A note, since old readers know no pause: every event type written here is one that they know.
    return _event(state, "note_added", "Paused workflow", status="paused", notes=update.text)


def _resume(state: WorkflowState, update: Update) -> LogEvent:
    return _event(state, "note_added", "Resumed workflow", status="active", notes=update.text)


def _finish(state: WorkflowState, update: Update) -> LogEvent:
    return _of_all(_event(state, "workflow_completed", "Workflow completed", notes=update.text))


def _abandon(state: WorkflowState, update: Update) -> LogEvent:
    message = ABANDONED + update.text if update.text else "Workflow abandoned"
    return _of_all(_event(state, "workflow_abandoned", message))


def _of_all(event: LogEvent) -> LogEvent:
    """An event of the whole workflow, and of no phase."""
    return event.model_copy(update={"phase_id": None})


def _review_completed(state: WorkflowState, update: Update) -> LogEvent:
    name, item = _review(state, update)
    return _event(state, "review_completed", f"Review completed: {name}", item, review_type=name, notes=update.text)


def _review_failed(state: WorkflowState, update: Update) -> LogEvent:
    name, item = _review(state, update)
    return _event(state, "review_failed", f"Review failed: {name}", item, review_type=name, error=update.text)


def _review(state: WorkflowState, update: Update) -> tuple[str, str | None]:
    """A review's name, and its item if the workflow has one; a review may also be of no item at all."""
    name = (update.item or "").removesuffix(_REVIEW)
    items = {item for phase in state.phases.values() for item in phase.items}
    return name, next((one for one in (update.item, name + _REVIEW) if one in items), None)


def _error(state: WorkflowState, update: Update) -> LogEvent:
    command = {"command": update.command} if update.command else {}
    return _event(state, "error", "Error", update.item, error=update.text, **command)


def _command(state: WorkflowState, update: Update) -> LogEvent:
    failed = update.exit_code != 0
    message = f"Verification failed: Command failed (exit code {update.exit_code}, expected 0)"
    return _event(
        state,
        "verification_failed" if failed else "verification_passed",
        message if failed else "Verification passed",
        update.item,
        type="command",
        command=update.command,
        exit_code=update.exit_code,
        **{"stderr" if failed else "stdout": update.text or ""},
    )


def _parallel(state: WorkflowState, update: Update) -> LogEvent:
    used = update.event is _E.PARALLEL_AGENTS
    message = "Parallel agents were used" if used else "No parallel agents were used"
    return _event(state, "note_added", message, parallel_agents_used=used, notes=update.text)


_STEPS: dict[WorkflowAction | WorkflowEventKind, Callable[[WorkflowState, Update], LogEvent]] = {
    _A.COMPLETE: _complete,
    _A.SKIP: _skip,
    _A.NOTE: _note,
    _A.ADVANCE: _advance,
    _A.PAUSE: _pause,
    _A.RESUME: _resume,
    _A.FINISH: _finish,
    _A.ABANDON: _abandon,
    _E.REVIEW_COMPLETED: _review_completed,
    _E.REVIEW_FAILED: _review_failed,
    _E.ERROR: _error,
    _E.COMMAND: _command,
    _E.PARALLEL_AGENTS: _parallel,
    _E.NO_PARALLEL_AGENTS: _parallel,
}


def _warnings(state: WorkflowState, update: Update, event: LogEvent, settled: Collection[str]) -> Iterator[str]:
    action = update.action
    if state.status == "paused" and action not in {_A.RESUME, _A.FINISH, _A.ABANDON}:
        yield "The workflow is paused; this was recorded all the same. Resume it before you go on."
    if action is _A.RESUME and state.status != "paused":
        yield "The workflow was not paused."
    if action in {_A.COMPLETE, _A.SKIP}:
        yield from _about_item(state, action, event)
    if action is _A.ADVANCE and (names := _still_open(state, [state.current_phase_id or ""], settled)):
        yield f"Required items are still open: {names}. Complete them, or skip them with a reason."
    if action is _A.FINISH and (names := _still_open(state, list(state.phases), settled)):
        yield f"Required items were left open: {names}."


def _about_item(state: WorkflowState, action: WorkflowAction, event: LogEvent) -> Iterator[str]:
    item_id, phase_id = event.item_id or "", event.phase_id or ""
    if action is _A.SKIP and not _definitions(state)[item_id].skippable:
        yield f"The workflow says that {item_id} may not be skipped. It was recorded as skipped; do it if you can."
    if phase_id != state.current_phase_id:
        yield f"{item_id} belongs to {phase_id}, and the current phase is {state.current_phase_id}."
    before = _status(state.phases[phase_id].items[item_id].status)
    if before in _DONE:
        yield f"{item_id} was {before} before."


def _still_open(state: WorkflowState, phase_ids: list[str], settled: Collection[str]) -> str:
    """The required items that are open, named; empty if there are none."""
    names = [item.id for item in _open(state, phase_ids) if item.required and item.id not in settled]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _item_view(item: ItemDefinition) -> ItemView:
    return ItemView(id=item.id, name=item.name, required=item.required, repo=item.repo, command=item.command)


def _open(state: WorkflowState, phase_ids: Iterable[str]) -> list[ItemDefinition]:
    rules = _definitions(state)
    phases = (state.phases[one] for one in phase_ids if one in state.phases)
    return [rules[one] for phase in phases for one, item in phase.items.items() if not is_done(item)]


def _definitions(state: WorkflowState) -> dict[str, ItemDefinition]:
    """Every item of the state with its rule; one that its definition does not know is an ordinary one."""
    ordinary = {one: ItemDefinition(id=one, name=one) for phase in state.phases.values() for one in phase.items}
    return ordinary | {item.id: item for phase in definition_of(state).phases for item in phase.items}


def _is_last(state: WorkflowState) -> bool:
    return all(_has_begun(state, phase_id) for phase_id in state.phases)


def _items(state: WorkflowState) -> list[dict[str, ItemState]]:
    return [phase.items for phase in state.phases.values()]


def _has_begun(state: WorkflowState, phase_id: str) -> bool:
    phase = state.phases.get(phase_id)
    return phase is not None and _status(phase.status) != "pending"


def _status(status: str | None) -> str:
    """A status in the words of today; some old writers say `complete`."""
    return {"complete": "completed"}.get((status or "pending").lower(), (status or "pending").lower())
