"""Which of our records do notes in markdown become? `.learnings/`, as agents with a self-improvement skill keep it.

An entry is a section `## [ERR-20260101-001] npm` with fields and subsections. People write these files too, so whatever
is not such an entry is kept as a text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator_mcp.records.base import parse_time
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.records.fields import LONG, SHORT, FeedbackMode, Severity

from .legacy_records import DIGEST, LEGACY, Context, Converted, digest_of

_ENTRY = re.compile(r"##\s+\[(LRN|ERR|FEAT)-(\d{8})-(\w{1,20})\]\s*(.*)")
_FIELD = re.compile(r"[-*\s]*\*\*([^*:]{1,40})\*\*:\s*(.+)|-\s+([A-Z][\w -]{1,40}):\s*(.+)")
_FENCE = re.compile(r"\s*(```|~~~)")
_CATEGORIES = {"tests": "Testing", "docs": "Documentation"}
_SEVERITIES = {"low": Severity.LOW, "medium": Severity.MEDIUM, "high": Severity.HIGH, "critical": Severity.HIGH}
_CORRECTION = "correction"
_PATHS = re.compile(r"[^\s,`]+\.[A-Za-z0-9]{1,10}")
_MOST_FILES = 50


@dataclass
class _Section:
    """One section: its heading, its fields by their lower-case names, its subsections; `text` is all of it."""

    heading: str = ""
    text: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)

    def first(self, *names: str) -> str:
        """The first subsection of these names that says something."""
        found = ("\n".join(self.parts.get(name, ())).strip() for name in names)
        return next((text for text in found if text), "")


def add_notes(data: bytes, context: Context, into: Converted, written: datetime) -> None:
    """Turn a whole file into failures, learnings and wishes; what is no entry becomes a text, and is counted.

    An entry is known again by its heading and summary, as people go on writing about it.
    """
    for section in _sections(data.decode("utf-8", "replace")):
        entry, text = _ENTRY.fullmatch(section.heading), "\n".join(section.text).strip()
        digest = digest_of(f"{section.heading}\n{section.first('summary') if entry else text}".encode())
        if digest in context.known:
            continue
        if entry:
            into.add(_record(entry, section, _own(entry, section, context, written) | {DIGEST: digest}))
        elif text:
            into.texts += 1
            own = {"id": context.new_id(), "timestamp": written, "session_id": context.session_id, DIGEST: digest}
            learnings = _clipped(f"{section.heading.lstrip('# ')}\n{text}".strip())
            into.add(_feedback(own | {"assumed_time": True}, learnings=learnings))


def _record(entry: re.Match[str], section: _Section, own: dict[str, Any]) -> Failure | ProcessFeedback:
    kind, day, number, title = entry.groups()
    summary = section.first("summary", "requested capability") or title.strip() or f"{kind}-{day}-{number}"
    action = section.first("suggested fix", "suggested action", "resolution", "suggested implementation")
    if kind == "FEAT":
        return _feedback(own, improvements=_joined(summary, section.first("user context"), action))
    details = section.first("details", "context", "root cause")
    if kind == "LRN" and title.strip().lower() != _CORRECTION:
        return _feedback(own, learnings=_joined(summary, details, action))
    return Failure.model_validate(
        own
        | {
            "context": _clipped(_joined(summary, details) if kind == "LRN" else summary),
            "feedback": _clipped(action),
            "error": _clipped(_unfenced(section.first("error"))) or None,
            "category": _CATEGORIES.get(section.fields.get("area", "").lower(), "Architecture"),
            "severity": _SEVERITIES.get(section.fields.get("priority", "").lower(), Severity.MEDIUM),
            "files": _PATHS.findall(section.fields.get("related files", ""))[:_MOST_FILES],
            "source": LEGACY,
        }
    )


def _feedback(own: dict[str, Any], **texts: str) -> ProcessFeedback:
    said = {name: _clipped(text) for name, text in texts.items()}
    return ProcessFeedback.model_validate(own | said | {"mode": FeedbackMode.AUTO})


def _own(entry: re.Match[str], section: _Section, context: Context, written: datetime) -> dict[str, Any]:
    """Id, time and session, and what the entry said of itself."""
    kind, day, number, title = entry.groups()
    moment, sure = _moment(section.fields.get("logged", ""), day, written)
    old = {"legacy_id": f"{kind}-{day}-{number}", "legacy_title": title.strip() or None}
    old |= {f"legacy_{name}": section.fields.get(name) for name in ("status", "area", "tags")}
    kept = {name: value[:SHORT] for name, value in old.items() if value}
    return kept | {
        "id": context.new_id(),
        "timestamp": moment,
        "session_id": context.session_id,
        **({} if sure else {"assumed_time": True}),
    }


def _moment(logged: str, day: str, written: datetime) -> tuple[datetime, bool]:
    """When it was logged; failing that, the day in its id, or when the file was written. Template words are no time."""
    for text, sure in ((logged, True), (day, False)):
        try:
            return parse_time(text), sure
        except (ValueError, OverflowError):
            continue
    return written, False


def _sections(text: str) -> Iterator[_Section]:
    """Split at headings, except within code: only the heading of an entry counts even there, as a fence may be open."""
    section, part, fenced = _Section(), None, False
    for line in text.splitlines():
        starts = _ENTRY.fullmatch(line.rstrip())
        if starts or (not fenced and re.match(r"##?\s", line)):
            yield section
            section, part, fenced = _Section(heading=line.rstrip()), None, False
            continue
        fenced ^= bool(_FENCE.match(line))
        if line.strip() != "---" or fenced:
            section.text.append(line)
        if not fenced and line.startswith("### "):
            part = section.parts.setdefault(line[4:].strip().lower(), [])
            continue
        found = None if fenced else _FIELD.match(line)
        if found:
            name, value = (found[1] or found[3]).strip().lower(), (found[2] or found[4]).strip()
            section.fields.setdefault(name, value)
        if part is not None and line.strip() != "---":
            part.append(line)
    yield section


def _unfenced(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not _FENCE.match(line)).strip()


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _clipped(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"
