"""`orchestrator feedback`: record feedback about a finished workflow, and review it."""

from enum import StrEnum
from typing import Any

from orchestrator_mcp.records.fields import (
    Applicable,
    FeedbackKind,
    FeedbackMode,
    Helpful,
    ReviewsAnswer,
    YesNo,
)
from orchestrator_mcp.services.feedback import record_feedback

from . import feedback_review
from .command import Arguments, Call
from .prompts import ask_optional, choose

Question = tuple[str, str, type[StrEnum] | None]

TOOL_QUESTIONS: tuple[Question, ...] = (
    ("phase0_helpful", "Were Phase 0 parallel execution prompts helpful?", Helpful),
    ("reviews_worked", "Did third-party reviews work correctly?", ReviewsAnswer),
    ("confusing_items", "Which workflow items were confusing or unclear (ids, commas between)?", None),
    ("commands_failed", "Did any orchestrator commands fail?", YesNo),
    ("tool_suggestions", "Suggestions for improving the tool?", None),
)
PROCESS_QUESTIONS: tuple[Question, ...] = (
    ("multi_agents", "Did you use multi-agents?", Applicable),
    ("what_went_well", "What went well in this workflow?", None),
    ("challenges", "What challenges did you face?", None),
    ("learnings", "What did you learn?", None),
    ("improvements", "Project-specific improvements?", None),
)


def arguments(parser: Arguments) -> None:
    one = parser.runs(_feedback)
    how = one.add_mutually_exclusive_group()
    how.add_argument("--auto", action="store_true", help="infer everything from state and log (the default)")
    how.add_argument("--interactive", action="store_true", help="ask the questions, on a terminal")
    which = one.add_mutually_exclusive_group()
    which.add_argument("--tool", dest="kind", action="store_const", const=FeedbackKind.TOOL, help="only about the tool")
    which.add_argument(
        "--process", dest="kind", action="store_const", const=FeedbackKind.PROCESS, help="only about the project"
    )
    one.add_argument("--workflow", help="a workflow's id; the current one if left out")
    one.add_argument("--request-id", help="repeat it to retry safely")
    for name, question, choices in (*TOOL_QUESTIONS, *PROCESS_QUESTIONS):
        one.add_argument(
            f"--{name.replace('_', '-')}", choices=[one.value for one in choices] if choices else None, help=question
        )
    one.set_defaults(kind=FeedbackKind.BOTH)
    feedback_review.arguments(parser)


def _feedback(call: Call) -> object:
    args = call.args
    given = {name: getattr(args, name) for name, _, _ in (*TOOL_QUESTIONS, *PROCESS_QUESTIONS)}
    asked: dict[str, Any] = _ask(args.kind, given) if args.interactive else given
    items = asked["confusing_items"]
    asked["confusing_items"] = [item.strip() for item in items.split(",") if item.strip()] if items else None
    answered = args.interactive or any(asked.values())
    return record_feedback(
        call.workspace(),
        mode=FeedbackMode.INTERACTIVE if answered and not args.auto else FeedbackMode.AUTO,
        kind=args.kind,
        workflow_id=args.workflow,
        request_id=args.request_id,
        **asked,
    )


def _ask(kind: FeedbackKind, given: dict[str, str | None]) -> dict[str, str | None]:
    """Ask what was not given as an option."""
    about = {FeedbackKind.TOOL: TOOL_QUESTIONS, FeedbackKind.PROCESS: PROCESS_QUESTIONS}
    questions = about.get(kind, (*TOOL_QUESTIONS, *PROCESS_QUESTIONS))
    answers = dict(given)
    for name, question, choices in questions:
        if answers[name] is None:
            option = name.replace("_", "-")
            answers[name] = (
                choose(option, question, [one.value for one in choices]) if choices else ask_optional(option, question)
            )
    return answers
