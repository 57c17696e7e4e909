"""Each feedback once: a retry gives what was stored; what somebody says replaces what was recorded by itself."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from orchestrator_mcp.analysis.anonymize import anonymize_tool_feedback, request_hash, workflow_hash
from orchestrator_mcp.analysis.anonymize_check import verify_anonymization
from orchestrator_mcp.errors import StateConflictError
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback, ToolObservation
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.streams import Stream
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_key import feedback_key, feedback_keys

E = TypeVar("E", ToolFeedback, ProcessFeedback)

_ALREADY = "The same {} feedback was recorded before, so nothing of it was added."
_REPLACED = "This replaces the {} feedback that was recorded by itself when the workflow was finished."

Notes = dict[str, list[str]]
"""What is to be said of entries, by sentence: of which ones."""


def told(notes: Notes) -> list[str]:
    """The notes as sentences; both entries often have the same to say."""
    return [sentence.replace("{}", " and ".join(about)) for sentence, about in notes.items()]


def at_finish(workflow_id: str | None) -> str:
    """The request id of the feedback that a finish records by itself."""
    return f"finish:{workflow_id}"


def save_process_feedback(
    workspace: Workspace, entry: ProcessFeedback, stated: Iterable[str], notes: Notes
) -> ProcessFeedback:
    """Append the entry about the project, or give the one that it repeats."""
    return _append(workspace, entry, at_finish(entry.workflow_id), stated, notes)


def save_tool_feedback(
    workspace: Workspace, seen: ToolObservation, stated: Iterable[str], notes: Notes
) -> ToolFeedback | None:
    """Append what was seen of the tool, made anonymous, or give what it repeats; None if it is not anonymous."""
    entry = anonymize_tool_feedback(seen, feedback_key(workspace))
    problems = verify_anonymization(encode_line(_fields(entry)))
    if not problems:
        automatic = request_hash(at_finish(seen.workflow_id), feedback_key(workspace))
        return _append(workspace, entry, automatic, stated, notes)
    notes[f"The tool entry was not recorded, because it is not anonymous: {' '.join(problems)} Report this."] = []
    return None


def lacking(workspace: Workspace, session_ids: Iterable[str], workflow_id: str) -> FeedbackKind | None:
    """Which entries these sessions do not have about a workflow; None if they have both."""
    sessions = list(session_ids)
    hashes = {workflow_hash(workflow_id, key) for key in feedback_keys(workspace)}
    tools = (one for session in sessions for one in workspace.read(ToolFeedback, session).records)
    processes = (one for session in sessions for one in workspace.read(ProcessFeedback, session).records)
    tool = any(one.workflow_id_hash in hashes for one in tools)
    process = any(one.workflow_id == workflow_id for one in processes)
    if tool and process:
        return None
    return FeedbackKind.PROCESS if tool else FeedbackKind.TOOL if process else FeedbackKind.BOTH


def _append(workspace: Workspace, entry: E, automatic: str | None, stated: Iterable[str], notes: Notes) -> E:
    """Append an entry, unless it is there already: a learning told twice of one workflow does not recur.

    A retry is judged by what was stated: log and state may have grown since the first try. Whatever others record
    while this looks is looked at too.
    """
    about = "process" if isinstance(entry, ProcessFeedback) else "tool"
    stream = workspace.stream(type(entry))
    entry = _as_stored(workspace, entry)
    while True:
        records = stream.read().records
        if (earlier := _of_request(records, entry.request_id)) is not None:
            return _repeated(stream, earlier.model_copy(update={name: getattr(entry, name) for name in stated}))
        if (same := next((one for one in reversed(records) if _content(one) == _content(entry)), None)) is not None:
            notes.setdefault(_ALREADY, []).append(about)
            return same
        by_itself = _of_request(records, automatic)
        if stored := _appended(workspace, entry, by_itself, records):
            if by_itself is not None:
                notes.setdefault(_REPLACED, []).append(about)
            return stored[0]


def _of_request(records: Sequence[E], request_id: str | None) -> E | None:
    return next((one for one in records if request_id and one.request_id == request_id), None)


def _appended(workspace: Workspace, entry: E, by_itself: E | None, records: Sequence[E]) -> list[E] | None:
    """The entry, stored, or as the next version of what was recorded by itself; None if others were faster."""
    stream = workspace.stream(type(entry))
    if by_itself is None:
        workspace.quota.take(len(encode_line(_fields(entry))))
    else:
        entry = entry.model_copy(update={"id": by_itself.id, "rev": by_itself.rev + 1})
    return stream.append_all([entry], still=lambda: stream.read().records == records)


def _repeated(stream: Stream[E], entry: E) -> E:
    try:
        return stream.append(entry)
    except StateConflictError as error:  # the tool stream would name the hash, which tells the caller nothing
        raise StateConflictError(
            "This request id was already used to record other feedback. Use a new one for new answers."
        ) from error


def _as_stored(workspace: Workspace, entry: E) -> E:
    """Without the secrets in it, so that it can be compared with what was stored."""
    return type(entry).model_validate(workspace.redact(_fields(entry)))


def _fields(entry: E) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude_none=True)


def _content(entry: E) -> dict[str, Any]:
    return entry.model_dump(exclude={"id", "rev", "timestamp", "session_id", "request_id"})
