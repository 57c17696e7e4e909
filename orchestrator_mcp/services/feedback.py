"""Feedback: what a workflow taught, as one anonymous entry about the tool and one private about the project."""

from collections.abc import Iterable
from typing import Any

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.baseline import ITEMS
from orchestrator_mcp.analysis.extraction import WorkflowFacts, last_workflow_id, one_workflow, workflow_facts
from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.feedback import FeedbackRecorded, ProcessFeedback, ToolObservation
from orchestrator_mcp.records.feedback_questions import QUESTIONS, Question
from orchestrator_mcp.records.fields import FeedbackKind, FeedbackMode
from orchestrator_mcp.records.workflow import WorkflowState
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.project import WorkflowFiles, find_workflow_files, get_repo_type
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_answers import MAX_ANSWER, Answers
from .feedback_entries import Notes, save_process_feedback, save_tool_feedback, told
from .feedback_item import complete_item
from .workflow_definitions import defined_items

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
    if off := workspace.settings.skip_feedback:
        return _skipped(workspace, f"{off} is set, so no feedback was recorded. Unset it to record feedback.")
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
    files = find_workflow_files(workspace, workflow_id)
    if not files and not answers.fill(kind):
        return _skipped(workspace, _NOTHING)
    asked, mode = mode, mode if answers.said() else FeedbackMode.AUTO  # a question that nobody answered adds nothing
    session_id = workspace.session_id()
    facts = analyze_workflow_logs(files, workflow_id)
    notes: Notes = {}
    process = tool = None
    if kind != FeedbackKind.TOOL:
        entry = extract_process_feedback(workspace, facts, answers, mode, request_id)
        process = save_process_feedback(workspace, entry, ("mode", *answers.for_process()), notes)
    if kind != FeedbackKind.PROCESS:
        seen = extract_tool_feedback(workspace, facts, answers, mode, request_id)
        tool = save_tool_feedback(workspace, seen, ("mode", *answers.for_tool()), notes)
    warnings = [*_warnings(files, session_id, workflow_id), *answers.warnings(asked, kind), *told(notes)]
    recorded = process or tool
    return FeedbackRecorded(
        recorded=bool(recorded),
        tool_id=tool.id if tool else None,
        process_id=process.id if process else None,
        workflow_id=facts.workflow_id,
        item_completed=complete_item(workspace, facts.workflow_id, recorded.id, warnings) if recorded else None,
        inferred=_inferred(facts, answers, mode),
        warnings=warnings,
        legacy_detected=workspace.legacy.detected(),
    )


def open_questions(
    workspace: Workspace,
    *,
    mode: FeedbackMode = FeedbackMode.AUTO,
    kind: FeedbackKind = FeedbackKind.BOTH,
    workflow_id: str | None = None,
    **answers: Any,
) -> list[Question]:
    """The questions that a person should be asked before feedback is recorded: those that the caller left out.

    None in auto mode, and none if nothing would be recorded.

    Raises:
        InvalidInputError: if recording would refuse these arguments, so that nobody is asked in vain.
    """
    if mode != FeedbackMode.INTERACTIVE or workspace.settings.skip_feedback:
        return []
    check_workflow_id(workflow_id)
    said = Answers(**answers).said()
    return [one for one in QUESTIONS if kind in (FeedbackKind.BOTH, one.about) and one.name not in said]


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
        active_seconds=facts.active_seconds,
        active_phases=facts.active_phases,
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
    return sorted({*facts.custom_items, *defined_items(workspace) - ITEMS})


_NOTHING = (
    "No workflow was found and nothing was stated, so there was nothing to record. "
    "State what you know, such as learnings, or name the workflow."
)


def _skipped(workspace: Workspace, why: str) -> FeedbackRecorded:
    return FeedbackRecorded(recorded=False, skipped=why, legacy_detected=workspace.legacy.detected())


def _guessed(facts: WorkflowFacts, answers: Answers, mode: FeedbackMode) -> dict[str, str]:
    """The person's answers that auto mode takes from the learnings, where the person gave none."""
    found = {"what_went_well": facts.what_went_well, "challenges": facts.challenges}
    stated = answers.for_process()
    return {name: text for name, text in found.items() if text and name not in stated and mode == FeedbackMode.AUTO}


def _inferred(facts: WorkflowFacts, answers: Answers, mode: FeedbackMode) -> dict[str, Any]:
    said = {
        "duration_seconds": facts.duration_seconds,
        "phases": facts.phases or None,
        "active_seconds": facts.active_seconds,
        "active_phases": facts.active_phases or None,
        "phase0_guidance_used": None if answers.phase0_helpful else facts.phase0_guidance_used,
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
