"""What a caller answered to the ten questions of feedback, and which fields of which entry that fills."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.feedback import ToolAnswers
from orchestrator_mcp.records.fields import (
    SHORT,
    Applicable,
    FeedbackKind,
    FeedbackMode,
    Helpful,
    ReviewsAnswer,
    YesNo,
)

MAX_ANSWER = 2000
MAX_ITEMS = 50

_NONE = {"none", "no", "nothing", "n/a", "-"}

_TEXTS = ("confusing_items", "tool_suggestions", "what_went_well", "challenges", "learnings", "improvements")
_PARALLEL = {Applicable.YES: True, Applicable.NO: False, Applicable.NOT_APPLICABLE: None}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the caller said: five answers about the tool, five about the project. None is unsaid."""

    phase0_helpful: Helpful | None = None
    reviews_worked: ReviewsAnswer | None = None
    confusing_items: list[str] | None = None
    commands_failed: YesNo | None = None
    tool_suggestions: str | None = None
    multi_agents: Applicable | None = None
    what_went_well: str | None = None
    challenges: str | None = None
    learnings: str | None = None
    improvements: str | None = None

    def __post_init__(self) -> None:
        texts = {name: getattr(self, name) for name in _TEXTS if isinstance(getattr(self, name), str)}
        for name, text in texts.items():
            if len(text) > MAX_ANSWER:
                raise InvalidInputError(f"{name} has {len(text):,} characters; at most {MAX_ANSWER:,} fit. Shorten it.")
        items = self.confusing_items or []
        if len(items) > MAX_ITEMS or any(len(item) > SHORT for item in items):
            raise InvalidInputError(f"confusing_items takes at most {MAX_ITEMS} ids of {SHORT} characters. Name fewer.")

    def said(self) -> dict[str, Any]:
        """The answers that were given; an empty text is none."""
        return {one.name: answer for one in fields(self) if (answer := getattr(self, one.name)) not in (None, "")}

    def fill(self, kind: FeedbackKind) -> bool:
        """Whether anything in entries of this kind was said."""
        about_tool, about_process = kind != FeedbackKind.PROCESS, kind != FeedbackKind.TOOL
        return bool((about_tool and self.for_tool()) or (about_process and self.for_process()))

    def for_tool(self) -> dict[str, Any]:
        """The tool entry's fields that were said."""
        said: dict[str, Any] = {}
        chosen = ToolAnswers(
            phase0_helpful=self.phase0_helpful,
            reviews_worked=self.reviews_worked,
            commands_failed=self.commands_failed,
        )
        if chosen != ToolAnswers():
            said["answers"] = chosen
        if self.reviews_worked is not None:
            said["reviews_worked"] = self.reviews_worked == ReviewsAnswer.YES
        if self.confusing_items:
            said["confusing_items"] = self.confusing_items
        return said

    def for_process(self) -> dict[str, Any]:
        """The process entry's fields that were said. An empty text says nothing."""
        said: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS if getattr(self, name)}
        if self.multi_agents is not None:
            said["multi_agents"] = Applicable(self.multi_agents)
            said["parallel_agents_used"] = _PARALLEL[said["multi_agents"]]
        return said

    def warnings(self, mode: FeedbackMode, kind: FeedbackKind) -> Iterator[str]:
        """What the caller may not expect of what becomes of these answers."""
        if mode == FeedbackMode.INTERACTIVE and not (self.for_tool() or self.for_process()):
            yield "mode is interactive, but no question was answered."
        if kind == FeedbackKind.TOOL and self.for_process():
            yield "Free text and answers about the project belong to the process entry, which kind=tool leaves out."


def listed(text: str) -> list[str]:
    """The ids that a person typed, with commas, semicolons or spaces between; "none" is none."""
    found = [one for one in re.split(r"[,;\s]+", text) if one]
    return [] if len(found) == 1 and found[0].casefold() in _NONE else found
