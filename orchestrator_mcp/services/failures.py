"""Failures: logging one and hearing at once what is known about it; listing and searching."""

import sqlite3

from orchestrator_mcp.analysis.digests import digest, moment
from orchestrator_mcp.analysis.identity import pattern_id
from orchestrator_mcp.analysis.patterns import MIN_FREQUENCY, confidence, static_words
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.digest import Digest
from orchestrator_mcp.records.failure import Failure, FailureList, FailureLogged, KnownPattern
from orchestrator_mcp.records.fields import FailureType, Level, Severity
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.workspace import Workspace

from .patterns import check_category, correction_of

TEMPLATE_LENGTH = 160
ALL = 1_000_000


def log_failure(
    workspace: Workspace,
    *,
    context: fields.ErrorContext,
    feedback: fields.Correction,
    category: fields.CategoryName,
    severity: fields.SeverityChoice = Severity.MEDIUM,
    type: fields.FailureTypeChoice = FailureType.MISTAKE,
    workflow_id: fields.WorkflowId | None = None,
    agent_name: fields.AgentName | None = None,
    files: fields.Files | None = None,
    command: fields.Command | None = None,
    error: fields.ErrorText | None = None,
    wrong: fields.WrongExample | None = None,
    correct: fields.CorrectExample | None = None,
    is_test: fields.IsTest = False,
    request_id: fields.RequestId | None = None,
) -> FailureLogged:
    """Log a mistake that should not happen again, with its correction.

    Answers at once how often it was seen, in how many sessions, and the correction known for it.
    """
    said = {"context": _filled("context", context), "feedback": _filled("feedback", feedback)}
    known_category = check_category(category)
    failure = Failure(
        **said,
        id=new_id(),
        timestamp=workspace.now(),
        session_id=workspace.session_id(),
        request_id=request_id,
        type=type,
        category=known_category,
        severity=severity,
        workflow_id=workflow_id,
        agent_name=agent_name,
        files=files or [],
        command=command,
        error=error,
        wrong=wrong,
        correct=correct,
        source=workspace.settings.source,
        is_test=is_test,
    )
    stored = workspace.stream(Failure).append(failure)
    return _answer(workspace, stored)


def _filled(name: str, text: str) -> str:
    if not text.strip():
        raise InvalidInputError(f"{name} is empty. Say it in one sentence, or paste the error as printed.")
    return text


def _answer(workspace: Workspace, failure: Failure) -> FailureLogged:
    """What is known about a failure that is already stored: nothing here may lose it."""
    legacy = workspace.legacy.detected()
    if failure.is_test:
        return FailureLogged(
            id=failure.id, next_step="A trial entry: it is stored but never counted.", legacy_detected=legacy
        )
    try:
        known = _known(workspace, failure)
    except OrchestratorError as error:
        return FailureLogged(
            id=failure.id,
            warnings=[f"Stored. What is known about it could not be looked up: {error}"],
            legacy_detected=legacy,
        )
    needed = max(0, MIN_FREQUENCY - known.occurrences)
    return FailureLogged(
        id=failure.id,
        pattern=known,
        needed=needed,
        as_of=workspace.now(),
        next_step=_next_step(known, needed),
        legacy_detected=legacy,
    )


def _known(workspace: Workspace, failure: Failure) -> KnownPattern:
    entry = next(iter(digest("failures", failure.model_dump(mode="json"))))
    with workspace.index_of(Failure).open() as db:
        key = queries.find_key(db, entry.space, entry.key)
        if key is None:
            raise NotFoundError(f"Failure {failure.id} is stored but not in the cache yet. Ask review_patterns.")
        return _pattern(db, key, entry, failure.id)


def _pattern(db: sqlite3.Connection, key: int, entry: Digest, own_id: str) -> KnownPattern:
    """What the last grouping says of a key; one that came after it is a kind of its own until the next review."""
    group, keys = queries.group_of(db, entry.space, key) or (entry.key, [key])
    seen = queries.known(db, keys)
    earlier = queries.newest_other(db, keys, own_id)
    level = confidence(seen.n, seen.sessions, static_words(entry.template))
    return KnownPattern(
        id=pattern_id(entry.space, group),
        state="new" if seen.n < MIN_FREQUENCY else "ongoing",
        occurrences=seen.n,
        retries=seen.retries,
        is_retry=queries.is_retry(db, own_id),
        sessions=seen.sessions,
        first_seen=None if seen.first is None else moment(seen.first),
        joined_by="exact" if len(keys) == 1 else "prose",
        template=clip(single_line(entry.template), TEMPLATE_LENGTH),
        confidence=min(level, Level.MEDIUM, key=[*Level].index) if len(keys) > 1 else level,
        correction=correction_of([earlier] if earlier else []),
    )


def _next_step(known: KnownPattern, needed: int) -> str:
    if known.is_retry:
        return f"The same text within two seconds: counted as a retry. Seen {_times(known.occurrences)} otherwise."
    if needed:
        return f"Seen {_times(known.occurrences)}; {needed} more and it is a pattern."
    if known.sessions == 1:
        return f"Seen {_times(known.occurrences)}, all in this session: one incident so far. Fix it before you go on."
    return f"Seen {_times(known.occurrences)} in {known.sessions} sessions: a pattern. Ask suggest_rules for a rule."


def _times(n: int) -> str:
    return "for the first time" if n <= 1 else "twice" if n == 2 else f"{n} times"  # noqa: PLR2004  two is twice


def list_failures(workspace: Workspace, *, limit: int = 20, query: str | None = None) -> FailureList:
    """List logged failures, newest first; `query` keeps those whose texts contain it, in any case."""
    read = workspace.read(Failure)
    wanted = (query or "").casefold()
    found = [one for one in read.records if not wanted or wanted in _texts(one).casefold()]
    found.sort(key=lambda one: (one.timestamp, one.id), reverse=True)
    return FailureList(failures=found[:limit], total=len(found), bad_lines=read.bad_lines)


def show_failure(workspace: Workspace, failure_id: str) -> Failure:
    """One failure by its id, or by the last six characters or more of it.

    Raises:
        NotFoundError: if none, or more than one, fits.
    """
    fitting = [one for one in workspace.read(Failure).records if one.id.endswith(failure_id.lower())]
    if len(failure_id) < 6 or len(fitting) != 1:  # noqa: PLR2004  what a person is asked to type
        raise NotFoundError(
            f"{len(fitting)} failures end in {failure_id[:40]!r}. Give at least the last 6 characters of one id; "
            "`orchestrator failure list` shows them."
        )
    return fitting[0]


def failure_ids(workspace: Workspace, typed: str) -> list[str]:
    """The ids that begin with what was typed, newest first."""
    return [one.id for one in list_failures(workspace, limit=ALL).failures if one.id.startswith(typed)]


def _texts(failure: Failure) -> str:
    texts = (failure.context, failure.feedback, failure.error, failure.command, *failure.files)
    return "\n".join(text for text in texts if text)
