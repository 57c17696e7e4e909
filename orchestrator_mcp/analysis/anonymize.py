"""How does what was seen of the tool become an entry that could be shown to a stranger?

Every field becomes a number, an enum, a keyed hash, or is made of words that the tool itself ships. The bytes
are checked afterwards (`anonymize_check.py`).
"""

import hashlib
import hmac
import re
from datetime import datetime

from orchestrator_mcp.records.feedback import RepoType, ToolAnswers, ToolFeedback, ToolObservation

from .anonymize_words import template_of
from .baseline import ITEMS, PHASES

CUSTOM_ITEM = "custom_item"
OTHER_PHASE = "OTHER"
NO_VERSION = "0.0.0"
MAX_SECONDS = 366 * 24 * 3600
MAX_TEMPLATES = 20

VERSION = r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}(?:[.-]?(?:a|b|rc|alpha|beta|dev|post)\.?[0-9]{0,2})?$"
"""As versions are, and too few digits to hide a number in."""

HASH, LONG_HASH = 16, 32
"""Hexadecimal digits."""


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
        phases=_bounded_phases(entry.phases),
        active_seconds=None if entry.active_seconds is None else _bounded(entry.active_seconds),
        active_phases=_bounded_phases(entry.active_phases),
        phase0_guidance_used=entry.phase0_guidance_used,
        reviews_worked=entry.reviews_worked,
        orchestrator_errors=said,
        orchestrator_errors_dropped=templates.count(None),
        items_skipped=list(dict.fromkeys(map(known_item, entry.items_skipped))),
        items_skipped_pct=entry.items_skipped_pct,
        confusing_items=list(dict.fromkeys(item for item in entry.confusing_items if item in ITEMS)),
        mode=entry.mode,
        answers=ToolAnswers.model_validate(entry.answers.model_dump()),
    )


def workflow_hash(workflow_id: str | None, key: bytes) -> str | None:
    """By this the tool entry of a workflow is found again, by whoever has the key."""
    return None if workflow_id is None else keyed(workflow_id, key, HASH)


def request_hash(request_id: str | None, key: bytes) -> str | None:
    """A caller's request id may say anything, so the tool entry keeps only this of it."""
    return None if request_id is None else keyed(f"request:{request_id}", key, LONG_HASH)


def month_hash(moment: datetime, key: bytes) -> str:
    """By this the entries of one installation and month belong together; another month's cannot be joined to them."""
    return keyed(moment.strftime("%Y-%m"), key, HASH)


def is_version(text: str) -> bool:
    """Whether a version is told in numbers and the usual words, and nothing else."""
    return re.match(VERSION, text) is not None and "\n" not in text


def known_repo_type(name: str) -> str:
    """The kind of repository, if it is one that the tool knows."""
    return name if name in set(RepoType) else RepoType.UNKNOWN


def known_item(item: str) -> str:
    """An item of the workflow that the tool ships, or that it is none."""
    return item if item in ITEMS else CUSTOM_ITEM


def known_phases(phases: dict[str, int]) -> dict[str, int]:
    """Seconds by phase; those of phases that the tool does not ship are added up."""
    summed: dict[str, int] = {}
    for phase, seconds in phases.items():
        name = phase if phase in PHASES else OTHER_PHASE
        summed[name] = summed.get(name, 0) + seconds
    return summed


def keyed(text: str, key: bytes, digits: int) -> str:
    """A hash that nobody can make, or guess at, without the key."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:digits]


def _bounded_phases(phases: dict[str, int]) -> dict[str, int]:
    return {name: _bounded(seconds) for name, seconds in known_phases(phases).items()}


def _bounded(seconds: int) -> int:
    return min(max(seconds, 0), MAX_SECONDS)
