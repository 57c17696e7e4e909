"""How does what was seen of the tool become an entry that could be shown to a stranger?

By a closed schema: every field is a number, an enum, a keyed hash, or made of words that the tool itself ships.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from orchestrator_mcp.records.base import ID_PATTERN, Timestamp
from orchestrator_mcp.records.feedback import RepoType, ToolAnswers, ToolFeedback, ToolObservation

from .anonymize_words import is_template, template_of
from .baseline import ITEMS, PHASES

CUSTOM_ITEM = "custom_item"
OTHER_PHASE = "OTHER"
NO_VERSION = "0.0.0"
MAX_SECONDS = 366 * 24 * 3600
MAX_TEMPLATES = 20

VERSION = r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,5}(?:[.-]?(?:a|b|rc|alpha|beta|dev|post)\.?[0-9]{0,4})?$"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HASH, _LONG_HASH = 16, 32


def anonymize_tool_feedback(entry: ToolObservation, key: bytes) -> ToolFeedback:
    """Make the tool entry of what was seen.

    Args:
        entry: what was seen, names and all.
        key: the installation's own random key. Hashes made with it cannot be guessed from outside.
    """
    templates = [template_of(error) for error in entry.orchestrator_errors]
    said = list(dict.fromkeys(template for template in templates if template))[:MAX_TEMPLATES]
    return ToolFeedback(
        id=entry.id,
        timestamp=entry.timestamp,
        request_id=request_hash(entry.request_id, key),
        workflow_id_hash=workflow_hash(entry.workflow_id, key),
        installation_hash=month_hash(entry.timestamp, key),
        orchestrator_version=entry.orchestrator_version if is_version(entry.orchestrator_version) else NO_VERSION,
        repo_type=known_repo_type(entry.repo_type),
        duration_seconds=None if entry.duration_seconds is None else _bounded(entry.duration_seconds),
        phases=_known_phases(entry.phases),
        active_seconds=None if entry.active_seconds is None else _bounded(entry.active_seconds),
        active_phases=_known_phases(entry.active_phases),
        phase0_guidance_used=entry.phase0_guidance_used,
        reviews_worked=entry.reviews_worked,
        orchestrator_errors=said,
        orchestrator_errors_dropped=templates.count(None),
        items_skipped=list(dict.fromkeys(item if item in ITEMS else CUSTOM_ITEM for item in entry.items_skipped)),
        items_skipped_pct=entry.items_skipped_pct,
        confusing_items=list(dict.fromkeys(item for item in entry.confusing_items if item in ITEMS)),
        mode=entry.mode,
        answers=ToolAnswers.model_validate(entry.answers.model_dump()),
    )


def workflow_hash(workflow_id: str | None, key: bytes) -> str | None:
    """By this the tool entry of a workflow is found again, by whoever has the key."""
    return None if workflow_id is None else _keyed(workflow_id, key, _HASH)


def request_hash(request_id: str | None, key: bytes) -> str | None:
    """A caller's request id may say anything, so the tool entry keeps only this of it."""
    return None if request_id is None else _keyed(f"request:{request_id}", key, _LONG_HASH)


def month_hash(moment: datetime, key: bytes) -> str:
    """By this the entries of one installation and month belong together; another month's cannot be joined to them."""
    return _keyed(moment.strftime("%Y-%m"), key, _HASH)


def is_version(text: str) -> bool:
    """Whether a version is told in numbers and the usual words, and nothing else."""
    return re.match(VERSION, text) is not None and "\n" not in text


def known_repo_type(name: str) -> str:
    """The kind of repository, if it is one that the tool knows."""
    return name if name in set(RepoType) else RepoType.UNKNOWN


def _keyed(text: str, key: bytes, digits: int) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:digits]


def _known_phases(phases: dict[str, int]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for phase, seconds in phases.items():
        name = phase if phase in PHASES else OTHER_PHASE
        summed[name] = _bounded(summed.get(name, 0) + seconds)
    return summed


def _bounded(seconds: int) -> int:
    return min(max(seconds, 0), MAX_SECONDS)


def only(allowed: Iterable[str]) -> AfterValidator:
    """Have a text be one of these."""
    words = frozenset(allowed)

    def check(value: str) -> str:
        if value not in words:
            raise ValueError("is not one of the names that the tool ships")
        return value

    return AfterValidator(check)


def closed_template(value: str) -> str:
    """Have a text be made of the closed vocabulary."""
    if not is_template(value):
        raise ValueError("has words outside the closed vocabulary")
    return value


def _written_our_way(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("is not written as 2026-11-21T03:19:00.000000Z")
    return value


Time = Annotated[Timestamp, BeforeValidator(_written_our_way)]
Seconds = Annotated[int, Field(ge=0, le=MAX_SECONDS)]
Hash = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{_HASH}}}$")]
LongHash = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{_LONG_HASH}}}$")]
PhaseName = Annotated[str, only((*PHASES, OTHER_PHASE))]
SkippedItem = Annotated[str, only((*ITEMS, CUSTOM_ITEM))]
BaselineItem = Annotated[str, only(ITEMS)]


class ClosedAnswers(ToolAnswers):
    model_config = ConfigDict(extra="forbid")


class _ClosedToolFeedback(ToolFeedback):
    """The tool entry, with every value checked and nothing beside."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    timestamp: Time
    rev: Annotated[int, Field(ge=1, le=10_000)] = 1
    request_id: LongHash | None = None
    workflow_id_hash: Hash | None = None
    installation_hash: Hash | None = None
    orchestrator_version: Annotated[str, Field(pattern=VERSION)]
    repo_type: Annotated[str, only(RepoType)] = RepoType.UNKNOWN
    duration_seconds: Seconds | None = None
    phases: dict[PhaseName, Seconds] = {}
    active_seconds: Seconds | None = None
    active_phases: dict[PhaseName, Seconds] = {}
    orchestrator_errors: Annotated[
        list[Annotated[str, AfterValidator(closed_template)]], Field(max_length=MAX_TEMPLATES)
    ] = []
    orchestrator_errors_dropped: Annotated[int, Field(ge=0, le=10_000)] = 0
    items_skipped: list[SkippedItem] = []
    items_skipped_pct: Annotated[float, Field(ge=0, le=1)] | None = None
    confusing_items: list[BaselineItem] = []
    tool_suggestions: None = None
    answers: ClosedAnswers = ClosedAnswers()


_EXACT = {"id", "timestamp", "request_id", "workflow_id_hash", "installation_hash", "orchestrator_version"}
_FORBIDDEN = {
    "an e-mail address": re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}"),
    "a URL": re.compile(r"[A-Za-z][\w+.-]{0,20}://|\bwww\.", re.IGNORECASE),
    "a path": re.compile(r"[\\/~]|\b[A-Za-z]:[\\/]"),
    "an IP address": re.compile(
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b|(?:\b[0-9a-f]{1,4}:|::)(?:[0-9a-f]{0,4}:){1,6}", re.IGNORECASE
    ),
    "a long hexadecimal number": re.compile(r"\b(?=\w*\d)[0-9a-f]{8,}\b", re.IGNORECASE),
}


def verify_anonymization(data: bytes) -> list[str]:
    """Check the very bytes that would be shown: lines of tool entries. An empty list means that all is well.

    First the closed schema, then a second net of things that must not be there. The answer names fields, never values.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        return ["There is no entry to check."]
    return [f"Line {number}: {problem}." for number, line in enumerate(lines, 1) for problem in _problems(line)]


def _problems(line: bytes) -> Iterator[str]:
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=without_doubles)
        _ClosedToolFeedback.model_validate_json(line)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            yield f"field {_place(fault['loc'])} {reason(fault['type'])}"
    except (ValueError, RecursionError):
        yield "it is no JSON object with every key said once"
    else:
        yield from forbidden(value, _EXACT)


def forbidden(value: dict[str, Any], exact: Container[str]) -> Iterator[str]:
    """The second net: what no text may hold, whatever the schema says. Fields that are matched exactly are left out."""
    for name, text in _texts(value, exact):
        yield from (f"field {name} holds {what}" for what, shape in _FORBIDDEN.items() if shape.search(text))


def _place(location: tuple[int | str, ...]) -> str:
    """Name the field. An unknown key is itself a value that may not be repeated."""
    head = str(location[0]) if location else ""
    return head if head in ToolFeedback.model_fields else "(unknown)"


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


def _texts(value: dict[str, Any], exact: Container[str]) -> Iterator[tuple[str, str]]:
    for name, part in value.items():
        if name not in exact:
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
