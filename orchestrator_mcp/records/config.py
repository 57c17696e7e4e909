"""What can be set: every key of `config.yaml`, its type, its default, and who may set it."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from .base import Model

_PERSON = {"person": True}
"""Only a person sets it: in their own config, the environment or a flag, never in a file that came with a clone."""


class Engine(StrEnum):
    """What tells entries apart."""

    AUTO = "auto"
    WORDS = "words"
    MEANING = "meaning"


class Config(Model):
    """The effective settings. The field names are the keys; each field says what its key means."""

    feedback_sync: Annotated[bool, Field(description="allow `feedback sync` to send", json_schema_extra=_PERSON)] = (
        False
    )
    feedback_endpoint: Annotated[
        str | None, Field(description="the https address that `feedback sync` posts to", json_schema_extra=_PERSON)
    ] = None
    feedback_gist: Annotated[
        str | None, Field(description="the gist that `feedback sync --to gist` updates", json_schema_extra=_PERSON)
    ] = None
    feedback_on_finish: Annotated[bool, Field(description="record feedback whenever a workflow is finished")] = False
    categories: Annotated[
        tuple[str, ...], Field(description="categories of failures beside the seven that are built in", max_length=50)
    ] = ()
    engine: Annotated[Engine, Field(description="what compares texts: words alone, or meaning where installed")] = (
        Engine.AUTO
    )
    min_frequency: Annotated[int, Field(description="entries that make a pattern of failures", ge=2, le=1000)] = 3
    min_workflows: Annotated[int, Field(description="workflows that make a pattern of errors", ge=2, le=1000)] = 2
    max_store_mb: Annotated[
        int, Field(description="megabytes that a store may hold before it takes no more entries", ge=10, le=1_000_000)
    ] = 4096
    web_mode: Annotated[
        bool | None, Field(description="treat this machine as one that will be thrown away; detected if unset")
    ] = None
    state_branch: Annotated[str | None, Field(description="the orphan branch that `persist` saves to")] = None
    state_remote: Annotated[
        str | None, Field(description="the git remote that `persist save` pushes to", json_schema_extra=_PERSON)
    ] = None
    auto_migrate: Annotated[
        bool, Field(description="migrate legacy files at the first write", json_schema_extra=_PERSON)
    ] = False
    secrets_repo: Annotated[
        str | None, Field(description="where a team keeps its secrets; shown, never fetched", json_schema_extra=_PERSON)
    ] = None
    claude_binary: Annotated[
        str | None, Field(description="the agent's command; shown, never run", json_schema_extra=_PERSON)
    ] = None
    variables: Annotated[
        dict[str, str], Field(description="what `{{name}}` stands for in workflow.yaml; shown, never run")
    ] = {}


def for_people_alone(key: str) -> bool:
    """Whether only a person may set a key; see `Config`."""
    extra: Any = Config.model_fields[key].json_schema_extra
    return bool(extra and extra.get("person"))
