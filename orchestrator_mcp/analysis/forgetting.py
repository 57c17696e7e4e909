"""What must go when a record is forgotten: its texts, and every shortened form in which others quote them."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator_mcp.records.base import FORGOTTEN

from .canonical import canonical
from .rules import content_hash
from .sanitize import clip, single_line
from .workflow_fold import ABANDONED, STARTED

SHORTEST = 8
"""Shorter texts go from the record itself, but are not hunted elsewhere: they would be found in anything."""
LONG = 24
"""From here on a text is hunted inside of words too, and so is a single line of a longer one."""

FREE_TEXT = frozenset(
    {
        "context", "feedback", "error", "command", "wrong", "correct", "task", "task_description", "error_message",
        "feedback_notes", "learnings", "what_went_well", "challenges", "improvements", "tool_suggestions",
        "project_errors", "errors_summary", "title", "draft", "label", "message", "notes", "note", "reason",
        "skip_reason", "failure_reason", "stderr", "stdout", "output", "traceback", "description", "summary",
        "correction", "template", "text", "comment", "details",
    }
)  # fmt: skip
"""The fields that hold people's and programs' own words, at any depth: only these are hunted, and only in these."""

IDENTITY = frozenset(
    {
        "id", "rev", "timestamp", "session_id", "request_id", "type", "category", "severity", "source", "is_test",
        "status", "invocation_id", "by", "parent_invocation_id", "event_type", "phase_id", "item_id", "phase", "item",
        "actor", "mode", "success", "quality_rating", "feedback_source", "failure_id", "same_as", "pattern_id",
        "finished_at", "duration_seconds", "workflow_id", "workflow_id_hash", "installation_hash", "agent_name",
        "agent_type", "alternative_agent_suggested", "would_use_again", "priority", "confidence", "target",
        "content_sha256", "repo_type", "orchestrator_version", "multi_agents", "phase0_helpful", "reviews_worked",
        "commands_failed", "scope", "risk_level", "checkpoint_id", "created_at", "updated_at", "started_at",
        "completed_at",
    }
)  # fmt: skip
"""What a record is, when and of whom: never hunted, never changed, and kept in the shell, so that counts stay true."""

NAMES = frozenset(
    {
        "files", "files_modified", "tools_used", "repo", "confusing_items", "custom_workflow_items", "items_skipped",
    }
)  # fmt: skip
"""Lists of names: never hunted and never changed elsewhere, but taken from the shell."""

_KNOWN = FREE_TEXT | IDENTITY | NAMES | {"outcome", "answers", "state_features", "tests_passed", "build_succeeded"}
_OPEN = {"details", "state_features"}  # whatever the caller chose to say, under names of the caller's own
_CLIPS = (100, 160, 300, 2000)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_WORD = re.compile(r"[^\W\d_]+")
_FRAME = re.compile(r"""\s*(File ["'].*, line \d|at .*[:(]|from \S+:\d+:in |\.\.\. \d+ more)""")
_COMMON = re.compile(
    r"\s*(Traceback \(most recent|During handling of|The above exception was|Caused by: \S+$|[=_*#~-]{3}"
    r"|platform \w+ -- |(rootdir|plugins|cachedir|configfile): |collect(ed|ing) )"
)
_REDACTED = re.compile(r"\[REDACTED:[a-z0-9-]{1,40}:[0-9a-f]{8}\]")


@dataclass(frozen=True)
class Hunt:
    """One record and the forms of its texts, the longest first: what to take out, and of what.

    `forms` are taken out of other records; `quotes` are the looser ones by which a suggestion is known to be drawn
    from it. Each method gives back what it got, unchanged, if there is nothing to take out.
    """

    record_id: str
    forms: tuple[str, ...]
    quotes: tuple[str, ...]

    def everywhere(self, value: dict[str, Any]) -> dict[str, Any]:
        """A JSON line of any record: the record itself becomes a shell."""
        return blanked(value) if value.get("id") == self.record_id else self.elsewhere(value)

    def elsewhere(self, value: dict[str, Any]) -> dict[str, Any]:
        """A JSON line of another record; the record itself is left as it is."""
        if value.get("id") == self.record_id:
            return value
        if is_suggestion(value) and any(form in text for text in _texts(value) for form in self.quotes):
            gone = {"title": FORGOTTEN, "draft": FORGOTTEN}
            return value | gone | {"content_sha256": content_hash(FORGOTTEN, str(value.get("target")), FORGOTTEN)}
        changed = {name: self._edited(item, name) for name, item in value.items()}
        is_shell = changed != value and "feedback" in value and set(_texts(changed)) == {FORGOTTEN}
        return changed | {"forgotten": True} if is_shell else changed  # else all emptied failures would be one pattern

    def document(self, value: Any) -> Any:
        """A JSON document of a workflow: any of its strings may be text, except those with a name of identity."""
        return self._edited(value, "", free=True)

    def plain(self, data: bytes) -> bytes:
        """Bytes that are no JSON, also where they break off in the middle of a text."""
        for form in self.written:
            data = data.replace(form, FORGOTTEN.encode())
        start = self._broken_off(data)
        return data if start is None else data[:start] + FORGOTTEN.encode()

    def torn(self, data: bytes) -> bytes:
        """A line that cannot be read; if it is the record's, nothing of it can be told apart, so all of it goes."""
        return _spaces(data) if self.record_id.encode() in data else self.plain(data)

    def holds(self, data: bytes) -> bool:
        """Whether bytes that cannot be read hold some of the record."""
        if self.record_id.encode() in data or self.quoted(data) or self._broken_off(data) is not None:
            return True
        try:
            value = json.loads(data)
            return bool(self.document(value) != value)
        except (ValueError, RecursionError):
            return False

    def quoted(self, data: bytes) -> bool:
        """Whether one of the forms stands there, as it is or as JSON writes it."""
        return any(form in data for form in self.written)

    @cached_property
    def written(self) -> tuple[bytes, ...]:
        """The forms as bytes, each as it is and as JSON may write it."""
        found = {
            written.encode("utf-8", "replace"): None
            for form in self.forms
            for once in (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])
            for written in (once, once.replace("/", r"\/"))
        }
        return tuple(sorted(found, key=len, reverse=True))

    def _edited(self, value: Any, name: str, *, free: bool = False) -> Any:
        if name in IDENTITY or name in NAMES:
            return value
        free = free or name in _OPEN or name.removeprefix("legacy_") in FREE_TEXT
        if isinstance(value, str):
            return self._without(value) if free else value
        if isinstance(value, dict):
            return {inner: self._edited(item, inner, free=free) for inner, item in value.items()}
        return [self._edited(item, "", free=free) for item in value] if isinstance(value, list) else value

    def _without(self, text: str) -> str:
        for form in self.forms:
            if form in text:
                whole = re.escape(form) if len(form) >= LONG else rf"(?<!\w){re.escape(form)}(?!\w)"
                text = re.sub(whole, FORGOTTEN, text)
        return text

    def _broken_off(self, data: bytes) -> int | None:
        """Where the bytes end with the beginning of a form."""
        end = data.rstrip(b"\n")
        for form in self.written:
            start = end.rfind(form[:LONG])
            if len(form) > LONG and start >= 0 and form.startswith(end[start:]):
                return start
        return None


def hunt_of(record_id: str, revisions: Iterable[dict[str, Any]]) -> Hunt:
    """What to hunt for a record, of which these are all the lines."""
    texts = {text for value in revisions for text in _texts(value)}
    forms = _hunted(form for text in texts for form in _forms(text))
    quotes = _hunted(form for text in texts for form in _quotes(text))
    return Hunt(record_id, forms, tuple(sorted({*forms, *quotes}, key=len, reverse=True)))


def blanked(value: dict[str, Any]) -> dict[str, Any]:
    """The record without its texts; what it was, when, and in which session stays, so that counts stay true."""
    kept = {name: _blank(item, name) for name, item in value.items() if name in _KNOWN or _FIELD.fullmatch(name)}
    return kept | {"forgotten": True}


def is_suggestion(value: dict[str, Any]) -> bool:
    """Whether a line is a drafted rule: derived from other records, and drafted anew when they are asked again."""
    return "draft" in value and "pattern_id" in value


def _hunted(forms: Iterable[str]) -> tuple[str, ...]:
    """The forms worth hunting: neither too short nor a single word, which others use as well."""
    stripped = {form.strip() for form in forms}
    kept = {one for one in stripped if len(one) >= SHORTEST and not _WORD.fullmatch(one) and one not in FORGOTTEN}
    return tuple(sorted(kept, key=len, reverse=True))


def _forms(text: str) -> Iterator[str]:
    fenced = text.replace("```", "'''")  # as a draft shows code
    yield from (text, fenced, single_line(text))
    yield from (text.removeprefix(label) for label in (STARTED, ABANDONED))  # as a workflow's state has it
    yield from (clip(single_line(text), limit) for limit in _CLIPS)
    yield from (clip(fenced.strip("\n"), limit) for limit in _CLIPS)
    yield from _telling_lines(text)
    yield from (
        piece for piece in _REDACTED.split(text) if len(piece.strip()) >= LONG
    )  # an older copy may lack the mark


def _quotes(text: str) -> Iterator[str]:
    form = canonical(text)
    yield from (form.headline, form.template)
    for piece in (text, form.headline, form.template, text.replace("```", "'''")):
        yield from (clip(single_line(piece), limit).rstrip("…") for limit in _CLIPS)


def _telling_lines(text: str) -> Iterator[str]:
    """The lines that say something of this text alone: none that any traceback or test report may have."""
    in_frame = False
    for line in text.splitlines():
        is_source = in_frame and line.startswith("    ")
        in_frame = bool(_FRAME.match(line))
        if not (in_frame or is_source or _COMMON.match(line)) and len(line.strip()) >= LONG:
            yield line


def _texts(value: dict[str, Any]) -> Iterator[str]:
    """Every string in a field of free text, at any depth; what a state feature says is too common to be hunted."""
    waiting: list[tuple[str, Any]] = [(name, item) for name, item in value.items() if name != "state_features"]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, str) and name.removeprefix("legacy_") in FREE_TEXT:
            yield item
        elif isinstance(item, dict):
            waiting += item.items()
        elif isinstance(item, list):
            waiting += [(name, one) for one in item]


def _blank(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return value if name in IDENTITY else FORGOTTEN
    if isinstance(value, dict):  # a name that is not ours may be text as well
        return {inner: _blank(item, inner) for inner, item in value.items() if inner in _KNOWN}
    return [_blank(item) for item in value] if isinstance(value, list) else value


def _spaces(data: bytes) -> bytes:
    """As the healing of a torn tail blanks it: readers skip it."""
    body = data.rstrip(b"\n")
    return b" " * len(body) + data[len(body) :]
