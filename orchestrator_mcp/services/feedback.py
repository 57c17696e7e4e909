"""Feedback: what a workflow taught, as one anonymous entry about the tool and one private about the project."""

from collections.abc import Iterable
from typing import Any, TypeVar

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.anonymize import anonymize_tool_feedback, verify_anonymization
from orchestrator_mcp.analysis.baseline import ITEMS
from orchestrator_mcp.analysis.extraction import WorkflowFacts, last_workflow_id, one_workflow, workflow_facts
from orchestrator_mcp.errors import InvalidInputError, StateConflictError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.feedback import (
    FeedbackRecorded,
    ProcessFeedback,
    ToolFeedback,
    ToolObservation,
)
from orchestrator_mcp.records.fields import FeedbackKind, FeedbackMode
from orchestrator_mcp.records.workflow import WorkflowState
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.project import WorkflowFiles, defined_items, find_workflow_files, get_repo_type
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_answers import MAX_ANSWER, Answers

E = TypeVar("E", ToolFeedback, ProcessFeedback)

EXCERPT = 160
_MAX_CUSTOM_ITEMS, _MAX_ITEM = 100, 80


def record_feedback(
    workspace: Workspace,
    *,
    mode: fields.FeedbackModeChoice = FeedbackMode.AUTO,
    kind: fields.FeedbackKindChoice = FeedbackKind.BOTH,
    workflow_id: fields.PastWorkflowId | None = None,
    phase0_helpful: fields.Phase0Helpful | None = None,
    reviews_worked: fields.ReviewsWorked | None = None,
    confusing_items: fields.ConfusingItems | None = None,
    commands_failed: fields.CommandsFailed | None = None,
    tool_suggestions: fields.ToolSuggestions | None = None,
    multi_agents: fields.MultiAgents | None = None,
    what_went_well: fields.WhatWentWell | None = None,
    challenges: fields.Challenges | None = None,
    learnings: fields.Learnings | None = None,
    improvements: fields.Improvements | None = None,
    request_id: fields.RequestId | None = None,
) -> FeedbackRecorded:
    """Record feedback at a workflow's end: facts come from its log, add what you know."""
    if workspace.settings.skip_feedback:
        return _skipped(workspace)
    answers = Answers(
        phase0_helpful=phase0_helpful,
        reviews_worked=reviews_worked,
        confusing_items=confusing_items,
        commands_failed=commands_failed,
        tool_suggestions=tool_suggestions,
        multi_agents=multi_agents,
        what_went_well=what_went_well,
        challenges=challenges,
        learnings=learnings,
        improvements=improvements,
    )
    check_workflow_id(workflow_id)
    session_id = workspace.session_id()
    files = find_workflow_files(workspace, workflow_id)
    facts = analyze_workflow_logs(files, workflow_id)
    warnings = [*_warnings(files, session_id, workflow_id), *answers.warnings(mode, kind)]
    process = tool = None
    if kind != FeedbackKind.TOOL:
        entry = extract_process_feedback(workspace, facts, answers, mode, request_id)
        process = _append(workspace, entry, ("mode", *answers.for_process()), warnings)
    if kind != FeedbackKind.PROCESS:
        seen = extract_tool_feedback(workspace, facts, answers, mode, request_id)
        tool = _append_verified(workspace, seen, ("mode", *answers.for_tool()), warnings)
    return FeedbackRecorded(
        recorded=bool(tool or process),
        tool_id=tool.id if tool else None,
        process_id=process.id if process else None,
        workflow_id=facts.workflow_id,
        inferred=_inferred(facts, answers, mode),
        warnings=warnings,
        legacy_detected=workspace.legacy.detected(),
    )


def check_workflow_id(workflow_id: str | None) -> None:
    if workflow_id is not None and not 0 < len(workflow_id) <= fields.SHORT:
        raise InvalidInputError(f"A workflow id has 1 to {fields.SHORT} characters. Leave it out for the current one.")


def get_workflow_state(files: WorkflowFiles, workflow_id: str | None = None) -> WorkflowState | None:
    """The state of the named workflow; else the current one; else of the last that the log knows."""
    if workflow_id is None and files.current:
        return files.current
    return files.state_of(workflow_id or last_workflow_id(files.events))


def analyze_workflow_logs(files: WorkflowFiles, workflow_id: str | None = None) -> WorkflowFacts:
    """What state and log say about one workflow."""
    return workflow_facts(one_workflow(files.events, get_workflow_state(files, workflow_id), workflow_id))


def extract_tool_feedback(
    workspace: Workspace, facts: WorkflowFacts, answers: Answers, mode: FeedbackMode, request_id: str | None = None
) -> ToolObservation:
    """What is to be said about the tool, before it is made anonymous."""
    seen = ToolObservation(
        id=new_id(),
        timestamp=workspace.now(),
        request_id=request_id,
        workflow_id=facts.workflow_id,
        orchestrator_version=__version__,
        repo_type=get_repo_type(workspace.paths.work_root),
        duration_seconds=facts.duration_seconds,
        phases=facts.phases,
        phase0_guidance_used=facts.phase0_guidance_used,
        reviews_worked=facts.reviews_worked,
        orchestrator_errors=list(facts.orchestrator_errors),
        items_skipped=list(facts.items_skipped),
        items_skipped_pct=facts.items_skipped_pct,
        mode=FeedbackMode(mode),
    )
    return seen.model_copy(update=answers.for_tool())


def extract_process_feedback(
    workspace: Workspace, facts: WorkflowFacts, answers: Answers, mode: FeedbackMode, request_id: str | None = None
) -> ProcessFeedback:
    """What is to be said about the project."""
    meta = workspace.meta
    guessed = _guessed(facts, answers, mode)
    entry = ProcessFeedback(
        id=new_id(),
        timestamp=workspace.now(),
        session_id=workspace.session_id(),
        request_id=request_id,
        workflow_id=facts.workflow_id,
        repo=meta.git_remote if meta else None,
        task=_clip(facts.task, MAX_ANSWER),
        parallel_agents_used=facts.parallel_agents_used,
        project_errors=list(facts.project_errors),
        learnings=_clip(facts.learnings, MAX_ANSWER),
        what_went_well=_clip(guessed.get("what_went_well"), MAX_ANSWER),
        challenges=_clip(guessed.get("challenges"), MAX_ANSWER),
        custom_workflow_items=[item[:_MAX_ITEM] for item in _custom_items(workspace, facts)[:_MAX_CUSTOM_ITEMS]],
        mode=FeedbackMode(mode),
        inferred=sorted(guessed),
    )
    return entry.model_copy(update=answers.for_process())


def _custom_items(workspace: Workspace, facts: WorkflowFacts) -> list[str]:
    """Items that the shipped workflow does not have: those that came up, and those only defined so far."""
    return sorted({*facts.custom_items, *defined_items(workspace.paths.work_root) - ITEMS})


def _skipped(workspace: Workspace) -> FeedbackRecorded:
    why = f"{workspace.settings.skip_feedback} is set, so no feedback was recorded. Unset it to record feedback."
    return FeedbackRecorded(recorded=False, skipped=why, legacy_detected=workspace.legacy.detected())


def _append_verified(
    workspace: Workspace, seen: ToolObservation, stated: Iterable[str], warnings: list[str]
) -> ToolFeedback | None:
    entry = anonymize_tool_feedback(seen, workspace.key())
    problems = verify_anonymization(encode_line(entry.model_dump(mode="json", exclude_none=True)))
    if not problems:
        return _append(workspace, entry, stated, warnings)
    warnings.append(f"The tool entry was not recorded, because it is not anonymous: {' '.join(problems)} Report this.")
    return None


def _append(workspace: Workspace, entry: E, stated: Iterable[str], warnings: list[str]) -> E:
    """Append an entry, unless it is there already: a learning told twice of one workflow does not recur.

    A retry is judged by what was stated: log and state may have grown since the first try.
    """
    stream = workspace.stream(type(entry))
    records = stream.read().records
    earlier = next((one for one in records if entry.request_id and one.request_id == entry.request_id), None)
    same = next((one for one in reversed(records) if _content(one) == _content(entry)), None)
    if earlier is not None:
        entry = earlier.model_copy(update={name: getattr(entry, name) for name in stated})
    elif same is not None:
        if _ALREADY not in warnings:
            warnings.append(_ALREADY)
        return same
    try:
        return stream.append(entry)
    except StateConflictError as error:  # the tool stream would name the hash, which tells the caller nothing
        raise StateConflictError(
            "This request id was already used to record other feedback. Use a new one for new answers."
        ) from error


_ALREADY = "The same feedback was recorded before, so nothing was added."


def _content(entry: E) -> dict[str, Any]:
    return entry.model_dump(exclude={"id", "rev", "timestamp", "session_id", "request_id"})


def _guessed(facts: WorkflowFacts, answers: Answers, mode: FeedbackMode) -> dict[str, str]:
    """The person's answers that auto mode takes from the learnings, where the person gave none."""
    found = {"what_went_well": facts.what_went_well, "challenges": facts.challenges}
    stated = answers.for_process()
    return {name: text for name, text in found.items() if text and name not in stated and mode == FeedbackMode.AUTO}


def _inferred(facts: WorkflowFacts, answers: Answers, mode: FeedbackMode) -> dict[str, Any]:
    said = {
        "duration_seconds": facts.duration_seconds,
        "phases": facts.phases or None,
        "phase0_guidance_used": facts.phase0_guidance_used,
        "reviews_worked": None if answers.reviews_worked else facts.reviews_worked,
        "parallel_agents_used": None if answers.multi_agents else facts.parallel_agents_used,
        "items_skipped": list(facts.items_skipped) or None,
        "items_skipped_pct": facts.items_skipped_pct,
        "orchestrator_errors": len(facts.orchestrator_errors),
        "project_errors": len(facts.project_errors),
    }
    quoted = {
        name: {"text": _clip(text, EXCERPT), "untrusted": True} for name, text in _guessed(facts, answers, mode).items()
    }
    return {**_said(said), **quoted}


def _warnings(files: WorkflowFiles, session_id: str, workflow_id: str | None) -> Iterable[str]:
    yield from files.problems
    if not files and workflow_id:
        yield f"No state or log mentions the workflow {workflow_id[:80]}, so only what you stated was recorded."
    elif not files:
        yield "No workflow's state or log was found, so only what you stated was recorded and workflow_id is null."
    elif files.place not in (None, session_id):
        yield f"The workflow was read from session {files.place}."


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _clip(text: str | None, limit: int) -> str | None:
    return text if text is None or len(text) <= limit else f"{text[: limit - 1]}…"
