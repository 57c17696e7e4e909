"""Workflows: start one, record what happens in it, see where it stands. It records and reminds, and blocks nothing."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from orchestrator_mcp.analysis.baseline import FEEDBACK_ITEM
from orchestrator_mcp.analysis.runs import STALE
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.analysis.workflow_actions import (
    FEEDBACK_RECORDED,
    Step,
    Update,
    later_items,
    next_step,
    open_items,
    phase_views,
    step,
)
from orchestrator_mcp.analysis.workflow_fold import STARTED, folded
from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError, StateConflictError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.fields import FeedbackKind, WorkflowAction, WorkflowEventKind
from orchestrator_mcp.records.ways import way
from orchestrator_mcp.records.workflow import ItemView, LogEvent, WorkflowState, WorkflowUpdated, WorkflowView
from orchestrator_mcp.storage.ids import new_workflow_id
from orchestrator_mcp.storage.project import find_workflow_files
from orchestrator_mcp.storage.workspace import Workspace

from .feedback import check_workflow_id
from .feedback_at_finish import record_at_finish, records_at_finish
from .feedback_entries import lacking
from .workflow_definitions import project_definition
from .workflow_journal import Journal, current, state_file

E = TypeVar("E", WorkflowAction, WorkflowEventKind)

EXCERPT = 160
_MOST_SHOWN = 50
_LOOKED_THROUGH = 50
_LONGEST_COMMAND = 500


def start_workflow(
    workspace: Workspace, *, task: fields.WorkflowTask, request_id: fields.RequestId | None = None
) -> WorkflowView:
    """Start a workflow: workflow.yaml's, else the default.

    Raises:
        StateConflictError: if one is running in this session.
        InvalidInputError: if `workflow.yaml` cannot be used.
    """
    said = _filled("task", task, fields.LONG)
    if said is None:
        raise InvalidInputError("task is empty. Say in one sentence what is to be done.")
    workflow_id = new_workflow_id()

    def make(state: WorkflowState | None) -> Step:
        if state is not None and not state.is_over:
            raise StateConflictError(
                f"{_named(state)} is {state.status} in this session, and a session has one at a time. "
                f"{way(workspace.settings.source, 'end')}, or open another session."
            )
        event = LogEvent(event_type="workflow_started", workflow_id=workflow_id, message=f"{STARTED}{said}")
        return Step(event, more=lambda: _beginning(workspace))

    recorded = Journal(workspace).record(make, request_id)
    return _view(workspace, recorded.state, recorded.warnings)


def update_workflow(
    workspace: Workspace,
    *,
    action: fields.WorkflowActionChoice,
    item: fields.WorkflowItem | None = None,
    text: fields.WorkflowText | None = None,
    event: fields.WorkflowEventChoice | None = None,
    command: fields.WorkflowCommand | None = None,
    exit_code: fields.ExitCode | None = None,
    workflow_id: fields.PastWorkflowId | None = None,
    request_id: fields.RequestId | None = None,
) -> WorkflowUpdated:
    """Record what happened; answers what is open.

    Raises:
        NotFoundError: if no workflow is running, or it has no such item.
        InvalidInputError: if the action lacks something, or was given what it does not take.
    """
    update = Update(
        action=_choice(WorkflowAction, "action", action),
        item=_filled("item", item, fields.SHORT),
        text=_filled("text", text, fields.LONG),
        event=None if event is None else _choice(WorkflowEventKind, "event", event),
        command=_filled("command", command, fields.LONG),
        exit_code=_whole(exit_code),
    )
    settled = {FEEDBACK_ITEM} if records_at_finish(workspace) else ()
    workspace.touch()
    session_id = _session_of(workspace, workflow_id)
    if session_id is None and workspace.known_session() is None:
        raise NotFoundError(_none_running(workspace, None))

    def make(state: WorkflowState | None) -> Step:
        if state is None or state.is_over or workflow_id not in {None, state.workflow_id}:
            raise NotFoundError(_none_running(workspace, workflow_id))
        return step(state, update, settled)

    recorded = Journal(workspace, session_id).record(make, request_id)
    view = _view(workspace, recorded.state, recorded.warnings)
    if update.action is WorkflowAction.FINISH and records_at_finish(workspace):
        view = _with_feedback(workspace, view, session_id)
    view = view.model_copy(update={"warnings": [*view.warnings, *_saved(workspace, update.action)]})
    return WorkflowUpdated(**dict(view), recorded=_excerpt(recorded.event.message))


def _saved(workspace: Workspace, action: WorkflowAction) -> tuple[str, ...]:
    """Save the state to its branch, where a person asked for that; returns warnings."""
    if workspace.config.state_branch is None:
        return ()
    from .persistence import save_after  # noqa: PLC0415  it runs git, which few ask for

    return save_after(workspace, action)


def _with_feedback(workspace: Workspace, view: WorkflowView, session_id: str | None) -> WorkflowView:
    """A finished workflow, with its feedback recorded."""
    done, warnings = record_at_finish(workspace, view.workflow_id or "", session_id)
    next_step = f"The workflow is {view.status}{FEEDBACK_RECORDED}" if done else view.next_step
    return view.model_copy(update={"next_step": next_step, "warnings": [*view.warnings, *warnings]})


def get_workflow(workspace: Workspace, *, workflow_id: fields.PastWorkflowId | None = None) -> WorkflowView:
    """Show the workflow and what is open.

    Raises:
        NotFoundError: if the named one is not recorded anywhere.
    """
    check_workflow_id(workflow_id)
    workspace.touch()
    session_id = workspace.known_session()
    state = current(state_file(workspace, session_id).read()) if session_id else None
    if workflow_id is not None and (state is None or state.workflow_id != workflow_id):
        state = _recorded(workspace, workflow_id)
    if state is None:
        legacy = workspace.legacy.detected()
        return WorkflowView(next_step=_none_running(workspace, None), legacy_detected=legacy)
    return _view(workspace, state, tuple(_stale(workspace, state)))


def _beginning(workspace: Workspace) -> dict[str, Any]:
    """What the log keeps of a workflow's beginning: all that its state can be made of again."""
    definition, source = project_definition(workspace)
    return {
        "project": None,
        "workflow_type": definition.name,
        "workflow_yaml_path": source,
        "definition": definition.model_dump(mode="json", exclude_none=True),
    }


def _session_of(workspace: Workspace, workflow_id: str | None) -> str | None:
    """The session of a named workflow; None for this process's own."""
    check_workflow_id(workflow_id)
    if workflow_id is None:
        return None
    files = find_workflow_files(workspace, workflow_id)
    if files and files.place is None:
        raise StateConflictError(
            f"{workflow_id[:80]} lies in legacy files. {way(workspace.settings.source, 'migrate')}, then go on."
        )
    if files.place is None:
        raise NotFoundError(_none_running(workspace, workflow_id))
    return files.place


def _recorded(workspace: Workspace, workflow_id: str) -> WorkflowState:
    """A workflow that this session is not in: ended, of another session, or of the legacy files."""
    files = find_workflow_files(workspace, workflow_id)
    mine = [event for event in files.events if event.workflow_id == workflow_id and event.revision is not None]
    state = folded(files.state_of(workflow_id), mine)
    if state is None:
        raise NotFoundError(f"No state shows a workflow {workflow_id[:80]!r}. Leave the id out for the current one.")
    return state


def _none_running(workspace: Workspace, workflow_id: str | None) -> str:
    if workflow_id is not None:
        return (
            f"{workflow_id[:80]} is not running: it has ended, or is not known. Leave the id out for the current one."
        )
    none = f"No workflow is running in this session; {way(workspace.settings.source, 'start')}."
    other = next(_unfinished_elsewhere(workspace), None)
    return none if other is None else f"{none} To go on with {_named(other)}, give its workflow_id."


def _unfinished_elsewhere(workspace: Workspace) -> Iterator[WorkflowState]:
    newest = reversed(workspace.sessions.list_sessions())
    for session_id in islice((one for one in newest if one != workspace.known_session()), _LOOKED_THROUGH):
        with suppress(OrchestratorError):  # a hint, which no strange file may keep from being given
            state = current(state_file(workspace, session_id).read())
            if state is not None and not state.is_over:
                yield state


def _stale(workspace: Workspace, state: WorkflowState) -> Iterator[str]:
    going_on = not state.is_over and state.status != "paused"
    if state.updated_at and going_on and workspace.now() - state.updated_at > STALE:
        since = f"{state.updated_at:%Y-%m-%d}"
        end = way(workspace.settings.source, "end")
        yield f"This workflow is stale: nothing was recorded since {since}. {end} if nobody works on it."


def _has_feedback(workspace: Workspace, state: WorkflowState) -> bool:
    """Whether a workflow that is over was told of, in the session that is looked at or in its own."""
    if not state.is_over or state.workflow_id is None:
        return False
    sessions = {workspace.known_session(), find_workflow_files(workspace, state.workflow_id).place}
    with suppress(OrchestratorError):  # a hint, as above
        return lacking(workspace, filter(None, sessions), state.workflow_id) is not FeedbackKind.BOTH
    return False


def _named(state: WorkflowState) -> str:
    return f"{_excerpt(state.workflow_id)} ({_excerpt(state.task_description)})"


def _view(workspace: Workspace, state: WorkflowState, warnings: tuple[str, ...]) -> WorkflowView:
    open_now, ahead = ([], []) if state.is_over else (open_items(state), later_items(state))
    return WorkflowView(
        workflow_id=state.workflow_id,
        task=_excerpt(state.task_description),
        status=state.status,
        phase=state.current_phase_id,
        phases=phase_views(state)[:_MOST_SHOWN],
        open_items=[_item_view(item) for item in open_now[:_MOST_SHOWN]],
        open_total=len(open_now),
        later=[_item_view(item) for item in ahead[:_MOST_SHOWN]],
        revision=state.revision or 0,
        next_step=next_step(state, workspace.settings.source, has_feedback=_has_feedback(workspace, state)),
        warnings=list(warnings),
        legacy_detected=workspace.legacy.detected(),
    )


def _item_view(item: ItemView) -> ItemView:
    command = item.command and clip(item.command, _LONGEST_COMMAND)
    return item.model_copy(update={"name": _excerpt(item.name), "command": command})


def _excerpt(text: str | None) -> str:
    return clip(single_line(text or ""), EXCERPT)


def _choice(kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        raise InvalidInputError(f"{name} is {str(value)[:80]!r}. Use one of {', '.join(kind)}.") from None


def _filled(name: str, text: str | None, limit: int) -> str | None:
    """A text within its limit; blank ones say nothing."""
    if text is not None and len(text) > limit:
        raise InvalidInputError(f"{name} has {len(text):,} characters; at most {limit:,} fit. Shorten it.")
    return text if text and text.strip() else None


def _whole(exit_code: int | None) -> int | None:
    if exit_code is not None and type(exit_code) is not int:
        raise InvalidInputError(f"exit_code is {exit_code!r}. Give the whole number that the command ended with.")
    return exit_code
