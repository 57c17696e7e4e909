"""Which questions can a person start with one word? One row per prompt."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_mcp.services.reviews import self_review, weekly_review


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A name and the function that words it: `render(workspace, *, a: Annotated[str, Field(description=…)]) -> str`."""

    name: str
    render: Callable[..., str]
    title: str
    description: str


PROMPTS: tuple[Prompt, ...] = (
    Prompt(
        name="self_review",
        render=self_review,
        title="Review yourself before LEARN",
        description="What an agent asks itself at a workflow's end, and records.",
    ),
    Prompt(
        name="weekly_review",
        render=weekly_review,
        title="Weekly review",
        description="What recurred this week, and which rules would have helped.",
    ),
)
