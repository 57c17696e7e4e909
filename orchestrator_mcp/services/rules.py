"""Suggesting rules: drafts with their evidence, for a person to decide about."""

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator_mcp.analysis import rules as drafting
from orchestrator_mcp.errors import NotFoundError, StateConflictError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.base import FORGOTTEN, format_time
from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.rule import RulesSuggested, Suggestion, SuggestionView
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import newest_lines
from orchestrator_mcp.storage.ids import id_of
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import category_of, quotation, texts_of, title_of
from .findings import Found
from .inputs import check_category, page_start
from .pattern_names import find_group, ignored_groups, name_of
from .patterns import confidence_of, find_patterns, priority_of, ranked, severity_of
from .runs import hashes_of, history_of
from .view import View, opened, view_of

REPORT = "skill_update_suggestions.md"
ENTRIES_READ = 50
ATTEMPTS = 5

_HISTORY = (None, None)
_NOT_RULES = {PatternKind.LEARNING}


class Drafted(NamedTuple):
    """A suggestion with what its report quotes."""

    suggestion: Suggestion
    severity: Severity
    quotes: list[str]


def suggest_rules(
    workspace: Workspace,
    *,
    category: fields.OnlyCategory | None = None,
    min_frequency: fields.MinFrequency | None = None,
    limit: fields.Limit = 5,
    cursor: fields.Cursor | None = None,
) -> RulesSuggested:
    """Draft rules from recurring failures, with evidence, status NEEDS_REVIEW.

    Drafts are saved for a person to read; nothing is applied.
    """
    chosen = check_category(workspace, category) if category else None
    start = page_start(cursor)
    workspace.touch()
    saved = _drafted(workspace, chosen, min_frequency)
    return RulesSuggested(
        suggestions=[_view(one.suggestion) for one in saved[start : start + limit]],
        report=f".orchestrator/reports/{REPORT}" if workspace.meta is not None else None,
        next_step=_next_step(saved),
        next_cursor=f"p{start + limit}" if start + limit < len(saved) else None,
        legacy_detected=workspace.legacy.detected(),
    )


def _drafted(workspace: Workspace, category: str | None, min_frequency: int | None) -> list[Drafted]:
    """Draft and save; drafts whose texts were forgotten meanwhile are made again from what is left."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(StateConflictError):
            return _drafted_once(workspace, category, min_frequency)
    return _drafted_once(workspace, category, min_frequency)


def _drafted_once(workspace: Workspace, category: str | None, min_frequency: int | None) -> list[Drafted]:
    still = workspace.unless_erased()
    with opened(workspace) as view:
        history = history_of(view.db, _HISTORY, hashes_of(workspace, view.db))
        every = find_patterns(view, _HISTORY, category, min_frequency, history=history)
        found = ranked([one for one in every if one.kind not in _NOT_RULES])
        of_sessions = len({session_id for session_id, _ in workspace.session_folders()})
        drafts = [draft for one in found if (draft := _draft(workspace, view, one, of_sessions))]
        total = queries.totals(view.db, _HISTORY).entries
    saved = [one._replace(suggestion=_save(workspace, one.suggestion, still)) for one in drafts]
    if workspace.meta is not None:
        workspace.write_report(REPORT, drafting.report(saved, total, format_time(workspace.now())), still)
    return saved


def open_suggestions(workspace: Workspace) -> RulesSuggested:
    """The suggestions that wait for a person, as they were last drafted."""
    found = [one for one in workspace.read(Suggestion).records if one.draft != FORGOTTEN]
    with workspace.index().open() as db:
        view = view_of(workspace, db)
        waiting = [one for one in found if not _is_settled(view, one.pattern_id)]
    return RulesSuggested(
        suggestions=[_view(one) for one in waiting],
        report=None,
        next_step="A person takes over what is right; nothing is applied by itself.",
        legacy_detected=workspace.legacy.detected(),
    )


def _is_settled(view: View, pattern_id: str) -> bool:
    """Whether people ignore a pattern, or it is part of another now."""
    try:
        group = find_group(view, pattern_id, anew=False)
    except NotFoundError:  # no pattern of texts, such as an item that is always skipped
        return False
    return group.label in ignored_groups(view, group.kind) or name_of(view, group.key_ids) != pattern_id


def _draft(workspace: Workspace, view: View, found: Found, of_sessions: int) -> Drafted | None:
    """A draft, unless nobody has said yet what to do instead."""
    lines = newest_lines(view.db, found.group.key_ids, _HISTORY, ENTRIES_READ)
    texts = [text for _, text in texts_of(found.kind, lines)]
    title = title_of(found.group.template, found.rate, texts)
    category = category_of(view, found.group.key_ids)
    target = drafting.target_of(found.kind, category)
    draft = drafting.draft_rule(found.kind, title, [line.value for line in lines])
    if draft is None:
        return None
    suggestion = Suggestion(
        id=id_of(f"suggestion:{found.id}"),
        timestamp=workspace.now(),
        session_id=workspace.known_session(),
        pattern_id=found.id,
        title=title,
        category=category,
        priority=priority_of(found),
        confidence=confidence_of(found),
        target=target,
        draft=draft,
        content_sha256=drafting.content_hash(title, target, draft),
        entries=found.tally.n,
        sessions=found.tally.sessions,
        of_sessions=max(of_sessions, found.tally.sessions),
    )
    quotes = [quotation(text) for text in texts]
    return Drafted(suggestion, severity_of(found), quotes)


def _save(workspace: Workspace, suggestion: Suggestion, still: Callable[[], None]) -> Suggestion:
    """Save a draft, or its newer version; what did not change is not written again."""

    def newer(old: Suggestion | None) -> Suggestion:
        if old is None:
            return suggestion
        kept = {"rev": old.rev, "timestamp": old.timestamp, "session_id": old.session_id}
        return old if suggestion.model_copy(update=kept) == old else suggestion

    return workspace.stream(Suggestion).put(suggestion.id, newer, still=still)


def _view(one: Suggestion) -> SuggestionView:
    return SuggestionView(
        id=one.id,
        pattern_id=one.pattern_id,
        title=one.title,
        category=one.category,
        target=one.target,
        priority=one.priority,
        confidence=one.confidence,
        status=one.status,
        entries=one.entries,
        sessions=one.sessions,
        of_sessions=one.of_sessions,
        draft=one.draft,
    )


def _next_step(saved: Sequence[Drafted]) -> str:
    if not saved:
        return "Nothing recurs often enough yet, with a correction. Keep logging failures as they happen."
    urgent = sum(one.suggestion.priority is Level.HIGH for one in saved)
    return (
        f"{len(saved)} drafted, {urgent} of high priority. Nothing is applied: "
        "a person reads the report and takes over what is right."
    )
