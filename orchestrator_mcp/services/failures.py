"""Failures: logging one and hearing at once what is known about it; listing and searching."""

from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.failure import Failure, FailureList, FailureLogged
from orchestrator_mcp.records.fields import FailureType, Severity
from orchestrator_mcp.storage.ids import SHORTEST, meant, new_id
from orchestrator_mcp.storage.workspace import Workspace

from .answering import answer, link
from .inputs import check_category

ALL = 1_000_000


def log_failure(
    workspace: Workspace,
    *,
    context: fields.ErrorContext | None = None,
    feedback: fields.Correction | None = None,
    category: fields.CategoryName | None = None,
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
    failure_id: fields.AnsweredFailure | None = None,
    same_as: fields.SameAs | None = None,
    request_id: fields.RequestId | None = None,
) -> FailureLogged:
    """Log a mistake that should not happen again: context, feedback and category.

    Answers how often it was seen and what helped. If it offers candidates, answer with failure_id and same_as.
    """
    if failure_id is not None or same_as is not None:
        entry = (context, feedback, category, workflow_id, agent_name, files, command, error, wrong, correct)
        if failure_id is None or same_as is None or any(entry) or is_test:
            raise InvalidInputError(
                "failure_id and same_as answer about an entry that is stored: give both, and nothing of a new entry. "
                'same_as is the pattern_id of a candidate, or "new".'
            )
        return link(workspace, failure_id, same_as, request_id)
    failure = Failure(
        context=_filled("context", context),
        feedback=_filled("feedback", feedback),
        category=check_category(workspace, _filled("category", category)),
        id=new_id(),
        timestamp=workspace.now(),
        session_id=workspace.session_id(),
        request_id=request_id,
        type=type,
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
    stream = workspace.stream(Failure)
    return answer(workspace, stream, stream.append(failure))


_ASKED = {
    "context": "Say what went wrong in one sentence, or paste the error as printed.",
    "feedback": "Say in one sentence what to do instead.",
    "category": f"Use one of: {', '.join(fields.CATEGORIES)}.",
}


def _filled(name: str, text: str | None) -> str:
    if text is None or not text.strip():
        raise InvalidInputError(f"{name} is {'missing' if text is None else 'empty'}. {_ASKED[name]}")
    return text


def list_failures(workspace: Workspace, *, limit: int = 20, query: str | None = None) -> FailureList:
    """List logged failures, newest first; `query` keeps those whose texts contain it, in any case."""
    read = workspace.read(Failure)
    wanted = (query or "").casefold()
    found = [one for one in read.records if not wanted or wanted in _texts(one).casefold()]
    found.sort(key=lambda one: (one.timestamp, one.id), reverse=True)
    return FailureList(
        failures=found[:limit],
        total=len(found),
        bad_lines=read.bad_lines,
        warnings=read.unread,
        legacy_detected=workspace.legacy.detected(),
    )


def show_failure(workspace: Workspace, failure_id: str) -> Failure:
    """One failure by its id, or by the last six characters or more of it.

    Raises:
        NotFoundError: if none, or more than one, fits.
    """
    known = {one.id: one for one in workspace.read(Failure).records}
    fitting = meant(known, failure_id)
    if len(fitting) != 1:
        raise NotFoundError(
            f"{len(fitting)} failures end in {failure_id[:40]!r}. Give at least the last {SHORTEST} characters of one "
            "id; `orchestrator failure list` shows them."
        )
    return known[fitting[0]]


def failure_ids(workspace: Workspace, typed: str) -> list[str]:
    """The ids that begin with what was typed, newest first."""
    return [one.id for one in list_failures(workspace, limit=ALL).failures if one.id.startswith(typed)]


def _texts(failure: Failure) -> str:
    texts = (failure.context, failure.feedback, failure.error, failure.command, *failure.files)
    return "\n".join(text for text in texts if text)
