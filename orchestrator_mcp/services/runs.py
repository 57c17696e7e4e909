"""The workflows of a store, each once, and which of them a review looks at."""

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from orchestrator_mcp.analysis.anonymize import workflow_hash
from orchestrator_mcp.analysis.detectors import History
from orchestrator_mcp.analysis.facts import ERRORS, FEEDBACK, OWN_ERRORS, TOOL, errors_of
from orchestrator_mcp.analysis.runs import NO_HASHES, Hashes, Run, folded, runs_of
from orchestrator_mcp.records.digest import Told
from orchestrator_mcp.storage.facts import line_of, logs, others, workflows
from orchestrator_mcp.storage.queries import Span
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_key import feedback_keys

TEXTS_READ = 5_000
"""Entries of feedback, the newest, whose texts are read; of older ones only the facts count."""


class Reported(NamedTuple):
    """An error that a feedback entry reports. `own`: of this tool, not of the project's."""

    run: Run
    record: str
    text: str
    own: bool


def history_of(db: sqlite3.Connection, span: Span, hashes: Hashes = NO_HASHES) -> History:
    """The runs that a span holds, by their last sign, and those before it; the whole history has none before it.

    Undated runs belong to the whole history alone.
    """
    runs = runs_of(logs(db, folded), others(db), hashes)
    start, end = span
    if start is None:
        return History([run for run in runs if end is None or run.last is None or run.last <= end], [])
    dated = [(run.last, run) for run in runs if run.last is not None and (end is None or run.last <= end)]
    return History([run for last, run in dated if last >= start], [run for last, run in dated if last < start])


def hashes_of(workspace: Workspace, db: sqlite3.Connection) -> Hashes:
    """Each workflow's id by its keyed hash, which is all that a tool entry says of it."""
    if next(workflows(db, of=TOOL), None) is None:
        return NO_HASHES
    keys = {key for one in (workspace, *workspace.beside) for key in feedback_keys(one)}
    names = {hashed: name for name in workflows(db) for key in keys if (hashed := workflow_hash(name, key))}
    return Hashes(names, list(keys))


def entries_of(db: sqlite3.Connection, history: History, *what: str) -> Iterator[tuple[Run, Told, dict[str, Any]]]:
    """The newest feedback entries of a history, of some streams or of both, oldest first, read from their files."""
    every = [(run, one) for run in history.now for one in run.entries if one.what in (what or FEEDBACK)]
    for run, one in every[-TEXTS_READ:]:
        yield run, one, line_of(db, one)


def reported_errors(db: sqlite3.Connection, history: History) -> Iterator[Reported]:
    """The errors of runs whose log is not here; with a log, they stand in it, and feedback only repeats them."""
    said: set[tuple[int, str]] = set()
    for run, one, line in entries_of(db, history._replace(now=[run for run in history.now if not run.is_logged])):
        errors = [(text, False) for text in errors_of(line, *ERRORS) or ()]
        errors += [(text, True) for text in errors_of(line, OWN_ERRORS) or ()]
        for text, own in errors:
            if (id(run), text) not in said:
                said.add((id(run), text))
                yield Reported(run, one.record, text, own)
