"""Roadmap items in the format WF-XXX: the next free id, drafts of patterns, and which of them stand there already."""

import re
from collections.abc import Iterable, Sequence

from orchestrator_mcp.records.feedback_review import RoadmapDraft
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.pattern import Pattern, PatternKind

from .detectors import OF_RUNS
from .patterns import rate_text
from .sanitize import clip, single_line

NAME = "ROADMAP.md"
NEW = "# Roadmap\n"

_ID = re.compile(r"\bWF-(\d{1,6})\b")
_HEADING = re.compile(r"^#{1,6}\s*(?:\[[ xX]\]\s*)?(?:~~|✅|\*\*|\s)*(?:WF-\d+\s*[:.–-]\s*)?(.*)$", re.MULTILINE)
_WORD = re.compile(r"\w+")
_TITLE = 120


def drafts_of(patterns: Iterable[Pattern], roadmap: str, today: str) -> list[RoadmapDraft]:
    """A draft of each pattern that the roadmap does not have yet, by its id or by its title.

    Args:
        patterns: most urgent first.
        roadmap: the text of ROADMAP.md, empty if there is none.
        today: the date that the drafts bear.
    """
    number = max((int(found) for found in _ID.findall(roadmap)), default=0)
    known = {_essence(title) for title in _HEADING.findall(roadmap)}
    drafts: list[RoadmapDraft] = []
    for one in patterns:
        title = _title(one)
        if one.id in roadmap or _essence(title) in known:
            continue
        known.add(_essence(title))
        number += 1
        drafts.append(_draft(f"WF-{number:03}", title, one, today))
    return drafts


def appended(content: bytes, drafts: Sequence[RoadmapDraft]) -> bytes:
    """The file with the drafts at its end: every byte before stays, and new lines end as the file's do."""
    ending = b"\r\n" if b"\r\n" in content else b"\n"
    before = content or NEW.encode()
    gap = b"" if before.endswith(b"\n") else ending
    items = "".join(f"\n{one.text}" for one in drafts).encode("utf-8", "replace").replace(b"\n", ending)
    return before + gap + items


def _title(one: Pattern) -> str:
    row = OF_RUNS.get(one.kind)
    if row:
        return clip(row.draft.format(thing=_thing(one)), _TITLE)
    start = "Make it easier" if one.kind is PatternKind.CHALLENGE else "Prevent the recurring error"
    return clip(f"{start}: {single_line(one.title)}", _TITLE)


def _thing(one: Pattern) -> str:
    """The item, or the phase and how it changed: the first words of a template such as `visual_tests is skipped`."""
    cut = " than " if one.kind is PatternKind.PHASE_TIMING else " is "
    return single_line(one.template).partition(cut)[0]


def _draft(id_: str, title: str, one: Pattern, today: str) -> RoadmapDraft:
    seen = f"{rate_text(one.rate)} workflows" if one.rate else f"{one.occurrences} times in {one.workflows} workflows"
    priority = {Level.HIGH: "High", Level.MEDIUM: "Medium", Level.LOW: "Low"}[one.priority]
    lines = [
        f"### {id_}: {title}",
        "",
        "**Status:** Proposed",
        f"**Priority:** {priority}",
        f"**Source:** `orchestrator feedback review --suggest`, {today}, {one.id}",
        "",
        f"Seen {'in ' if one.rate else ''}{seen}: {single_line(one.title)}. {one.suggestion}",
        *(f'- "{single_line(example.text)}"' for example in one.examples),
        "",
    ]
    return RoadmapDraft(id=id_, title=title, pattern_id=one.id, text="\n".join(lines))


def _essence(title: str) -> str:
    return " ".join(_WORD.findall(title.lower()))
