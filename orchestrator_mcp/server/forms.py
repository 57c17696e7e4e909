"""Which tools ask the person something first, and what is made of the answer? One row per form.

An answer counts only if it was given: a form that was declined, closed, or that the client cannot show says nothing.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar

from mcp.server.elicitation import AcceptedElicitation, DeclinedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, WithJsonSchema, create_model

from orchestrator_mcp.analysis.sanitize import clip
from orchestrator_mcp.records.feedback_questions import Question
from orchestrator_mcp.services.feedback import open_questions, record_feedback
from orchestrator_mcp.services.feedback_answers import MAX_ANSWER, listed

ANSWER = "answer"
"""The parameter in which a tool gets its form's outcome; no client sees it."""

_STATED = "so only what you stated was recorded."
UNUSABLE = f"The client's answer to the form could not be used, {_STATED}"
_NO_FORMS = f"This client shows no forms, {_STATED} Ask the person, and pass the answers as parameters."
_DECLINED = f"The person declined the form, {_STATED}"
_CLOSED = f"The form was closed without an answer, {_STATED}"
_EMPTY = f"The form came back empty, {_STATED}"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a tool asks before it runs.

    Args:
        message: what the form says above its questions.
        questions: `questions(workspace, **arguments)` gives those to ask, if any; no argument is a request id.
            They depend on nothing that changes while the server runs: some clients make the call again to answer.
        reads: turns the text of an answer into what the parameter of that name takes.
    """

    message: str
    questions: Callable[..., Sequence[Question]]
    reads: dict[str, Callable[[str], Any]]


FORMS: dict[Callable[..., BaseModel], Form] = {
    record_feedback: Form(
        message="How did this workflow go? Answer what you like, and leave the rest empty.",
        questions=open_questions,
        reads={"confusing_items": listed},
    ),
}


class Filled(BaseModel):
    """A form that came back. It takes whatever the client sent, so that one wrong answer does not spoil the others."""

    questions: ClassVar[tuple[Question, ...]] = ()


def asking(form: Form, tool: Callable[..., Any], ask: Callable[[Callable[[Any], Any]], Any]) -> None:
    """Have the SDK put a form's questions before a tool runs, and hand over the outcome as `ANSWER`.

    Args:
        form: the row.
        tool: has the parameters on which the questions depend.
        ask: calls a function with the workspace.
    """

    def resolve(context: Context[Any, Any], **arguments: Any) -> Elicit[BaseModel] | str | None:
        arguments.pop("request_id", None)  # says which call it is, and nothing of the person
        questions = tuple(ask(lambda at: form.questions(at, **arguments)))
        if questions and not _shows_forms(context):
            return _NO_FORMS
        return Elicit(form.message, _schema(questions)) if questions else None

    asked = inspect.signature(tool)
    _declare(resolve, asked, "context", Context)
    _declare(tool, asked, ANSWER, Annotated[ElicitationResult[Any], Resolve(resolve)])


def read(form: Form, outcome: Any) -> tuple[dict[str, Any], list[str]]:
    """The arguments that a form's outcome adds, and what the agent must know of it, as sentences."""
    if isinstance(outcome, str):
        return {}, [outcome]
    if not isinstance(outcome, AcceptedElicitation):
        return {}, [_DECLINED if isinstance(outcome, DeclinedElicitation) else _CLOSED]
    if not isinstance(outcome.data, Filled):  # nobody was asked, which the SDK calls accepted too
        return {}, [outcome.data] if outcome.data else []
    answers = {
        one: value for one in outcome.data.questions if (value := getattr(outcome.data, one.name)) not in (None, "")
    }
    if not answers:
        return {}, [_EMPTY]
    usable = {one.name: value for one, value in answers.items() if _is_answer(one, value)}
    given = {name: form.reads.get(name, str)(clip(value, MAX_ANSWER)) for name, value in usable.items()}
    strange = [one.name for one in answers if one.name not in usable]
    long = [name for name, value in usable.items() if len(value) > MAX_ANSWER]
    return given, [
        *(f"The form's answer to {name} could not be used." for name in strange),
        *(f"The form's answer to {name} was cut to {MAX_ANSWER:,} characters." for name in long),
    ]


def _declare(function: Callable[..., Any], like: inspect.Signature, name: str, annotation: Any) -> None:
    """Give a function the parameters of a signature and one more, for the SDK to read."""
    more = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    function.__signature__ = like.replace(parameters=[*like.parameters.values(), more])  # type: ignore[attr-defined]
    function.__annotations__ = {part.name: part.annotation for part in like.parameters.values()} | {name: annotation}
    function.__annotations__["return"] = like.return_annotation


def _shows_forms(context: Context[Any, Any]) -> bool:
    """A client that names no kind of elicitation shows forms."""
    can = context.client_capabilities.elicitation if context.client_capabilities else None
    return can is not None and (can.form is not None or can.url is None)


def _is_answer(question: Question, value: Any) -> bool:
    return isinstance(value, str) and (question.choices is None or value in question.choices)


@cache
def _schema(questions: tuple[Question, ...]) -> type[Filled]:
    parts: dict[str, Any] = {one.name: (Annotated[Any, WithJsonSchema(_property(one))], None) for one in questions}
    schema = create_model("Form", __base__=Filled, **parts)
    schema.questions = questions
    return schema


def _property(question: Question) -> dict[str, Any]:
    bound = {"enum": list(question.choices)} if question.choices else {"maxLength": MAX_ANSWER}
    return {"type": "string", "title": question.text, **bound}
