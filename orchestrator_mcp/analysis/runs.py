"""How did each workflow go? What its log and all feedback about it say, put together, so that each counts once."""

import json
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from orchestrator_mcp.records.digest import Told
from orchestrator_mcp.records.workflow import ENDED, LogEvent, WorkflowState

from .anonymize import month_hash
from .digests import ERROR_EVENTS, microseconds, moment
from .extraction import Workflow, item_statuses, parallel_agents_used, reviews_worked
from .extraction_times import active_phase_seconds, active_seconds, duration_seconds, outcome, phase_seconds
from .facts import FEEDBACK, PROCESS, TOOL

TOGETHER = 2_000_000
"""Microseconds within which a tool and a process entry of one session, neither of which names a workflow, are one."""

STALE = timedelta(days=3)
"""A weekend is no abandonment."""

_ENDS = {f"workflow_{status}" for status in (*ENDED, "finished")}
_RESOLVED = {"completed": False, "skipped": True}

Key = tuple[str, ...]


class Hashes(NamedTuple):
    """What this installation knows of the keyed hashes that stand for workflows in tool entries.

    `names`: the workflow's id by its hash. `keys`: those with which it makes, or made, hashes.
    """

    names: Mapping[str, str]
    keys: Sequence[bytes]


NO_HASHES = Hashes({}, ())


@dataclass(frozen=True)
class Run:
    """One workflow, or one feedback that names none. None is unknown.

    Args:
        name: the workflow's id.
        entries: the feedback about it.
        is_logged: whether its log is there.
        sessions: those whose files tell of it, empty for legacy files.
        first: its first sign, in microseconds since 1970.
        last: its last sign.
        reviewed: whether a review was done and worked; None if none was due.
        parallel: whether agents worked in parallel, if anybody said so.
        items: each item that was resolved, and whether it was skipped.
        lists_skipped: only feedback tells, which names the items that were skipped but not those that were done.
        phases: seconds by phase, of phases that ended.
        seconds: from its beginning to its end.
        active_phases: what of `phases` was work; see `extraction_times`.
        active_seconds: what of `seconds` was work.
        outcome: completed, abandoned, paused, active, or stale: active, and nothing was recorded for STALE.
        errors: how many errors it met.
        guided: whether the guidance of Phase 0 was used.
        helpful: what was answered when asked about that guidance.
    """

    name: str | None
    entries: tuple[Told, ...] = ()
    is_logged: bool = False
    sessions: frozenset[str] = frozenset()
    first: int | None = None
    last: int | None = None
    reviewed: bool | None = None
    parallel: bool | None = None
    items: Mapping[str, bool] = field(default_factory=dict)
    lists_skipped: bool = False
    phases: Mapping[str, int] = field(default_factory=dict)
    seconds: int | None = None
    active_phases: Mapping[str, int] = field(default_factory=dict)
    active_seconds: int | None = None
    outcome: str | None = None
    errors: int | None = None
    guided: bool | None = None
    helpful: str | None = None


def folded(rows: Sequence[Told]) -> str:
    """What the log of one workflow adds up to, as JSON: the fields of a run.

    Args:
        rows: its events, in the order of the lines of each file.
    """
    own = _in_order(_without_copies(rows))
    times = [one.ts for one in own if one.ts is not None]
    signs = {"sessions": sorted({one.session for one in own}), "first": min(times, default=None)}
    return json.dumps({**signs, "last": max(times, default=None), **_logged(own)})


def runs_of(logs: Iterable[tuple[str, str]], others: Iterable[Told], hashes: Hashes = NO_HASHES) -> list[Run]:
    """Every run, by its last sign, undated ones first.

    Args:
        logs: the name of each workflow that has a log, and what that adds up to (see `folded`).
        others: feedback, and the events of logs that name no workflow; the order of files does not matter.
        hashes: the workflows that tool entries mean; see `_guessed` for those of another installation.
    """
    logs, rows = list(logs), _without_copies(others)
    names = {**hashes.names, **_guessed(logs, rows, hashes)}
    entries: dict[Key, list[Told]] = {}
    nameless: dict[Key, list[Told]] = {}
    for key, one in _keyed(rows, names):
        (entries if one.what in FEEDBACK else nameless).setdefault(key, []).append(one)
    said: dict[Key, str] = {("workflow", name): log for name, log in logs}
    said |= {key: folded(rows) for key, rows in nameless.items()}
    keys = sorted({*entries, *said})
    runs = [_run(key, sorted(entries.get(key, ()), key=_when), said.get(key)) for key in keys]
    return sorted(runs, key=lambda run: (run.last is not None, run.last or 0))


def aged(runs: Iterable[Run], now: datetime) -> list[Run]:
    """Runs as they are today: one that is active, and of which nothing was recorded for long, is stale."""
    limit = microseconds(now - STALE)
    return [
        replace(run, outcome="stale") if run.outcome == "active" and run.last is not None and run.last < limit else run
        for run in runs
    ]


def _without_copies(told: Iterable[Told]) -> list[Told]:
    """Without the lines of legacy files of which a migration made others. A copy's hash is another, its time is not."""
    rows = list(told)
    if all(one.session for one in rows) or not any(one.session for one in rows):
        return rows
    copied = {_mark(one) for one in rows if one.session}
    return [one for one in rows if one.session or _mark(one) not in copied]


def _mark(one: Told) -> tuple[object, ...]:
    return (one.what, one.ts) if one.what in FEEDBACK else (one.what, one.ts, one.workflow, one.phase, one.item)


def _guessed(logs: Iterable[tuple[str, str]], rows: Sequence[Told], hashes: Hashes) -> dict[str, str]:
    """The workflow's id by hashes of another installation, whose key did not travel with its sessions.

    Each hash is taken for the workflow of its session that was told of nearest to it in time, and that no other hash
    stands for; where there is none, it stands for itself.
    """
    tools = [one for one in rows if one.what == TOOL and one.workflow and one.session]
    strange = sorted((one for one in tools if one.workflow not in hashes.names and _is_strange(one, hashes)), key=_when)
    taken = {hashes.names.get(one.workflow or "") for one in tools}
    free = _moments(logs, rows, taken) if strange else {}
    found: dict[str, str] = {}
    for one in strange:
        near = free.get(one.session)
        if near and one.workflow and one.workflow not in found:
            ts, at = one.ts or 0, bisect(near, (one.ts or 0, ""))
            chosen = min(near[max(0, at - 1) : at + 1], key=lambda other: abs(other[0] - ts))
            near.remove(chosen)
            found[one.workflow] = chosen[1]
    return found


def _is_strange(one: Told, hashes: Hashes) -> bool:
    """Whether another installation made an entry; legacy ones do not say who did."""
    by = json.loads(one.said or "{}").get("installation")
    return bool(by and one.ts is not None) and by not in {month_hash(moment(one.ts or 0), key) for key in hashes.keys}


def _moments(
    logs: Iterable[tuple[str, str]], rows: Sequence[Told], taken: Collection[str | None]
) -> dict[str, list[tuple[int, str]]]:
    """When each workflow was told of, by session: the moment of its process entry, else the end of its log."""
    when: dict[tuple[str, str], int] = {}
    for name, log in logs:
        said = json.loads(log)
        when |= {(session, name): said["last"] or 0 for session in said["sessions"]}
    when |= {(one.session, one.workflow): one.ts or 0 for one in rows if one.what == PROCESS and one.workflow}
    found: dict[str, list[tuple[int, str]]] = {}
    for (session, name), ts in when.items():
        if name not in taken:
            found.setdefault(session, []).append((ts, name))
    return {session: sorted(moments) for session, moments in found.items()}


def _keyed(rows: Sequence[Told], names: Mapping[str, str]) -> Iterator[tuple[Key, Told]]:
    """Each fact under what tells runs apart."""
    loose: dict[str, list[Told]] = {}
    for one in rows:
        name = names.get(one.workflow or "") if one.what == TOOL else one.workflow
        if name is not None:
            yield ("workflow", name), one
        if one.what in FEEDBACK and (name is None or one.what == PROCESS):
            loose.setdefault(one.session, []).append(one)
        elif name is None:
            yield ("log", one.session), one  # a log that names no workflow holds one
    for found in loose.values():
        yield from _paired(found)


def _paired(found: Sequence[Told]) -> Iterator[tuple[Key, Told]]:
    """Tool entries of one session, whose hash says nothing, with the process entry of the same moment."""
    free = sorted((one for one in found if one.what == PROCESS), key=_when)
    for one in free:
        if one.workflow is None:
            yield _own_key(one), one
    for one in sorted((one for one in found if one.what == TOOL), key=_when):
        fits = (other for other in free if one.ts and other.ts and abs(one.ts - other.ts) <= TOGETHER)
        other = min(fits, key=lambda other: abs((one.ts or 0) - (other.ts or 0)), default=None)
        if other is None:
            yield ("hash", one.workflow) if one.workflow else _own_key(one), one
            continue
        free.remove(other)
        yield ("workflow", other.workflow) if other.workflow else _own_key(other), one


def _own_key(one: Told) -> Key:
    return ("entry", one.session, one.what, one.record)


def _when(one: Told) -> tuple[int, str]:
    return one.ts or 0, one.record


def _run(key: Key, entries: Sequence[Told], log: str | None) -> Run:
    """The log is believed before feedback, which fills in what the log does not say; of two entries the later."""
    said: dict[str, Any] = {}
    for one in entries:
        said |= json.loads(one.said or "{}")
    logged = json.loads(log) if log else {"sessions": [], "first": None, "last": None}
    times = [ts for ts in (logged.pop("first"), logged.pop("last"), *(one.ts for one in entries)) if ts is not None]
    sessions = frozenset([*logged.pop("sessions"), *(one.session for one in entries)])
    known = {name: part for name, part in logged.items() if part not in (None, {})}
    return Run(
        name=key[1] if key[0] == "workflow" else None,
        entries=tuple(entries),
        is_logged=log is not None,
        sessions=sessions,
        first=min(times, default=None),
        last=max(times, default=None),
        **{**_of_feedback(said), **known},
    )


def _of_feedback(said: Mapping[str, Any]) -> dict[str, Any]:
    counts = [said[name] for name in ("errors", "own_errors") if name in said]
    return {
        "reviewed": said.get("reviewed"),
        "parallel": said.get("parallel"),
        "items": dict.fromkeys(said.get("skipped", ()), True),
        "lists_skipped": "skipped" in said,
        "phases": said.get("phases", {}),
        "seconds": said.get("seconds"),
        "active_phases": said.get("active_phases", {}),
        "active_seconds": said.get("active_seconds"),
        "errors": sum(counts) if counts else None,
        "guided": said.get("guided"),
        "helpful": said.get("helpful"),
    }


def _in_order(rows: Sequence[Told]) -> list[Told]:
    """As the log has them; of several logs by time, each line once."""
    if len({one.file for one in rows}) <= 1:
        return list(rows)
    once = {(one.ts, one.what, one.phase, one.item, one.said): one for one in rows}
    return sorted(once.values(), key=lambda one: (one.ts or 0, one.session, one.offset))


def _logged(rows: Sequence[Told]) -> dict[str, Any]:
    events = tuple(map(_event, rows))
    nothing = WorkflowState()
    statuses = item_statuses(Workflow(None, events, nothing))
    return {
        "reviewed": _reviewed(rows, reviews_worked(events, statuses)),
        "parallel": parallel_agents_used(events),
        "items": {item: _RESOLVED[status] for item, status in statuses.items() if status in _RESOLVED},
        "lists_skipped": False,
        "phases": _ended_phases(rows, phase_seconds(events, nothing)),
        "seconds": duration_seconds(events, nothing),
        "active_phases": _ended_phases(rows, active_phase_seconds(events, nothing)),
        "active_seconds": active_seconds(events, nothing),
        "outcome": outcome(events),
        "errors": sum(one.what in ERROR_EVENTS for one in rows),
    }


def _event(one: Told) -> LogEvent:
    """As little of the event as the extraction asks for, without checking it again."""
    return LogEvent.model_construct(
        timestamp=None if one.ts is None else moment(one.ts),
        event_type=one.what,
        workflow_id=one.workflow,
        phase_id=one.phase,
        item_id=one.item,
        message=None,
        details=json.loads(one.said) if one.said else {},
    )


def _reviewed(rows: Sequence[Told], worked: bool | None) -> bool | None:
    """A REVIEW phase that was left without touching a single item is a review that was due, and missing."""
    left = any(one.what == "phase_completed" and one.phase == "REVIEW" for one in rows)
    touched = any(one.item and one.phase == "REVIEW" for one in rows)
    return False if worked is None and left and not touched else worked


def _ended_phases(rows: Sequence[Told], phases: dict[str, int]) -> dict[str, int]:
    """Without the phase that is still going on."""
    if any(one.what in _ENDS for one in rows):
        return phases
    last = next((one for one in reversed(rows) if one.what in {"phase_started", "phase_completed"}), None)
    going_on = last.phase if last and last.what == "phase_started" else None
    return {name: seconds for name, seconds in phases.items() if name != going_on}
