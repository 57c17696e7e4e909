"""Checks: do the sessions hang together, and is what they hold of this time?"""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from orchestrator_mcp.analysis.doctor import note, ok, some, warning
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.files import LARGEST_DOCUMENT, read_small
from orchestrator_mcp.storage.inspection import Entry, Kind
from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.processes import age
from orchestrator_mcp.storage.sessions import is_safe_name

from .examination import Examination

AHEAD = timedelta(minutes=2)
"""How far clocks that are set by the same network may differ."""

_STATE = re.compile(r"sessions/[^/]+/state\.json")


def sessions(seen: Examination) -> Iterator[Finding]:
    """Whether each session says what it is, and its worktree is still there."""
    workspace = seen.workspace
    gone: dict[str, int] = {}
    broken, ids = [], workspace.sessions.list_sessions()
    for one in ids:
        try:
            session = workspace.sessions.read(one)
        except OrchestratorError:
            broken.append(one)
            continue
        if workspace.sessions.worktree_is_gone(session):
            name = Path(str(session.worktree)).name
            gone[name] = gone.get(name, 0) + 1
    if broken:
        yield warning(
            f"The meta.json of {counted(len(broken), 'session')} cannot be read: {some(broken)}.",
            "Copy it from a snapshot, or leave it: what was recorded there still counts.",
            f"{DIRECTORY}/sessions/{broken[0]}",
        )
    if gone:
        names = some([f"{name} ({count})" for name, count in sorted(gone.items())])
        yield note(f"{counted(sum(gone.values()), 'session')} opened in worktrees that are gone: {names}.")
    others = [*_strange(seen), *_unreadable_states(seen), *_no_current(seen)]
    yield from others
    if not (broken or gone or others):
        yield ok(counted(len(ids), "session"))


def clock(seen: Examination) -> Iterator[Finding]:
    """Whether anything was written in the future, which it seems to be when a clock was wrong, then or now."""
    found = [*_files_ahead(seen), *_records_ahead(seen)]
    yield from found or [ok("nothing was written in the future")]


def _strange(seen: Examination) -> Iterator[Finding]:
    """What lies among the sessions and is none."""
    names = [
        one.name
        for one in seen.store.ours
        if one.name.count("/") == 1 and one.name.startswith("sessions/")
        and not (one.kind is Kind.FOLDER and is_safe_name(one.name.removeprefix("sessions/")))
    ]  # fmt: skip
    if names:
        yield note(f"{counted(len(names), 'name')} among the sessions, which are none, left alone: {some(names)}.")


def _unreadable_states(seen: Examination) -> Iterator[Finding]:
    names = [one.name for one in seen.store.ours if _STATE.fullmatch(one.name) and not _is_object(one)]
    if names:
        yield note(
            f"The state of {counted(len(names), 'workflow')} cannot be read: {some(names)}.",
            "The next call in that session makes it again from its log.", f"{DIRECTORY}/{names[0]}",
        )  # fmt: skip


def _is_object(one: Entry) -> bool:
    try:
        return parse_object(read_small(one.path, LARGEST_DOCUMENT) or b"") is not None
    except OrchestratorError:
        return False


def _no_current(seen: Examination) -> Iterator[Finding]:
    is_there = any(one.name == "current" for one in seen.store.ours)
    if is_there and seen.workspace.sessions.get_current_session() is None:
        yield note("`current` names no session that is there. The next command opens one.", path=f"{DIRECTORY}/current")


def _files_ahead(seen: Examination) -> Iterator[Finding]:
    latest = time.time() + AHEAD.total_seconds()
    ahead = [one for one in seen.store.ours if one.info.st_mtime > latest and one.kind is not Kind.LINK]
    if ahead:
        farthest = max(ahead, key=lambda one: one.info.st_mtime)
        yield warning(
            f"{counted(len(ahead), 'file')} written in the future, {farthest.name} by "
            f"{age(farthest.info.st_mtime - time.time())}.",
            "Check this machine's clock. If it is right now, it was wrong then: `touch` them.",
            f"{DIRECTORY}/{farthest.name}",
        )


def _records_ahead(seen: Examination) -> Iterator[Finding]:
    now = seen.workspace.now()
    ahead = {one: health.newest for one, health in seen.lines.items() if health.newest and health.newest > now + AHEAD}
    if ahead:
        one, newest = max(ahead.items(), key=lambda pair: pair[1])
        yield warning(
            f"The clock stands before the newest entry: {one.name} has one of {newest:%Y-%m-%d %H:%M}, "
            f"{age((newest - now).total_seconds())} from now.",
            "Check this machine's clock. Entries of the future count as the newest until their time has come.",
            f"{DIRECTORY}/{one.name}",
        )
