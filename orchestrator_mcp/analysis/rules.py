"""From a pattern to a drafted rule: in people's own words, for a person to approve."""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol

from orchestrator_mcp.records.fields import Severity
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.rule import Suggestion

from .detectors import OF_RUNS
from .sanitize import clip, single_line

EXAMPLES = 3

_TICKS = re.compile(r"`{3,}")
_ROADMAP = {PatternKind.WORKFLOW_ERROR, PatternKind.CHALLENGE, *OF_RUNS}


class Reported(Protocol):
    """A suggestion with what its report quotes."""

    @property
    def suggestion(self) -> Suggestion: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def quotes(self) -> Sequence[str]: ...


def target_of(kind: PatternKind, category: str | None) -> str:
    """Where a rule belongs."""
    if kind in _ROADMAP:
        return "ROADMAP.md"
    return f"{category} skill" if category else "CLAUDE.md"


def draft_rule(kind: PatternKind, title: str, entries: Sequence[dict[str, Any]]) -> str | None:
    """Draft a rule from its entries.

    The correction is the one most entries give, in their own words; WRONG and CORRECT stand only where an entry holds
    both. Nothing is made up: without a correction there is no rule, and the answer is None.
    """
    lines = [f"## {title}", ""]
    if kind in OF_RUNS:
        lines.append(OF_RUNS[kind].advice)
    corrections = Counter(single_line(text) for one in entries if isinstance(text := one.get("feedback"), str))
    lines += [clip(text, 300) for text, _ in corrections.most_common(2)]
    if len(lines) == 2:  # noqa: PLR2004  a heading and a blank line
        return None
    example = next((one for one in entries if one.get("wrong") and one.get("correct")), None)
    if example:
        lines += [
            "",
            "```",
            "# ❌ WRONG",
            _code(example["wrong"]),
            "",
            "# ✅ CORRECT",
            _code(example["correct"]),
            "```",
        ]
    return "\n".join(lines)


def content_hash(title: str, target: str, draft: str) -> str:
    """What an approval is bound to: a changed draft needs a new one."""
    return sha256(f"{title}\0{target}\0{draft}".encode("utf-8", "replace")).hexdigest()


def report(drafts: Sequence[Reported], total: int, now: str) -> str:
    """`skill_update_suggestions.md` over `total` entries, generated `now`; the drafts come most urgent first."""
    head = ["# Skill Update Suggestions", "", f"**Generated:** {now}", f"**Based on:** {total} feedback entries", ""]
    if not drafts:
        head += ["Nothing recurs often enough yet. Log failures as they happen, or lower --min-frequency.", ""]
    return "\n".join([*head, *map(_section, drafts)])


def _section(one: Reported) -> str:
    suggestion = one.suggestion
    # Longer than any fence in the draft, so that a draft cannot end its own block.
    fence = "`" * max(4, 1 + max((len(run) for run in _TICKS.findall(suggestion.draft)), default=0))
    percent = 100 * suggestion.sessions / max(1, suggestion.of_sessions)
    share = f"{suggestion.sessions}/{suggestion.of_sessions} sessions ({percent:.0f}%)"
    lines = [
        f"## {suggestion.category or 'General'} Category - {suggestion.priority.value} Priority",
        "",
        f'**Pattern detected:** {suggestion.entries} corrections related to "{suggestion.title}"',
        f"**Frequency:** {share}",
        f"**Severity:** {one.severity.value.upper()}",
        "",
        "**Examples:**",
        *(f'- "{quote}"' for quote in one.quotes[:EXAMPLES]),
        "",
        "**Suggested Update:**",
        f"Add to {suggestion.target}:",
        "",
        f"{fence}markdown",
        suggestion.draft,
        fence,
        "",
        f"**Confidence:** {suggestion.confidence.value} ({suggestion.entries} entries, {share})",
        f"**Status:** {suggestion.status}",
        "",
    ]
    return "\n".join(lines)


def _code(text: str) -> str:
    return clip(str(text).strip("\n").replace("```", "'''"), 2000)
