"""Checkpoints: keep where a workflow stands and what to know, and go on from there later."""

from collections.abc import Iterator, Sequence

from orchestrator_mcp.analysis.checkpoints import EXCERPT, resume_prompt, summary
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.checkpoint import (
    Checkpoint,
    CheckpointList,
    CheckpointMade,
    CheckpointSummary,
    CheckpointView,
)
from orchestrator_mcp.storage.checkpoints import checkpoint_ids, new_checkpoint_id, read_checkpoint, write_checkpoint
from orchestrator_mcp.storage.ids import meant
from orchestrator_mcp.storage.workspace import Workspace

from .workflow_journal import current, state_file

_LONGEST_CHAIN = 50
_MOST = 200
_TEXTS = {"message", "context_summary", "key_decisions", "file_manifest", "workflow_state_snapshot"}


def create_checkpoint(
    workspace: Workspace, *, message: str | None = None, decisions: Sequence[str] = (), files: Sequence[str] = ()
) -> CheckpointMade:
    """Keep where this session's workflow stands, with a message, decisions and the files that matter.

    Raises:
        InvalidInputError: if there is neither a workflow nor a word to keep, or a text is too long.
    """
    _check(message, decisions, files)
    session_id = workspace.session_id()
    paths = workspace.paths.for_session(session_id)
    state = current(state_file(workspace, session_id).read())
    if state is None and not (message or decisions or files):
        raise InvalidInputError("No workflow runs in this session, so there is nothing to keep. Give a --message.")
    now = workspace.now()
    said = Checkpoint(
        checkpoint_id=new_checkpoint_id(now),
        workflow_id=state.workflow_id if state else None,
        phase_id=state.current_phase_id if state else None,
        timestamp=now,
        message=message,
        context_summary=summary(state) if state else None,
        key_decisions=list(decisions),
        file_manifest=list(files),
        workflow_state_snapshot=state.model_dump(mode="json", by_alias=True) if state else None,
        parent_checkpoint_id=_parent(workspace, session_id, state.workflow_id if state else None),
    )
    clean = Checkpoint.model_validate(
        said.model_dump() | workspace.redact(said.model_dump(mode="json", include=_TEXTS))
    )
    workspace.quota.take(len(clean.model_dump_json()))
    write_checkpoint(paths, workspace.locks.of(paths.session_dir()), clean)
    return CheckpointMade(**dict(_view(workspace, session_id, clean)))


def list_checkpoints(workspace: Workspace, *, limit: fields.Limit = 20) -> CheckpointList:
    """The checkpoints of every session, newest first; those that a migration brought along are among them."""
    warnings: list[str] = []
    known = sorted(_known(workspace, warnings), reverse=True)
    found = []
    for checkpoint_id, session_id in known[:limit]:
        try:
            found.append(_summary(session_id, _read(workspace, session_id, checkpoint_id)))
        except OrchestratorError as error:
            warnings.append(str(error))
    legacy = workspace.legacy.detected()
    return CheckpointList(checkpoints=found, total=len(known), warnings=warnings, legacy_detected=legacy)


def show_checkpoint(workspace: Workspace, checkpoint_id: str) -> CheckpointView:
    """One checkpoint, by its id or the end of it, with a prompt to go on from there.

    Raises:
        NotFoundError: if none, or more than one, fits.
        StorageError: if it cannot be read.
    """
    known = dict(_known(workspace, []))
    fitting = meant(known, checkpoint_id)
    if len(fitting) != 1:
        raise NotFoundError(
            f"{len(fitting)} checkpoints fit {checkpoint_id[:80]!r}. `orchestrator checkpoint list` shows them."
        )
    session_id = known[fitting[0]]
    return _view(workspace, session_id, _read(workspace, session_id, fitting[0]))


def _check(message: str | None, decisions: Sequence[str], files: Sequence[str]) -> None:
    for name, texts, limit in (
        ("message", [message or ""], fields.LONG),
        ("decision", decisions, fields.LONG),
        ("file", files, fields.SHORT),
    ):
        if len(texts) > _MOST or any(len(text) > limit for text in texts):
            raise InvalidInputError(
                f"--{name}: at most {_MOST}, of {limit:,} characters each, can be kept. Shorten it."
            )


def _known(workspace: Workspace, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Every checkpoint with its session."""
    for session_id in workspace.sessions.list_sessions():
        try:
            ids = checkpoint_ids(workspace.paths.for_session(session_id))
        except OrchestratorError as error:
            problems.append(f"Left out: {error}")
        else:
            yield from ((one, session_id) for one in ids)


def _read(workspace: Workspace, session_id: str, checkpoint_id: str) -> Checkpoint:
    return read_checkpoint(workspace.paths.for_session(session_id), checkpoint_id)


def _parent(workspace: Workspace, session_id: str, workflow_id: str | None) -> str | None:
    """The newest checkpoint of the same workflow; one that cannot be read is nobody's parent."""
    for checkpoint_id in reversed(checkpoint_ids(workspace.paths.for_session(session_id))):
        try:
            if _read(workspace, session_id, checkpoint_id).workflow_id == workflow_id:
                return checkpoint_id
        except OrchestratorError:
            continue
    return None


def _view(workspace: Workspace, session_id: str, checkpoint: Checkpoint) -> CheckpointView:
    chain, warnings = _chain(workspace, session_id, checkpoint)
    return CheckpointView(
        checkpoint_id=checkpoint.checkpoint_id,
        session_id=session_id,
        timestamp=checkpoint.timestamp,
        workflow_id=checkpoint.workflow_id,
        phase_id=checkpoint.phase_id,
        chain=chain,
        resume_prompt=resume_prompt(checkpoint),
        warnings=warnings,
        legacy_detected=workspace.legacy.detected(),
    )


def _chain(workspace: Workspace, session_id: str, checkpoint: Checkpoint) -> tuple[list[str], list[str]]:
    """The checkpoints before one, the nearest first; it ends where one is missing, broken or comes again."""
    chain: list[str] = []
    there = set(checkpoint_ids(workspace.paths.for_session(session_id)))
    parent = checkpoint.parent_checkpoint_id
    while parent is not None and len(chain) < _LONGEST_CHAIN:
        if parent not in there or parent in {checkpoint.checkpoint_id, *chain}:
            return chain, [f"The checkpoint before, {_excerpt(parent)}, is not in this session."]
        try:
            before = _read(workspace, session_id, parent).parent_checkpoint_id
        except OrchestratorError as error:
            return chain, [str(error)]
        chain.append(parent)
        parent = before
    return chain, []


def _summary(session_id: str, one: Checkpoint) -> CheckpointSummary:
    return CheckpointSummary(
        checkpoint_id=one.checkpoint_id,
        session_id=session_id,
        timestamp=one.timestamp,
        workflow_id=_excerpt(one.workflow_id),
        phase_id=_excerpt(one.phase_id),
        message=_excerpt(one.message),
        parent_checkpoint_id=_excerpt(one.parent_checkpoint_id),
    )


def _excerpt(text: str | None) -> str | None:
    return None if text is None else clip(single_line(text), EXCERPT)
