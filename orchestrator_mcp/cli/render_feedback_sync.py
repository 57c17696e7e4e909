"""What was synced, or would be, as text for people."""

from orchestrator_mcp.records.feedback_shared import FeedbackSynced, SyncPreview, SyncStatus, TargetStatus

from .layout import clean, day, entries, shown

_NOTHING = "Nothing new to sync."


@shown.register
def _(result: FeedbackSynced) -> str:
    lines = []
    if result.synced:
        lines.append(f"Synced {entries(result.synced)} to {clean(result.place or '')}.")
    if result.offline:
        lines.append(f"Offline: {clean(result.offline)} {entries(result.unsynced)} left for the next sync.")
    if not lines:
        lines.append(f"Nothing was synced: {result.skipped}" if result.skipped else _NOTHING)
    return "\n".join([*lines, *_elsewhere(result.elsewhere), *([clean(result.next_step)] if result.next_step else [])])


@shown.register
def _(result: SyncPreview) -> str:
    """The bytes alone, so that they can be compared and piped; `print` adds their last newline."""
    if result.body:
        return result.body.removesuffix("\n")
    return f"Nothing would be synced: {result.skipped}" if result.skipped else _NOTHING


@shown.register
def _(result: SyncStatus) -> str:
    counts = f"{entries(result.entries)} about the tool: {result.synced:,} synced, {result.unsynced:,} not yet."
    lines = [counts, *_elsewhere(result.elsewhere)]
    if result.last:
        last = f"{entries(result.last.count)} to {clean(result.last.place)} ({result.last.target.value})"
        lines.append(f"Last: {day(result.last.at)}, {last}.")
    for one in result.targets:
        lines += ["", *_target(one, default=one.target == result.default)]
    return "\n".join(lines)


def _target(one: TargetStatus, *, default: bool) -> list[str]:
    standing = f"possible, {entries(one.unsynced)} not synced there yet" if one.possible else "not possible:"
    name = f"{one.target.value}{' (default)' if default else ''}"
    return [f"{name}: {standing}", *(f"  • {clean(said)}" for said in one.missing)]


def _elsewhere(count: int) -> list[str]:
    return [f"Recorded by another installation, which syncs its own: {entries(count)}."] if count else []
