"""A session's workflow as its log and its state: recorded in the one, brought up to date in the other."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from orchestrator_mcp.analysis.workflow_actions import Step
from orchestrator_mcp.analysis.workflow_fold import companion, folded
from orchestrator_mcp.analysis.workflow_repeats import tried_again
from orchestrator_mcp.errors import InvalidInputError, OrchestratorError, StateConflictError, WorkspaceBusyError
from orchestrator_mcp.records.workflow import LogEvent, WorkflowState
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.project import find_workflow_files
from orchestrator_mcp.storage.workflow_state import Seen, StateFile
from orchestrator_mcp.storage.workspace import Workspace

_TRIES = 1000
"""A try fails only when another process succeeded, so this many mean that something is wrong."""

_ACTORS = {"cli": "human", "claude-code": "claude_code"}


@dataclass(frozen=True)
class Recorded:
    """The state that an action made, its event, and what it was worth being reminded of."""

    state: WorkflowState
    event: LogEvent
    warnings: tuple[str, ...]


def state_file(workspace: Workspace, session_id: str) -> StateFile:
    """A session's `state.json`, for reading; nothing is made."""
    paths = workspace.paths.for_session(session_id)
    return StateFile(paths.session_dir(), paths.log_file(), workspace.locks.of(paths.session_dir()))


def current(seen: Seen) -> WorkflowState | None:
    """The workflow that a session's state means, brought up to the log; without a state, the last the log began."""
    if seen.state is not None:
        return folded(seen.state, _of(seen, seen.state.workflow_id))
    begun = [event.workflow_id for event in seen.events if event.event_type == "workflow_started"]
    return folded(None, _of(seen, begun[-1])) if begun else None


class Journal:
    """One session's workflow, for writing."""

    def __init__(self, workspace: Workspace, session_id: str | None = None) -> None:
        self._workspace = workspace
        self._log = workspace.stream(LogEvent, session_id)
        self._file = state_file(workspace, session_id or workspace.session_id())
        self._seen: Seen | None = None

    def settle(self) -> tuple[Seen, WorkflowState | None]:
        """Repair what a crash left: give an event its companion, bring the state up to the log, move it when it ended.

        Returns:
            What lies there now, and the workflow it says; that of one that ended too.
        """
        for _ in range(_TRIES):
            seen = self._seen = self._file.read(self._seen)
            state = current(seen)
            if state is None:
                return seen, None
            mine = _of(seen, state.workflow_id)
            torn = companion(state, mine[-1]) if mine else None
            if torn is not None:
                self._append(seen, [torn])
            elif self._is_settled(seen, state):
                return seen, state
            else:
                self._file.swap(seen, state)
        raise self._busy()

    def record(self, make: Callable[[WorkflowState | None], Step], request_id: str | None) -> Recorded:
        """Record one action, once: the log first, then the state.

        Args:
            make: given the workflow, or None, what becomes of the action. Asked again if another process was faster.
            request_id: of a call that may be repeated. Repeated, it changes nothing and is answered as it was. Without
                one, the same action again within two seconds is a repetition.

        Raises:
            StateConflictError: if that request id was used for something else.
            UncertainWriteError: if the disk did not confirm; the same request id is safe to repeat.
        """
        request = self._workspace.redact({"request_id": request_id})["request_id"] if request_id else None
        for _ in range(_TRIES):
            seen, state = self.settle()
            earlier = [event for event in seen.events if request and event.request_id == request]
            if not request:
                earlier = tried_again(seen.events, state, make, self._workspace.now(), self._content)
            if earlier:
                return self._repeated(seen, earlier, make)
            made = make(state)
            event = made.event.model_copy(update={"details": {**made.event.details, **made.more()}})
            stored = self._append(seen, self._stamped(state, event, request_id))
            if stored is not None:
                before = state if made.event.workflow_id == _id(state) else None
                after = cast("WorkflowState", folded(before, stored))  # an event of ours always makes a state
                return Recorded(after, stored[0], made.warnings + self._caught_up())
        raise self._busy()

    def _stamped(self, state: WorkflowState | None, event: LogEvent, request_id: str | None) -> list[LogEvent]:
        """The action's event with its time, ids and revision, and the one that belongs after it."""
        settings = self._workspace.settings
        before = state if event.workflow_id == _id(state) else None
        first = event.model_copy(
            update={
                "timestamp": self._workspace.now(),
                "actor": _ACTORS.get(settings.client or "", _ACTORS.get(settings.source, "system")),
                "id": new_id(),
                "request_id": request_id,
                "revision": ((before.revision if before else 0) or 0) + 1,
            }
        )
        after = folded(before, [first])
        second = companion(after, first) if after else None
        return [first, second] if second else [first]

    def _append(self, seen: Seen, events: list[LogEvent]) -> list[LogEvent] | None:
        named = [event.model_copy(update={"id": event.id or new_id()}) for event in events]
        self._check_ids(named[0])
        return self._log.append_all(named, still=lambda: self._file.log_still_is(seen))

    def _check_ids(self, event: LogEvent) -> None:
        """What is stored must still be these ids. Our own are; those of another program may look like secrets."""
        ids = {"workflow_id": event.workflow_id, "phase_id": event.phase_id, "item_id": event.item_id}
        clean = self._workspace.redact(ids)
        hidden = next((name for name in ids if clean[name] != ids[name]), None)
        if hidden is not None:
            raise InvalidInputError(
                f"The {hidden} looks like a secret, and secrets are not written, so nothing was recorded. Rename it."
            )

    def _caught_up(self) -> tuple[str, ...]:
        """Bring the state up to the log. What the log has did happen, so a failure here is only a warning."""
        try:
            self.settle()
        except OrchestratorError as error:
            return (f"This is in the log; state.json is not up to date, and the next call mends that: {error}",)
        return ()

    def _repeated(self, seen: Seen, earlier: list[LogEvent], make: Callable[[WorkflowState | None], Step]) -> Recorded:
        """The answer to a call that was made before: as it was, if the log still tells the state it was made in."""
        for event in earlier:
            self._log.confirm(event.id or "")
        first, last = earlier[0], earlier[-1]
        events = _of(seen, first.workflow_id)
        started = first.event_type == "workflow_started"
        before = folded(None, [event for event in events if (event.revision or 0) < (first.revision or 0)])
        after = folded(None, [event for event in events if (event.revision or 0) <= (last.revision or 0)])
        if after is None or (before is None and not started):
            return self._repeated_of_another(seen, first, make)
        with suppress(OrchestratorError):  # what cannot be said of that state was not said of it
            made = make(before)
            if self._content(made.event) == self._content(first):
                return Recorded(after, first, made.warnings)
        raise _used(first)

    def _repeated_of_another(
        self, seen: Seen, first: LogEvent, make: Callable[[WorkflowState | None], Step]
    ) -> Recorded:
        """The same for a workflow that another program began: how it was before is not known, only how it is."""
        present = current(seen)
        if present is None or present.workflow_id != first.workflow_id:
            present = find_workflow_files(self._workspace, first.workflow_id).state_of(first.workflow_id)
        if present is None:
            raise _used(first)
        same = True
        with suppress(OrchestratorError):  # it may no longer be possible: the workflow went on
            event = make(present).event
            same = (event.event_type, event.item_id) == (first.event_type, first.item_id)
        if not same:
            raise _used(first)
        return Recorded(present, first, ())

    def _content(self, event: LogEvent) -> object:
        """What an event says, as it is stored; `workflow.yaml` may have changed between a call and its repetition."""
        value = self._workspace.redact(event.model_dump(mode="json"))
        details = {name: part for name, part in value["details"].items() if part is not None}
        names = ("event_type", "phase_id", "item_id", "message")
        return [value[name] for name in names], None if event.event_type == "workflow_started" else details

    def _is_settled(self, seen: Seen, state: WorkflowState) -> bool:
        if state.is_over:
            return seen.data is None and self._file.holds(state)
        return seen.state is not None and seen.state.revision == state.revision

    def _busy(self) -> WorkspaceBusyError:
        return WorkspaceBusyError(f"{self._log.path} changed {_TRIES} times meanwhile. Try again.")


def _used(event: LogEvent) -> StateConflictError:
    return StateConflictError(
        f"Request id {event.request_id} was already used to record {event.event_type} "
        f"{event.item_id or event.workflow_id}. Use a new request id for another action."
    )


def _of(seen: Seen, workflow_id: str | None) -> list[LogEvent]:
    return [event for event in seen.events if event.workflow_id == workflow_id]


def _id(state: WorkflowState | None) -> str | None:
    return state.workflow_id if state else None
