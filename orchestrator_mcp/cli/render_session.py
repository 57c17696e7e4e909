"""Sessions and checkpoints as text for people."""

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.checkpoint import CheckpointList, CheckpointMade, CheckpointView
from orchestrator_mcp.records.session import SessionList, SessionsCleaned, SessionsCompacted, SessionView
from orchestrator_mcp.records.wording import counted

from .layout import clean, day, more, shown, size, table


@shown.register
def _(result: SessionList) -> str:
    away = f"\n{counted(result.archived, 'session')} in the archive." if result.archived else ""
    if not result.sessions:
        return (
            f"No sessions of that kind.{away}"
            if result.total or away
            else "No sessions yet. The first write opens one."
        )
    header = ("", "session", "status", "last activity (UTC)", "entries", "label and worktree")
    return table(header, [_row(one) for one in result.sessions]) + more(len(result.sessions), result.total) + away


def _row(one: SessionView) -> tuple[str, ...]:
    where = one.worktree and f"[{one.worktree}{', which is gone' if one.worktree_gone else ''}]"
    said = " ".join(text for text in (one.label, where) if text)
    return (
        "*" if one.current else "",
        one.session_id,
        one.status.value,
        day(one.last_activity),
        str(one.entries),
        said,
    )


@shown.register
def _(result: SessionView) -> str:
    known = {
        "label": result.label,
        "opened": f"{day(result.created_at)} UTC" if result.created_at else None,
        "last activity": f"{day(result.last_activity)} UTC" if result.last_activity else None,
        "entries": f"{result.entries:,}",
        "client": result.client,
        "workflow": result.workflow_id,
        "worktree": result.worktree and f"{result.worktree}{', which is gone' if result.worktree_gone else ''}",
        "problem": result.problem,
    }
    head = f"Session {result.session_id}: {result.status.value}{', the current one' if result.current else ''}"
    return "\n".join([head, *(f"  {name:<15}{clean(value)}" for name, value in known.items() if value)])


@shown.register
def _(result: SessionsCleaned) -> str:
    since = f"unused since {result.before:%Y-%m-%d}"
    if not result.cleaned:
        lines = [f"Nothing to clean up: no session {since} that may go."]
    else:
        verb = "Would move" if result.dry_run else "Moved"
        gone = counted(len(result.cleaned), "session")
        lines = [f"{verb} {gone}, {since}, to the archive; reviews still count them."]
        rows = [(one.session_id, one.status.value, day(one.last_activity), one.label or "") for one in result.cleaned]
        lines.append(table(("session", "status", "last activity (UTC)", "label"), rows))
    return "\n".join([*lines, *(f"kept: {clean(one.session_id)}  {clean(one.why)}" for one in result.kept)])


@shown.register
def _(result: SessionsCompacted) -> str:
    if not result.lines:
        return "Nothing to compact: no record older than a day has a superseded version."
    verb = "Would drop" if result.dry_run else "Dropped"
    streams = counted(result.streams, "stream")
    return f"{verb} {counted(result.lines, 'superseded line')} from {streams}, {size(result.bytes)}."


@shown.register
def _(result: CheckpointList) -> str:
    if not result.checkpoints:
        return "No checkpoints. `orchestrator checkpoint create` makes one."
    rows = [
        (one.checkpoint_id, day(one.timestamp), one.phase_id or "", one.message or "") for one in result.checkpoints
    ]
    return table(("checkpoint", "when (UTC)", "phase", "message"), rows) + more(len(rows), result.total)


@shown.register
def _(result: CheckpointMade) -> str:
    how = f"`orchestrator checkpoint show {result.checkpoint_id[-6:]}` prints how to go on from it."
    return f"Kept {result.checkpoint_id}.\n{how}"


@shown.register
def _(result: CheckpointView) -> str:
    before = f"\nBefore it: {', '.join(map(clean, result.chain))}" if result.chain else ""
    return f"{sanitize(result.resume_prompt)}{before}"
