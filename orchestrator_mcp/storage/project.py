"""The project around a store: its language, and where the state and log of its workflows lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import NotFoundError, OrchestratorError
from orchestrator_mcp.records.feedback import RepoType
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.records.workflow import LogEvent, WorkflowState

from .files import LARGEST_DOCUMENT, read_small
from .reading import Read, read_records
from .workspace import Workspace

_SIGNS = (
    (RepoType.PYTHON, ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")),
    (RepoType.JAVASCRIPT, ("package.json",)),
    (RepoType.GO, ("go.mod",)),
    (RepoType.RUST, ("Cargo.toml",)),
)


def get_repo_type(root: Path) -> RepoType:
    """The first language, of python, javascript, go and rust, whose project file lies in the root."""
    found = (kind for kind, names in _SIGNS if any((root / name).is_file() for name in names))
    return next(found, RepoType.UNKNOWN)


@dataclass(frozen=True)
class WorkflowFiles:
    """One place's states and log.

    Args:
        place: the session, or None for the legacy files of the work tree.
        current: the state of the workflow that runs or ran last.
        finished: the states of those before it.
        events: the log, which may hold many workflows.
        problems: what could not be read, as sentences.
    """

    place: str | None = None
    current: WorkflowState | None = None
    finished: tuple[WorkflowState, ...] = ()
    events: tuple[LogEvent, ...] = ()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.current or self.finished or self.events)

    def mentions(self, workflow_id: str) -> bool:
        return self.state_of(workflow_id) is not None or any(event.workflow_id == workflow_id for event in self.events)

    def state_of(self, workflow_id: str | None) -> WorkflowState | None:
        states = (self.current, *self.finished)
        return next((state for state in states if state and state.workflow_id == workflow_id), None)


def find_workflow_files(workspace: Workspace, workflow_id: str | None = None) -> WorkflowFiles:
    """Where the current workflow, or the named one, is recorded.

    This session; else the legacy files; else the newest session that a migration made of them. A named workflow is
    looked for in every session after that. Empty if there is none. Reads only.
    """
    places = _places(workspace, everywhere=workflow_id is not None)
    fits = (found for found in places if found and (workflow_id is None or found.mentions(workflow_id)))
    return next(fits, WorkflowFiles())


def _places(workspace: Workspace, *, everywhere: bool) -> Iterator[WorkflowFiles]:
    own = workspace.known_session()
    if own:
        yield _of_session(workspace, own)
    yield _of_legacy(workspace)
    for session_id in sorted(set(workspace.sessions.list_sessions()) - {own}, reverse=True):
        if everywhere or _is_migrated(workspace, session_id):
            yield _of_session(workspace, session_id)


def _is_migrated(workspace: Workspace, session_id: str) -> bool:
    try:
        return workspace.sessions.read(session_id).migrated_from is not None
    except NotFoundError:
        return False


def _of_session(workspace: Workspace, session_id: str) -> WorkflowFiles:
    folder = workspace.paths.for_session(session_id).session_dir()
    finished = sorted((folder / "workflows").glob("*.json"))
    return _read(session_id, folder / "state.json", finished, folder / "log.jsonl")


def _of_legacy(workspace: Workspace) -> WorkflowFiles:
    state, log = (workspace.legacy.path_of(kind) for kind in (LegacyKind.STATE, LegacyKind.LOG))
    return _read(None, state, [], log)


def _read(place: str | None, state: Path | None, finished: list[Path], log: Path | None) -> WorkflowFiles:
    problems: list[str] = []
    current = _state(state, problems) if state else None
    others = tuple(read for path in finished if (read := _state(path, problems)))
    events: Read[LogEvent] = read_records(LogEvent, log) if log else Read()
    if log and events.bad_lines:
        problems.append(f"{counted(events.bad_lines, 'line')} of {log.name} could not be read.")
    return WorkflowFiles(place, current, others, tuple(events.records), tuple(problems))


def _state(path: Path, problems: list[str]) -> WorkflowState | None:
    try:
        data = read_small(path, LARGEST_DOCUMENT)
        return None if data is None else WorkflowState.model_validate_json(data)
    except (ValidationError, OrchestratorError):
        problems.append(f"{path.name} could not be read as a workflow's state and was left out.")
        return None
