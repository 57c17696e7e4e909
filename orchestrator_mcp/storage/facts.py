"""What the lines of logs and feedback say of workflows, as the index keeps it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from orchestrator_mcp.records.digest import Told

from .database import writing
from .evidence import Place, read_line

_COLUMNS = """
SELECT file, record, facts.offset, files.session, name, ts, what, phase, item, said FROM facts
 JOIN files ON files.id = facts.file LEFT JOIN names ON names.id = facts.workflow"""
_OF_A_LOG = "what NOT IN ('tool_feedback', 'process_feedback')"
_MARKS = f"SELECT workflow, COUNT(*) || ' ' || MAX(id) FROM facts WHERE {_OF_A_LOG} AND workflow IS NOT NULL"


def logs(db: sqlite3.Connection, fold: Callable[[Sequence[Told]], str]) -> list[tuple[str, str]]:
    """Each workflow that has a log, and what its events add up to; only what changed since is folded again."""
    known = dict(db.execute("SELECT workflow, mark FROM folded").fetchall())
    marks = db.execute(f"{_MARKS} GROUP BY workflow").fetchall()
    stale = [(workflow, mark, fold(_events(db, workflow))) for workflow, mark in marks if known.get(workflow) != mark]
    if stale:
        with writing(db):
            db.executemany("INSERT OR REPLACE INTO folded VALUES (?, ?, ?)", stale)
    return db.execute("SELECT name, said FROM folded JOIN names ON names.id = workflow ORDER BY name").fetchall()


def others(db: sqlite3.Connection) -> list[Told]:
    """Feedback, and the events of logs that name no workflow, in the order of the lines of each file."""
    where = "what IN ('tool_feedback', 'process_feedback') OR workflow IS NULL"
    query = f"{_COLUMNS} WHERE {where} ORDER BY file, facts.id"
    return list(map(Told._make, db.execute(query)))


def _events(db: sqlite3.Connection, workflow: int) -> list[Told]:
    query = f"{_COLUMNS} WHERE facts.workflow = ? AND {_OF_A_LOG} ORDER BY file, facts.id"
    return list(map(Told._make, db.execute(query, (workflow,))))


def line_of(db: sqlite3.Connection, told: Told) -> dict[str, Any]:
    """The line that says so, read again from its file; empty if it is gone."""
    found = read_line(db, Place(told.ts, told.record, told.file, told.offset))
    return found.value if found else {}


def workflows(db: sqlite3.Connection, *, of: str | None = None) -> Iterator[str]:
    """The name of every workflow that is told of; or as the lines of one kind name it."""
    rows = db.execute(
        "SELECT name FROM names WHERE id IN (SELECT workflow FROM facts WHERE ?1 IS NULL OR what = ?1)", (of,)
    )
    return (name for (name,) in rows)
