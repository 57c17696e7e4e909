"""Snapshots and saved state as text for people."""

from orchestrator_mcp.records.snapshot import (
    ImportAction,
    LeftOut,
    PersistStatus,
    SnapshotExported,
    SnapshotImported,
    StateSaved,
)
from orchestrator_mcp.records.wording import counted

from .layout import clean, day, shown, size

_LISTED = 10


@shown.register
def _(result: SnapshotExported) -> str:
    what = f"{counted(result.files, 'file')} of {counted(result.sessions, 'session')}"
    where = f" to {clean(result.path)}" if result.path else ""
    locked = ", encrypted" if result.encrypted else ""
    lines = [f"Exported {what}{where} ({size(result.bytes)}{locked}).", f"sha256 {result.sha256}"]
    return "\n".join([*lines, *map(_left_out, result.left_out)])


def _left_out(one: LeftOut) -> str:
    more = "" if one.files <= len(one.examples) else " and others"
    return f"left out: {counted(one.files, 'file')}, {clean(one.why)} ({clean(', '.join(one.examples))}{more})"


@shown.register
def _(result: SnapshotImported) -> str:
    would = result.action is ImportAction.PLAN
    if result.action is ImportAction.NOTHING_TO_DO:
        here = "is" if result.same == 1 else "are"
        lines = [f"Nothing to take in; {result.same:,} of its sessions and files {here} here already."]
    else:
        lines = [f"{'Would take in' if would else 'Took in'} the snapshot of {day(result.exported_at)}."]
        lines += [f"  {'same':<9}{result.same:,}"] if result.same else []
        lines += [line for verb in ("added", "merged") for line in _listed(verb, getattr(result, verb))]
        if result.backup:
            lines += _listed("replaced", result.differing)
    if result.backup:
        lines.append(f"Ours are kept in {clean(result.backup)}/replaced.")
    return "\n".join([*lines, *([result.next_step] if result.next_step else [])])


def _listed(verb: str, names: list[str]) -> list[str]:
    lines = [f"  {verb:<9}{clean(one)}" for one in names[:_LISTED]]
    return lines + ([f"  {'':<9}and {len(names) - _LISTED:,} more"] if len(names) > _LISTED else [])


@shown.register
def _(result: StateSaved) -> str:
    what = f"{counted(result.sessions, 'session')}, {counted(result.files, 'file')}"
    done = "Saved" if result.saved else "Already saved"
    pushed = f"; pushed to {clean(result.pushed_to)}" if result.pushed_to else ""
    line = f"{done} on {clean(result.branch)}: {what}, commit {(result.commit or '')[:12]}{pushed}."
    return "\n".join([line, *([result.next_step] if result.next_step else [])])


@shown.register
def _(result: PersistStatus) -> str:
    if result.branch is None:
        return f"No branch is set to save the state to. {result.next_step}"
    rows = {
        "branch": result.branch,
        "pushed to": result.remote or "nowhere",
        "by itself": f"{'yes' if result.automatic else 'no'}: {result.why}",
        "last saved": day(result.saved_at) or ("unknown" if result.commit else "never"),
        "sessions": f"{result.sessions_saved:,} on the branch, {result.sessions_unsaved:,} here with something unsaved",
    }
    if others := len(result.unsaved) - result.sessions_unsaved:
        rows["other files"] = f"{others:,} with something unsaved"
    lines = [f"{name:<12}{clean(value)}" for name, value in rows.items()]
    return "\n".join([*lines, *([result.next_step] if result.next_step else [])])
