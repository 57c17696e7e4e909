"""What was shared, or would be, as text for people."""

from orchestrator_mcp.records.feedback_shared import FeedbackSynced, SyncPreview, SyncStatus, TargetStatus
from orchestrator_mcp.records.feedback_sync import TargetKind

from .layout import clean, day, plural, shown

_NOTHING = "Nothing new to share."


@shown.register
def _(result: FeedbackSynced) -> str:
    lines = []
    if result.sent:
        verb = "Wrote" if result.target is TargetKind.FILE else "Sent"
        lines.append(f"{verb} {_entries(result.sent)} to {clean(result.place or '')}.")
    if result.offline:
        lines.append(f"Offline: {clean(result.offline)} {_entries(result.left)} left for the next sync.")
    if not lines:
        lines.append(f"Nothing was shared: {result.skipped}" if result.skipped else _NOTHING)
    return "\n".join([*lines, *_elsewhere(result.elsewhere), *([clean(result.next_step)] if result.next_step else [])])


@shown.register
def _(result: SyncPreview) -> str:
    """The bytes alone, so that they can be compared and piped; `print` adds their last newline."""
    if result.body:
        return result.body.removesuffix("\n")
    return f"Nothing would be shared: {result.skipped}" if result.skipped else _NOTHING


@shown.register
def _(result: SyncStatus) -> str:
    counts = f"{_entries(result.entries)} about the tool: {result.synced:,} shared, {result.unsynced:,} not yet."
    lines = [counts, *_elsewhere(result.elsewhere)]
    if result.last:
        last = f"{_entries(result.last.count)} to {clean(result.last.place)} ({result.last.target.value})"
        lines.append(f"Last: {day(result.last.at)}, {last}.")
    for one in result.targets:
        lines += ["", *_target(one, default=one.target == result.default)]
    return "\n".join(lines)


def _target(one: TargetStatus, *, default: bool) -> list[str]:
    standing = f"possible, {_entries(one.unsynced)} not shared there yet" if one.possible else "not possible:"
    name = f"{one.target.value}{' (default)' if default else ''}"
    return [f"{name}: {standing}", *(f"  • {clean(said)}" for said in one.missing)]


def _elsewhere(count: int) -> list[str]:
    came = f"{_entries(count)} came from another installation, and are its own to share."
    return [came] if count else []


def _entries(count: int) -> str:
    return plural(count, "entry", "entries")
