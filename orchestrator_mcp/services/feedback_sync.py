"""Sharing tool feedback: what is new, checked byte for byte, sent to where a person said, and noted."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from orchestrator_mcp.analysis.anonymize import month_hash
from orchestrator_mcp.analysis.feedback_events import check_events
from orchestrator_mcp.analysis.feedback_sharing import MAX_EVENTS, Batch, batches, shared_event, sharing_key
from orchestrator_mcp.errors import AnonymizationError, ConfigError, InvalidInputError, UnreachableError
from orchestrator_mcp.records.feedback import ToolFeedback
from orchestrator_mcp.records.feedback_shared import FeedbackSynced, LastSync, SyncPreview, SyncStatus, TargetStatus
from orchestrator_mcp.records.feedback_sync import Synced, TargetKind
from orchestrator_mcp.storage.remote.address import check_address, gist_address
from orchestrator_mcp.storage.remote.target import Target
from orchestrator_mcp.storage.workspace import Workspace

from .feedback_consent import default_kind, github_token, missing, opted_out
from .feedback_key import feedback_key, feedback_keys, salt_warnings


class _Entries(NamedTuple):
    """What may be shared from here, how many entries are another installation's, and what a person should know."""

    mine: list[ToolFeedback]
    elsewhere: int
    warnings: list[str]


class _Plan(NamedTuple):
    """What would be sent, checked."""

    kind: TargetKind
    batches: list[Batch]
    read: _Entries

    @property
    def entries(self) -> int:
        return sum(len(one.entry_ids) for one in self.batches)


def sync_feedback(workspace: Workspace, *, to: str | None = None, force: bool = False) -> FeedbackSynced:
    """Share the tool feedback of every session that was not shared yet, anonymous and checked.

    Args:
        workspace: the project.
        to: `endpoint`, `gist`, or a file or folder. By default the endpoint, if the person allowed sending and set
            one; else a file among the reports.
        force: send what was sent before too. Who collects knows it again by its id.

    Raises:
        ConfigError: if a condition for sending is not met. Then nothing was sent.
        AnonymizationError: if a single entry is not anonymous. Then nothing was sent.
        RemoteError: if the target did not take it. What it took before is noted.
    """
    kind = _kind_of(workspace, to)
    out = opted_out(workspace)
    if out or workspace.meta is None:
        return FeedbackSynced(target=kind, skipped=out)
    if lacking := missing(workspace, kind):
        raise ConfigError(f"Nothing was sent. {' '.join(lacking)}")
    workspace.store()  # refused under --read-only, before anything leaves
    plan = _plan(workspace, kind, force=force)
    return _sent(workspace, plan, _target(workspace, kind, to))


def preview_sync(workspace: Workspace, *, to: str | None = None, force: bool = False) -> SyncPreview:
    """Show exactly the bytes that `sync_feedback` would have leave; nothing is sent, written or asked for."""
    kind = _kind_of(workspace, to)
    out = opted_out(workspace)
    if out or workspace.meta is None:
        return SyncPreview(target=kind, entries=0, batches=0, skipped=out)
    plan = _plan(workspace, kind, force=force)
    return SyncPreview(
        target=kind,
        entries=plan.entries,
        batches=len(plan.batches),
        elsewhere=plan.read.elsewhere,
        body=b"".join(one.body for one in plan.batches).decode(),
        warnings=plan.read.warnings,
    )


def sync_status(workspace: Workspace) -> SyncStatus:
    """How much was shared, when and where to, and what is missing before more can be."""
    mine, others, warnings = _entries(workspace)
    syncs = workspace.read(Synced).records
    ids = {one.id for one in mine}
    out = opted_out(workspace)
    synced = ids & _ids(syncs)
    newest = max(syncs, key=lambda one: one.timestamp, default=None)
    return SyncStatus(
        entries=len(mine),
        synced=len(synced),
        unsynced=len(ids - synced),
        elsewhere=others,
        last=newest and LastSync(at=newest.timestamp, target=newest.target, place=newest.place, count=newest.count),
        default=default_kind(workspace),
        targets=[
            TargetStatus(target=kind, possible=not lacking, missing=lacking, unsynced=len(ids - _ids(syncs, kind)))
            for kind in TargetKind
            for lacking in [[*([out] if out else []), *missing(workspace, kind)]]
        ],
        warnings=warnings,
    )


def load_unsynced_tool_feedback(
    workspace: Workspace, mine: Sequence[ToolFeedback], kind: TargetKind
) -> list[ToolFeedback]:
    """Those entries that no target of a kind took yet."""
    done = _ids(workspace.read(Synced).records, kind)
    return [one for one in mine if one.id not in done]


def mark_as_synced(workspace: Workspace, batch: Batch, kind: TargetKind, place: str) -> None:
    """Note that a batch was taken. Entries are never edited; what is noted twice is one record."""
    note = Synced(
        id=f"{kind.value}-{batch.id}",
        timestamp=workspace.now(),
        target=kind,
        place=place,
        synced_ids=batch.entry_ids,
        count=len(batch.entry_ids),
    )
    workspace.stream(Synced).put(note.id, lambda _: note)


def _kind_of(workspace: Workspace, to: str | None) -> TargetKind:
    if to is None:
        return default_kind(workspace)
    if "://" in to:
        raise InvalidInputError(
            "An address is not taken from the command line, so nothing was sent. Set it with `orchestrator config set "
            "feedback_endpoint ADDRESS --global`, then use --to endpoint."
        )
    return TargetKind(to) if to in {TargetKind.ENDPOINT, TargetKind.GIST} else TargetKind.FILE


def _plan(workspace: Workspace, kind: TargetKind, *, force: bool) -> _Plan:
    read = _entries(workspace)
    chosen = read.mine if force else load_unsynced_tool_feedback(workspace, read.mine, kind)
    found = list(_batches(chosen, sharing_key(feedback_key(workspace)), kind)) if chosen else []
    _refuse_what_is_not_anonymous(found)
    return _Plan(kind, found, read)


def _batches(chosen: Sequence[ToolFeedback], key: bytes, kind: TargetKind) -> Iterator[Batch]:
    events = ((one.id, shared_event(one, key)) for one in chosen)
    return batches(events, key, None if kind is TargetKind.FILE else MAX_EVENTS)


def _entries(workspace: Workspace) -> _Entries:
    """The entries that were recorded here, oldest first; a snapshot may have brought the same one into two sessions.

    Without a key, which reading does not make, none can be told to be ours.
    """
    read = workspace.read(ToolFeedback)
    keys = feedback_keys(workspace)
    every = sorted({one.id: one for one in read.records}.values(), key=lambda one: (one.timestamp, one.id))
    mine = [one for one in every if keys and one.installation_hash in _hashes(one, keys)]
    bad = [f"Lines of tool feedback that cannot be read, and stay: {read.bad_lines:,}."] if read.bad_lines else []
    return _Entries(mine, len(every) - len(mine), [*salt_warnings(workspace), *read.unread, *bad])


def _hashes(entry: ToolFeedback, keys: Sequence[bytes]) -> set[str | None]:
    """What an entry of ours says of its installation; those of an older tool say nothing."""
    return {None, *(month_hash(entry.timestamp, key) for key in keys)}


def _refuse_what_is_not_anonymous(found: Sequence[Batch]) -> None:
    """Look at every byte before the first one leaves."""
    problems = [
        f"{'Batch' if one.place is None else f'Entry {batch.entry_ids[one.place]}'}: {one.text}"
        for batch in found
        for one in check_events(batch.body).problems
    ]
    if problems:
        raise AnonymizationError(
            f"What would leave is not anonymous, so nothing was synced. {' '.join(problems[:5])} Please report this."
        )


def _sent(workspace: Workspace, plan: _Plan, target: Target) -> FeedbackSynced:
    synced, place, offline = 0, None, None
    for batch in plan.batches:
        try:
            place = target.send(batch.id, batch.body)
        except UnreachableError as error:
            offline = str(error)
            break
        mark_as_synced(workspace, batch, plan.kind, place)
        synced += len(batch.entry_ids)
    return FeedbackSynced(
        target=plan.kind,
        place=place,
        synced=synced,
        unsynced=plan.entries - synced,
        elsewhere=plan.read.elsewhere,
        offline=offline,
        next_step=_next_step(plan.kind, synced),
        warnings=plan.read.warnings,
    )


def _next_step(kind: TargetKind, synced: int) -> str | None:
    if kind is not TargetKind.FILE or not synced:
        return None
    return "It has not left this machine. Read it, then hand it on if you like."


def _target(workspace: Workspace, kind: TargetKind, to: str | None) -> Target:
    """The target, each imported only when it is used: most of them bring a network along."""
    if kind is TargetKind.FILE:
        from orchestrator_mcp.storage.remote.file import FileTarget  # noqa: PLC0415

        return FileTarget(workspace.settings.path(to) if to else workspace.paths.reports_dir(), own_folder=to is None)
    config = workspace.config
    if kind is TargetKind.GIST:
        from orchestrator_mcp.storage.remote.gist import GistTarget  # noqa: PLC0415

        return GistTarget(gist_address(config.feedback_gist or ""), github_token(workspace) or "")
    from orchestrator_mcp.storage.remote.endpoint import EndpointTarget  # noqa: PLC0415

    return EndpointTarget(check_address(config.feedback_endpoint or "", "feedback_endpoint"))


def _ids(syncs: Sequence[Synced], kind: TargetKind | None = None) -> set[str]:
    return {one_id for sync in syncs if kind in {None, sync.target} for one_id in sync.synced_ids}
