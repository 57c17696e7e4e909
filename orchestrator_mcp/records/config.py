"""What can be set: every key of `config.yaml`, its type, its default, and who may set it."""

from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import ConfigDict, Field

from .base import Model

MIN_FREQUENCY = 3
_PERSON = {"person": True}
"""Only a person sets it: in their own config, the environment or a flag, never in a file that came with a clone."""


class Engine(StrEnum):
    """What tells entries apart."""

    AUTO = "auto"
    WORDS = "words"
    MEANING = "meaning"


class ConfigLevel(StrEnum):
    """Where a setting comes from, the weakest first: each level overrides those above it in this list."""

    DEFAULT = "default"
    FALLBACK = "fallback"
    GLOBAL = "global"
    REPO = "repo"
    ENVIRONMENT = "environment"
    FLAG = "flag"


Text = Annotated[str, Field(min_length=1, max_length=300)]
NewCategory = Annotated[str, Field(pattern=r"^\w[\w &/+.-]{0,29}$")]


class Config(Model):
    """The effective settings. The field names are the keys; each field says what its key means."""

    model_config = ConfigDict(strict=True, extra="forbid")

    feedback_sync: Annotated[bool, Field(description="allow `feedback sync` to send", json_schema_extra=_PERSON)] = (
        False
    )
    feedback_endpoint: Annotated[
        Text | None, Field(description="the https address that `feedback sync` posts to", json_schema_extra=_PERSON)
    ] = None
    feedback_gist: Annotated[
        Text | None, Field(description="the gist that `feedback sync --to gist` updates", json_schema_extra=_PERSON)
    ] = None
    feedback_on_finish: Annotated[bool, Field(description="record feedback whenever a workflow is finished")] = False
    categories: Annotated[
        tuple[NewCategory, ...],
        Field(description="categories of failures beside the seven that are built in", max_length=50, strict=False),
    ] = ()
    engine: Annotated[
        Engine,
        Field(description="what compares texts: words alone, meaning, or (auto) meaning where installed", strict=False),
    ] = Engine.AUTO
    min_frequency: Annotated[int, Field(description="entries that make a pattern of failures", ge=2, le=1000)] = (
        MIN_FREQUENCY
    )
    min_workflows: Annotated[int, Field(description="workflows that make a pattern of errors", ge=2, le=1000)] = 2
    max_store_mb: Annotated[
        int, Field(description="megabytes that a store may hold before it takes no more entries", ge=10, le=1_000_000)
    ] = 4096
    web_mode: Annotated[
        bool | None, Field(description="treat this machine as one that will be thrown away; detected if unset")
    ] = None
    state_branch: Annotated[Text | None, Field(description="the orphan branch that `persist` saves to")] = None
    state_remote: Annotated[
        Text | None, Field(description="the git remote that `persist save` pushes to", json_schema_extra=_PERSON)
    ] = None
    auto_migrate: Annotated[
        bool, Field(description="migrate legacy files at the first write", json_schema_extra=_PERSON)
    ] = False
    secrets_repo: Annotated[
        Text | None,
        Field(description="where a team keeps its secrets; shown, never fetched", json_schema_extra=_PERSON),
    ] = None
    claude_binary: Annotated[
        Text | None, Field(description="the agent's command; shown, never run", json_schema_extra=_PERSON)
    ] = None
    variables: Annotated[
        dict[str, str], Field(description="what `{{name}}` stands for in workflow.yaml; shown, never run")
    ] = {}


class Setting(Model):
    """One value in force, and where it comes from. A value of a mapping is named `key.name`."""

    key: str
    value: Any
    level: ConfigLevel = ConfigLevel.DEFAULT
    source: str = "default"
    line: int | None = None


def for_people_alone(key: str) -> bool:
    """Whether only a person may set a key; see `Config`."""
    extra: Any = Config.model_fields[key].json_schema_extra
    return bool(extra and extra.get("person"))


def kind_of(key: str) -> type:
    """What a key holds: bool, int, str, tuple (a list of texts), dict (names and texts) or Engine."""
    annotation = Config.model_fields[key].annotation
    options = [one for one in get_args(annotation) if one is not NoneType]
    if get_origin(annotation) in {tuple, dict} or not options:
        return get_origin(annotation) or annotation  # type: ignore[return-value]
    return str if get_origin(options[0]) is Annotated else options[0]


def allowed(key: str) -> str:
    """What a key may be, as a phrase."""
    limits: dict[str, Any] = {}
    for one in Config.model_fields[key].metadata:
        limits |= {name: getattr(one, name) for name in ("ge", "le", "max_length") if hasattr(one, name)}
    kind = kind_of(key)
    if issubclass(kind, StrEnum):
        return " or ".join(one.value for one in kind)
    return {
        bool: "true or false",
        int: f"a whole number from {limits.get('ge')} to {limits.get('le')}",
        str: "a text of 1 to 300 characters",
        tuple: f"a list of at most {limits.get('max_length')} short names",
        dict: "a mapping of names to texts, on the command line as JSON",
    }[kind]
