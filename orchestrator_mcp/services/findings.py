"""What is found in whole workflows: rates of what goes wrong in them, and errors that only their feedback reports."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from orchestrator_mcp.analysis.detectors import Case, Detector, History, detected
from orchestrator_mcp.analysis.grouping import Entry, assign, canonical_of, key_of
from orchestrator_mcp.analysis.identity import fingerprint, pattern_id
from orchestrator_mcp.analysis.runs import Run
from orchestrator_mcp.records.pattern import PatternKind, Rate
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.queries import Key, Span, Tally

from .groups import Group
from .runs import Reported, reported_errors

_NO_KEY = 0
"""What is found in whole workflows has no key in the index."""


class Found(NamedTuple):
    """A pattern before its examples are read: what it is, over which keys, with which figures."""

    id: str
    group: Group
    tally: Tally
    rate: Rate | None = None
    ignored: bool = False
    quotes: tuple[tuple[str, str], ...] = ()
    """Record id and text of what is not to be found by a key."""
    own: bool = False
    """An error of this tool, not of the project's."""

    @property
    def kind(self) -> PatternKind:
        return self.group.kind


def found_in_runs(history: History) -> list[Found]:
    """The patterns of whole workflows."""
    return [_of_case(row, case) for row, case in detected(history)]


def with_feedback(
    db: sqlite3.Connection, span: Span, found: Sequence[Found], history: History, min_workflows: int
) -> list[Found]:
    """What was found by texts, and the errors that only feedback reports: the same ones added up, others by themselves.

    An error is the same as one of a log if it equals it once what varies is masked.
    """
    errors = [one for one in found if one.kind is PatternKind.WORKFLOW_ERROR]
    by_key = {key.key: one.id for one in errors for key in one.group.keys}
    base = {one.id: one for one in found}
    reported: dict[str, list[Reported]] = {}
    for members in _alike(list(reported_errors(db, history))):
        keys = {key_of(canonical_of(Entry(context=one.text))) for one in members}
        known = next((by_key[key] for key in sorted(keys) if key in by_key), None)
        one = base[known] if known else _of_reported(db, span, members, keys)
        base.setdefault(one.id, one)
        reported.setdefault(one.id, []).extend(members)
    for id_, members in reported.items():
        base[id_] = base[id_]._replace(tally=_added(db, span, base[id_], _runs_of(members)))
    return [one for one in base.values() if one.id not in reported or one.tally.workflows >= min_workflows]


def _alike(reported: Sequence[Reported]) -> Iterable[list[Reported]]:
    joined: dict[str, list[Reported]] = {}
    for group, one in zip(assign(Entry(context=one.text) for one in reported), reported, strict=True):
        joined.setdefault(group, []).append(one)
    return joined.values()


def _runs_of(members: Iterable[Reported]) -> list[Run]:
    return list({id(one.run): one.run for one in members}.values())


def _of_reported(db: sqlite3.Connection, span: Span, members: Sequence[Reported], keys: Collection[str]) -> Found:
    """As a log has it, if one does, though too rarely for a pattern; else by its own words."""
    kind = PatternKind.WORKFLOW_ERROR
    form = canonical_of(Entry(context=members[0].text))
    own = Key(_NO_KEY, kind, form.template, form.template, form.kind, None)
    known = tuple(queries.named_keys(db, kind, keys)) or (own,)
    group = Group(kind, known[0].key_id, known)
    quotes = tuple((one.record, one.text) for one in reversed(members))
    id_ = pattern_id(fingerprint(kind, members[0].text))
    tally = queries.tally_of(db, group.key_ids, span, None)
    return Found(id_, group, tally, quotes=quotes, own=all(one.own for one in members))


def _added(db: sqlite3.Connection, span: Span, found: Found, runs: Sequence[Run]) -> Tally:
    own, more = found.tally, _tally(runs)
    sessions = queries.sessions_of(db, found.group.key_ids, span).union(*(run.sessions for run in runs))
    times = [one for one in (own.first, own.last, more.first, more.last) if one is not None]
    return own._replace(
        n=own.n + more.n,
        workflows=own.workflows + more.workflows,
        occasions=own.occasions + more.occasions,
        medium=own.medium + more.medium,
        sessions=len(sessions),
        first=min(times, default=None),
        last=max(times, default=None),
    )


def _of_case(row: Detector, case: Case) -> Found:
    seen = _tally(case.wrong)
    key = Key(_NO_KEY, row.kind, case.key, case.said, "runs", seen.first)
    return Found(pattern_id(fingerprint(row.kind, case.key)), Group(row.kind, _NO_KEY, (key,)), seen, case.rate)


def _tally(runs: Sequence[Run]) -> Tally:
    times = [one for run in runs for one in (run.first, run.last) if one is not None]
    return Tally(
        n=len(runs),
        retries=0,
        sessions=len({session for run in runs for session in run.sessions}),
        workflows=len(runs),
        agents=0,
        occasions=len(runs),
        low=0,
        medium=len(runs),
        high=0,
        first=min(times, default=None),
        last=max(times, default=None),
    )
