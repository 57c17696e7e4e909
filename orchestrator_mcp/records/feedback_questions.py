"""Which ten questions does feedback ask? In the words of its parameters, for forms, prompts and help alike."""

from enum import StrEnum
from typing import Any, NamedTuple, get_args

from . import fields
from .fields import FeedbackKind


class Question(NamedTuple):
    """One question: the parameter that takes its answer, whom it is about, and its choices; None for any text."""

    name: str
    about: FeedbackKind
    text: str
    choices: tuple[str, ...] | None


def _question(name: str, about: FeedbackKind, parameter: Any) -> Question:
    kind, field = get_args(parameter)
    is_choice = isinstance(kind, type) and issubclass(kind, StrEnum)
    return Question(name, about, field.description, tuple(kind) if is_choice else None)


QUESTIONS = (
    _question("phase0_helpful", FeedbackKind.TOOL, fields.Phase0Helpful),
    _question("reviews_worked", FeedbackKind.TOOL, fields.ReviewsWorked),
    _question("confusing_items", FeedbackKind.TOOL, fields.ConfusingItems),
    _question("commands_failed", FeedbackKind.TOOL, fields.CommandsFailed),
    _question("tool_suggestions", FeedbackKind.TOOL, fields.ToolSuggestions),
    _question("multi_agents", FeedbackKind.PROCESS, fields.MultiAgents),
    _question("what_went_well", FeedbackKind.PROCESS, fields.WhatWentWell),
    _question("challenges", FeedbackKind.PROCESS, fields.Challenges),
    _question("learnings", FeedbackKind.PROCESS, fields.Learnings),
    _question("improvements", FeedbackKind.PROCESS, fields.Improvements),
)
