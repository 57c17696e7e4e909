"""Checks: is what was recorded whole and readable, and what did killed writers leave?"""

import re
import time
from collections.abc import Iterator

from orchestrator_mcp.analysis.doctor import from_problem, note, ok, some, warning
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.files import is_staged
from orchestrator_mcp.storage.inspection import Entry, Kind
from orchestrator_mcp.storage.line_health import examine_quarantine
from orchestrator_mcp.storage.parts import ROTATED
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.processes import age, open_beneath
from orchestrator_mcp.storage.sessions import is_safe_name

from .examination import Examination

STALE = 3600.0
"""Seconds after which a temporary file is nobody's any more, unless a process has it open."""
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def lines(seen: Examination) -> Iterator[Finding]:
    """Whether every line can be read."""
    found = list(_line_problems(seen))
    yield from found
    if not found:
        total = sum(one.lines for one in seen.lines.values())
        yield ok(f"{counted(total, 'line')} in {counted(len(seen.lines), 'file')} can be read")


def quarantine(seen: Examination) -> Iterator[Finding]:
    """What was set aside because its writer died while writing it."""
    kept = [one for one in seen.store.ours if one.kind is Kind.FILE and one.name.endswith(".quarantine")]
    for one in kept:
        held = examine_quarantine(one.path)
        since = f", since {held.first:%Y-%m-%d}" if held.first else ""
        yield note(
            f"{one.name} keeps {counted(held.lines, 'torn line')}, {counted(held.bytes, 'byte')}{since}.",
            f"`jq -r .bytes_b64 {_typed(one)} | base64 -d` shows them. Delete it when you have seen enough.",
            f"{DIRECTORY}/{one.name}",
        )
    if not kept:
        yield ok("nothing was set aside")


def leftovers(seen: Examination) -> Iterator[Finding]:
    """Temporary files of processes that were killed."""
    found = stale(seen)
    if found:
        oldest = age(max(seconds for _, seconds in found))
        yield warning(
            f"Killed processes left {counted(len(found), 'temporary file')} or folders, the oldest {oldest} ago: "
            f"{some([one.name for one, _ in found])}.",
            "`orchestrator doctor --fix` removes them.", f"{DIRECTORY}/{found[0][0].name}", fixable=True,
        )  # fmt: skip
    else:
        yield ok("no stale temporary files")


def torn(seen: Examination) -> list[Entry]:
    """The files that end in half a line."""
    return [one for one, health in seen.lines.items() if health.torn and _grows(one)]


def stale(seen: Examination) -> list[tuple[Entry, float]]:
    """Temporary files, and folders in which something was being built, that nobody uses; and their age in seconds."""
    now, found = time.time(), []
    for one in seen.store.ours:
        if _is_temporary(one):
            beneath = [two.info.st_mtime for two in seen.store.ours if two.name.startswith(f"{one.name}/")]
            idle = now - max(one.info.st_mtime, *beneath, 0)
            if idle > STALE:
                found.append((one, idle))
    used = open_beneath(seen.folder) if found else {}
    return [pair for pair in found if not any(path.is_relative_to(pair[0].path) for path in used)]


def _is_temporary(one: Entry) -> bool:
    folder, _, name = one.name.rpartition("/")
    if folder == "tmp":
        return not name.startswith("migration-") and is_safe_name(name)  # the check of migrations tells of those
    return one.kind is Kind.FILE and is_staged(name) and not folder.startswith("tmp/")


def _typed(one: Entry) -> str:
    """A path for a command that somebody may paste; one that could be more than a path is not written out."""
    return f"{DIRECTORY}/{one.name}" if _PLAIN.fullmatch(one.name) else "FILE"


def _grows(one: Entry) -> bool:
    """Whether a file is still appended to; what was rotated out is never written again."""
    return f"/{ROTATED}/" not in one.name


def _line_problems(seen: Examination) -> Iterator[Finding]:
    for one, health in seen.lines.items():
        path = f"{DIRECTORY}/{one.name}"
        if health.bad:
            yield warning(
                f"{one.name}: {health.bad:,} of {counted(health.lines, 'line')} cannot be read, "
                f"the first is line {health.first_bad}.",
                f"Readers skip and count them. `sed -n {health.first_bad}p {_typed(one)}` shows it: mend or delete it.",
                path,
            )
        if health.torn:
            yield warning(
                f"{one.name}: the last {health.torn:,} bytes are half a line, which a killed writer left.",
                "The next entry there heals it, and so does `orchestrator doctor --fix`.", path, fixable=_grows(one),
            )  # fmt: skip
    yield from (from_problem(problem) for problem in seen.unread_lines)
