"""Of which values may consist what a stranger is shown, and what may no text in it hold?"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from orchestrator_mcp.records.feedback import RepoType, ToolAnswers

from .anonymize import CUSTOM_ITEM, HASH, LONG_HASH, MAX_TEMPLATES, OTHER_PHASE, VERSION
from .anonymize_words import is_template
from .baseline import ITEMS, PHASES

_EXACT = {"id", "timestamp", "day", "request_id", "workflow_id_hash", "installation_hash", "orchestrator_version"}
"""Fields whose whole text a pattern of the schema decides."""

_FORBIDDEN = {
    "an e-mail address": re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}"),
    "a URL": re.compile(r"[A-Za-z][\w+.-]{0,20}://|\bwww\.", re.IGNORECASE),
    "a path": re.compile(r"[\\/~]|\b[A-Za-z]:[\\/]"),
    "an IP address": re.compile(
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b|(?:\b[0-9a-f]{1,4}:|::)(?:[0-9a-f]{0,4}:){1,6}", re.IGNORECASE
    ),
    "a long hexadecimal number": re.compile(r"\b(?=\w*\d)[0-9a-f]{8,}\b", re.IGNORECASE),
}


def only(allowed: Iterable[str]) -> AfterValidator:
    """Have a text be one of these."""
    words = frozenset(allowed)

    def check(value: str) -> str:
        if value not in words:
            raise ValueError("is not one of the names that the tool ships")
        return value

    return AfterValidator(check)


def _closed_template(value: str) -> str:
    if not is_template(value):
        raise ValueError("has words outside the closed vocabulary")
    return value


Version = Annotated[str, Field(pattern=VERSION)]
Hash = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{HASH}}}$")]
LongHash = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{LONG_HASH}}}$")]
PhaseName = Annotated[str, only((*PHASES, OTHER_PHASE))]
SkippedItem = Annotated[str, only((*ITEMS, CUSTOM_ITEM))]
BaselineItem = Annotated[str, only(ITEMS)]
KnownRepoType = Annotated[str, only(RepoType)]
Templates = Annotated[list[Annotated[str, AfterValidator(_closed_template)]], Field(max_length=MAX_TEMPLATES)]


class ClosedAnswers(ToolAnswers):
    """The answers, and nothing beside."""

    model_config = ConfigDict(extra="forbid")


def forbidden(value: dict[str, Any]) -> Iterator[str]:
    """The second net: what no text may hold, whatever the schema says. Fields that are matched exactly are left out."""
    for name, text in _texts(value):
        yield from (f"field {name} holds {what}" for what, shape in _FORBIDDEN.items() if shape.search(text))


def reason(kind: str) -> str:
    """Why a value is refused, without the value."""
    return {"extra_forbidden": "is not in the schema", "missing": "is missing"}.get(
        kind, "has a value outside the schema"
    )


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which every key is said once: two readers may believe different ones."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is said twice")
    return value


def _texts(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, part in value.items():
        if name not in _EXACT:
            yield from ((name, text) for text in _leaves(part))


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for part in value:
                yield from _leaves(part)
        case dict():
            for name, part in value.items():
                yield name
                yield from _leaves(part)
