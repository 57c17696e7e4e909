"""Reviewing feedback: the patterns of workflows, as a filter of the same review, with themes and averages beside."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from orchestrator_mcp.analysis.averages import averages_of, completion_of, outcomes_of, skips_of, usage_of
from orchestrator_mcp.analysis.detectors import OF_RUNS, History, praised
from orchestrator_mcp.analysis.digests import moment
from orchestrator_mcp.analysis.extraction_errors import is_own
from orchestrator_mcp.analysis.facts import PROCESS
from orchestrator_mcp.analysis.runs import Run, aged
from orchestrator_mcp.analysis.themes import themes
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import FORGOTTEN
from orchestrator_mcp.records.feedback_review import FeedbackReview, StaleWorkflow, Theme
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.records.pattern import Pattern, PatternKind, Window
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import newest_lines
from orchestrator_mcp.storage.queries import Span
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import quotation
from .findings import Found, found_in_runs, with_feedback
from .patterns import moment_of, pattern_of, ranked, recurring, window_of
from .runs import TEXTS_READ, entries_of, hashes_of, history_of
from .trends import trends_of
from .view import View, opened

THEMES = 10
_LINES_READ = 5


def review_feedback(
    workspace: Workspace,
    *,
    days: fields.Days = 7,
    all: fields.WholeHistory = False,
    kind: FeedbackKind = FeedbackKind.BOTH,
) -> FeedbackReview:
    """Review workflows and the feedback about them: what goes wrong in most, what is said again and again, averages.

    Args:
        workspace: the project.
        days: look back so many days.
        all: look at the whole history instead.
        kind: what is about the tool (items, reviews, phases, its own errors), about the project, or both.
    """
    span = window_of(workspace.now(), None if all else days)
    about = {FeedbackKind.TOOL, FeedbackKind.PROCESS} if kind == FeedbackKind.BOTH else {FeedbackKind(kind)}
    with opened(workspace) as view:
        history = history_of(view.db, span, hashes_of(workspace, view.db))
        totals = queries.totals(view.db, span)
        found = [one for one in _found(view, span, history) if _about(view, one) in about]
        patterns = _shown(view, ranked(found), span, workspace)
        said = list(_said(view, history)) if FeedbackKind.PROCESS in about else []
    runs = aged(history.now, workspace.now())
    return FeedbackReview(
        window=Window(from_=moment_of(span[0]), to=moment_of(span[1])),
        days=None if all else days,
        kind=kind,
        workflows=len(history.now),
        with_feedback=sum(bool(run.entries) for run in history.now),
        undated=totals.undated,
        bad_lines=totals.bad_lines,
        patterns=[one for one in patterns if one.kind is not PatternKind.CHALLENGE],
        challenges=[one for one in patterns if one.kind is PatternKind.CHALLENGE],
        learnings=_themes(said, "learnings"),
        went_well=_themes(said, "what_went_well"),
        positives=[text for row, text in praised(history) if row.about in about],
        usage=list(usage_of(history.now, about)),
        averages=averages_of(history.now),
        outcomes=outcomes_of(runs),
        completion=completion_of(runs),
        stale=list(islice(_stale(runs), THEMES)),
        skips=skips_of(history.now),
        repositories=1 + len(workspace.beside),
        warnings=[*workspace.unread, *view.warnings, *_left_out(history)],
        legacy_detected=workspace.legacy.detected(),
    )


def _found(view: View, span: Span, history: History) -> list[Found]:
    """Unlike the review of everything, only what several workflows have in common."""
    kinds, least = (PatternKind.WORKFLOW_ERROR, PatternKind.CHALLENGE), view.config.min_workflows
    of_text = [one for kind in kinds for one in recurring(view, kind, span, None, least)]
    every = with_feedback(view.db, span, of_text, history, least)
    common = [one for one in every if one.tally.occasions >= least and not one.ignored]
    return [*common, *found_in_runs(history)]


def _stale(runs: Iterable[Run]) -> Iterator[StaleWorkflow]:
    for run in runs:
        if run.outcome == "stale" and run.name is not None and run.last is not None:
            yield StaleWorkflow(
                workflow_id=quotation(run.name), last_seen=moment(run.last), sessions=sorted(filter(None, run.sessions))
            )


def _left_out(history: History) -> Iterator[str]:
    entries = sum(len(run.entries) for run in history.now)
    if entries > TEXTS_READ:
        yield f"Of {entries:,} feedback entries only the newest {TEXTS_READ:,} had their texts read. Narrow the window."


def _about(view: View, found: Found) -> FeedbackKind:
    """Whom a pattern concerns. An error is the tool's own if the newest events say so."""
    if found.kind in OF_RUNS:
        return OF_RUNS[found.kind].about
    lines = newest_lines(view.db, found.group.key_ids, (None, None), _LINES_READ)
    own = found.own or any(is_own(LogEvent.model_validate(line.value)) for line in lines if line.stream == "log")
    return FeedbackKind.TOOL if own else FeedbackKind.PROCESS


def _shown(view: View, found: list[Found], span: Span, workspace: Workspace) -> list[Pattern]:
    trends, now = trends_of(view.db, [one.group.key_ids for one in found], span), workspace.now()
    return [pattern_of(view, one, span, now, trend) for one, trend in zip(found, trends, strict=True)]


def _said(view: View, history: History) -> Iterator[tuple[int, dict[str, Any]]]:
    """What the process entries say, each with a number that stands for its run."""
    for run, _, line in entries_of(view.db, history, PROCESS):
        yield id(run), line


def _themes(said: list[tuple[int, dict[str, Any]]], name: str) -> list[Theme]:
    texts = ((run, text) for run, line in said if isinstance(text := line.get(name), str) and text != FORGOTTEN)
    return [Theme(text=quotation(one.text), workflows=one.runs) for one in themes(texts)[:THEMES]]
