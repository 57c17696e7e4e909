"""Each feedback once: a retry gives what was stored; what somebody says replaces what was recorded by itself."""

from collections.abc import Iterable
from typing import Any, TypeVar

from orchestrator_mcp.analysis.anonymize import (
    anonymize_tool_feedback,
    request_hash,
    verify_anonymization,
    workflow_hash,
)
from orchestrator_mcp.errors import StateConflictError
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback, ToolObservation
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_key import feedback_key

E = TypeVar("E", ToolFeedback, ProcessFeedback)

_ALREADY = "The same feedback was recorded before, so nothing was added."
_REPLACED = "This replaces the feedback that was recorded by itself when the workflow was finished."


def at_finish(workflow_id: str | None) -> str:
    """The request id of the feedback that a finish records by itself."""
    return f"finish:{workflow_id}"


def save_process_feedback(
    workspace: Workspace, entry: ProcessFeedback, stated: Iterable[str], warnings: list[str]
) -> ProcessFeedback:
    """Append the entry about the project, or give the one that it repeats."""
    return _append(workspace, entry, at_finish(entry.workflow_id), stated, warnings)


def save_tool_feedback(
    workspace: Workspace, seen: ToolObservation, stated: Iterable[str], warnings: list[str]
) -> ToolFeedback | None:
    """Append what was seen of the tool, made anonymous, or give what it repeats; None if it is not anonymous."""
    entry = anonymize_tool_feedback(seen, feedback_key(workspace))
    problems = verify_anonymization(encode_line(entry.model_dump(mode="json", exclude_none=True)))
    if not problems:
        automatic = request_hash(at_finish(seen.workflow_id), feedback_key(workspace))
        return _append(workspace, entry, automatic, stated, warnings)
    warnings.append(f"The tool entry was not recorded, because it is not anonymous: {' '.join(problems)} Report this.")
    return None


def lacking(workspace: Workspace, session_ids: Iterable[str], workflow_id: str) -> FeedbackKind | None:
    """Which entries these sessions do not have about a workflow; None if they have both."""
    hashed, sessions = workflow_hash(workflow_id, feedback_key(workspace)), list(session_ids)
    tools = (one for session in sessions for one in workspace.read(ToolFeedback, session).records)
    processes = (one for session in sessions for one in workspace.read(ProcessFeedback, session).records)
    tool = any(one.workflow_id_hash == hashed for one in tools)
    process = any(one.workflow_id == workflow_id for one in processes)
    if tool and process:
        return None
    return FeedbackKind.PROCESS if tool else FeedbackKind.TOOL if process else FeedbackKind.BOTH


def _append(workspace: Workspace, entry: E, automatic: str | None, stated: Iterable[str], warnings: list[str]) -> E:
    """Append an entry, unless it is there already: a learning told twice of one workflow does not recur.

    A retry is judged by what was stated: log and state may have grown since the first try.
    """
    stream = workspace.stream(type(entry))
    records = stream.read().records
    earlier = next((one for one in records if entry.request_id and one.request_id == entry.request_id), None)
    same = next((one for one in reversed(records) if _content(one) == _content(entry)), None)
    by_itself = next((one for one in records if one.request_id == automatic), None)
    if earlier is not None:
        entry = earlier.model_copy(update={name: getattr(entry, name) for name in stated})
    elif same is not None:
        _say(_ALREADY, warnings)
        return same
    elif by_itself is not None:
        _say(_REPLACED, warnings)
        said = entry.model_copy(update={"id": by_itself.id})
        return stream.supersede(by_itself.id, lambda _: said, request_id=entry.request_id)
    try:
        return stream.append(entry)
    except StateConflictError as error:  # the tool stream would name the hash, which tells the caller nothing
        raise StateConflictError(
            "This request id was already used to record other feedback. Use a new one for new answers."
        ) from error


def _say(sentence: str, warnings: list[str]) -> None:
    if sentence not in warnings:  # both entries have the same to say
        warnings.append(sentence)


def _content(entry: E) -> dict[str, Any]:
    return entry.model_dump(exclude={"id", "rev", "timestamp", "session_id", "request_id"})
