"""`orchestrator feedback`: record feedback about a finished workflow, and review it."""

from typing import Any

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.feedback_questions import QUESTIONS, Question
from orchestrator_mcp.records.fields import FeedbackKind, FeedbackMode
from orchestrator_mcp.services.feedback import open_questions, record_feedback
from orchestrator_mcp.services.feedback_answers import listed

from . import feedback_review, feedback_sync
from .command import Arguments, Call
from .prompts import ask_optional, choose, on_terminal


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
    for question in QUESTIONS:
        one.add_argument(f"--{_option(question)}", choices=question.choices, help=question.text)
    one.set_defaults(kind=FeedbackKind.BOTH)
    feedback_review.arguments(parser)
    feedback_sync.arguments(parser)


def _feedback(call: Call) -> object:
    args, workspace = call.args, call.workspace()
    answers = {one.name: said for one in QUESTIONS if (said := getattr(args, one.name))}
    answered = args.interactive or any(answers.values())
    mode = FeedbackMode.INTERACTIVE if answered and not args.auto else FeedbackMode.AUTO
    how = {"mode": mode, "kind": args.kind, "workflow_id": args.workflow}
    asked = open_questions(workspace, **how, **_typed(answers)) if args.interactive else []
    if asked and not on_terminal():
        raise InvalidInputError(
            "This asks questions, and there is no terminal. "
            "Use the options of `orchestrator feedback --help`, or leave out --interactive."
        )
    answers |= {one.name: said for one in asked if (said := _ask(one))}
    return record_feedback(workspace, **how, **_typed(answers), request_id=args.request_id)


def _ask(question: Question) -> str | None:
    if question.choices:
        return choose(_option(question), question.text, list(question.choices))
    return ask_optional(_option(question), question.text)


def _option(question: Question) -> str:
    return question.name.replace("_", "-")


def _typed(answers: dict[str, str]) -> dict[str, Any]:
    """The answers as the verb takes them."""
    items = answers.get("confusing_items")
    return answers if items is None else {**answers, "confusing_items": listed(items)}
