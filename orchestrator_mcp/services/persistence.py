"""Persistence: the state on a branch of its own, for machines that are thrown away."""

from contextlib import suppress

from orchestrator_mcp.errors import GitError, OrchestratorError, RemoteError, SnapshotError, StateConflictError
from orchestrator_mcp.records.fields import WorkflowAction
from orchestrator_mcp.records.snapshot import (
    ImportAction,
    OnConflict,
    PersistStatus,
    SnapshotFile,
    SnapshotImported,
    StateSaved,
)
from orchestrator_mcp.storage.arrival import staging
from orchestrator_mcp.storage.git import Git
from orchestrator_mcp.storage.snapshot_contents import find, measured
from orchestrator_mcp.storage.snapshot_difference import is_of_session, sessions_in, unit_of
from orchestrator_mcp.storage.snapshot_manifest import manifest_of
from orchestrator_mcp.storage.state_branch import StateBranch
from orchestrator_mcp.storage.state_names import branch_name
from orchestrator_mcp.storage.state_union import Union
from orchestrator_mcp.storage.workspace import Workspace

from .scrubbing import is_scrubbed, scrubbed
from .snapshot_import import take_in
from .snapshots import header_of, pack, require_store

_ATTEMPTS = 10
_HOW = "Set one: orchestrator config set state_branch 'orchestrator-state-<repo-id>'"
_ALONE = "It lies on this machine alone; set state_remote to push it."
_PHASE_ENDS = {WorkflowAction.ADVANCE, WorkflowAction.FINISH}


def save_state(workspace: Workspace) -> StateSaved:
    """Commit what may travel to the state branch, secrets redacted once more, and push it if a remote is configured.

    Nothing of the user's is touched: not the work tree, the index, HEAD or any other branch; no hook runs. What others
    saved meanwhile stays: sessions are united. A push that fails is a warning.

    Raises:
        SnapshotError: if no branch is set, or the branch is not ours.
        GitError: if git is missing, does not work here, or refuses.
        StateConflictError: if others save all the time.
    """
    require_store(workspace)
    branch, remote, warnings = _branch(workspace), workspace.config.state_remote, list[str]()
    before = branch.tip()
    for _ in range(_ATTEMPTS):
        tip, fetched = branch.tip(), _fetched(branch, remote, warnings)
        commit, files = _committed(workspace, branch, _heads(branch, tip, fetched))
        if commit != tip and not branch.move(commit, tip):
            continue  # another process saved
        pushed = remote if remote and not warnings else None
        if pushed and commit != fetched and not _pushed(branch, pushed, commit, fetched, warnings):
            if not warnings:
                continue  # another machine saved
            pushed = None
        return StateSaved(
            saved=commit != before,
            branch=branch.name,
            commit=commit,
            files=len(files),
            sessions=sessions_in(files),
            pushed_to=pushed,
            next_step="" if remote else _ALONE,
            warnings=warnings,
        )
    raise StateConflictError(f"Others keep saving to {branch.name}. What is here was not saved; try again.")


def restore_state(
    workspace: Workspace, *, on_conflict: OnConflict = OnConflict.KEEP, dry_run: bool = False
) -> SnapshotImported:
    """Take in what the state branch holds, as `snapshot import` does; fetched first if a remote is configured.

    Raises:
        SnapshotError: if there is no such branch, or what it holds is not what we save; then nothing was changed.
    """
    branch, warnings = _branch(workspace), list[str]()
    tip, fetched = branch.tip(), _fetched(branch, workspace.config.state_remote, warnings)
    heads = _heads(branch, tip, fetched)
    results = [
        take_in(workspace, branch.read(head).snapshot, on_conflict=on_conflict, dry_run=dry_run,
                content=scrubbed(workspace))
        for head in heads
    ]  # fmt: skip
    if not results:
        there = "" if workspace.config.state_remote else " If a remote has it, set state_remote to that."
        nothing = f"There is no branch {branch.name} yet, so nothing was restored.{there}"
        raise SnapshotError(" ".join([*warnings, nothing]))
    if fetched and not dry_run and heads == [fetched]:
        warnings += _followed(branch, fetched, tip)
    return _joined(results, warnings)


def persist_status(workspace: Workspace) -> PersistStatus:
    """Where the state is saved, when it was, and what here is not."""
    config = workspace.config
    automatic, why = _automatic(workspace)
    if config.state_branch is None:
        return PersistStatus(branch=None, remote=config.state_remote, automatic=False, why=why, next_step=_HOW)
    branch = _branch(workspace)
    tip = branch.tip()
    held = branch.read(tip) if tip else None
    files = held.snapshot.files if held else ()
    unsaved = _unsaved(workspace, files)
    return PersistStatus(
        branch=branch.name,
        remote=config.state_remote,
        automatic=automatic,
        why=why,
        commit=tip,
        saved_at=branch.saved_at(tip) if tip else None,
        sessions_saved=sessions_in(files),
        unsaved=unsaved,
        sessions_unsaved=sum(map(is_of_session, unsaved)),
        next_step="`orchestrator persist save` saves it." if unsaved else "",
    )


def save_after(workspace: Workspace, action: WorkflowAction) -> tuple[str, ...]:
    """Save when a phase was completed, where that was asked for. Never fails: what went wrong is a warning."""
    if action not in _PHASE_ENDS or workspace.config.state_branch is None or not _automatic(workspace)[0]:
        return ()
    try:
        return tuple(save_state(workspace).warnings)
    except OrchestratorError as error:
        return (f"The state was not saved to its branch: {error}",)


def restore_at_first(workspace: Workspace) -> tuple[str, ...]:
    """Where there is no store yet, on a machine that is thrown away: bring back the saved one. Returns warnings."""
    with suppress(OrchestratorError):  # whoever asks for something next is told what is wrong with the store
        if workspace.read_only or workspace.meta is not None:
            return ()
        if workspace.config.state_branch is None or not _automatic(workspace)[0]:
            return ()
        try:
            return tuple(restore_state(workspace).warnings)
        except OrchestratorError as error:
            return (f"No saved state was restored: {error}",)
    return ()


def _automatic(workspace: Workspace) -> tuple[bool, str]:
    """Whether saving and restoring happen by themselves, and why."""
    mode, sign = workspace.config.web_mode, workspace.settings.ephemeral
    if mode is not None:
        return mode, f"web_mode is {str(mode).lower()}"
    return bool(sign), sign or "this machine looks as if it stays; set web_mode to true if it does not"


def _branch(workspace: Workspace) -> StateBranch:
    config, meta = workspace.config, workspace.meta
    if config.state_branch is None:
        raise SnapshotError(f"No branch is set to save the state to. {_HOW}")
    git = Git(workspace.paths.base_dir, workspace.settings.environ)
    name = branch_name(git, config.state_branch, meta.repo_id if meta else None, config.state_remote)
    return StateBranch(git, name, config.max_store_mb << 20)


def _followed(branch: StateBranch, fetched: str, tip: str | None) -> list[str]:
    """Move the branch here, which is only behind, to what was fetched; returns warnings."""
    try:
        branch.move(fetched, tip)
    except GitError as error:
        return [f"What {branch.name} holds was restored; the branch here could not follow: {error}"]
    return []


def _fetched(branch: StateBranch, remote: str | None, warnings: list[str]) -> str | None:
    if remote is None or warnings:
        return None
    try:
        return branch.fetch(remote)
    except RemoteError as error:
        warnings.append(f"{remote} could not be asked for what others saved: {error}")
        return None


def _pushed(branch: StateBranch, remote: str, commit: str, before: str | None, warnings: list[str]) -> bool:
    """Whether the remote took it. Neither that nor a warning: another machine was faster."""
    try:
        branch.push(remote, commit)
    except RemoteError as error:
        if _fetched(branch, remote, warnings) == before and not warnings:
            warnings.append(f"The state was saved here, and not pushed to {remote}: {error}")
        return False
    return True


def _heads(branch: StateBranch, *commits: str | None) -> list[str]:
    """The commits that no other one includes."""
    heads = list(dict.fromkeys(one for one in commits if one))
    return [one for one in heads if not any(other != one and branch.leads_to(one, other) for other in heads)]


def _committed(workspace: Workspace, branch: StateBranch, heads: list[str]) -> tuple[str, list[SnapshotFile]]:
    """A commit of what is here and what the heads hold; the head itself if it holds everything."""
    with staging(workspace.paths.tmp_dir()) as stage:
        packed, _ = pack(workspace, stage, scrubbed(workspace), only=is_scrubbed)
        union = Union(branch, stage / "files", packed)
        for head in heads:
            union.add(branch.read(head))
        files = union.files
        manifest = manifest_of(header_of(workspace, files), files)
        tree = branch.write(stage / "files", union.unpacked, union.kept, manifest)
        if len(heads) == 1 and branch.tree_of(heads[0]) == tree:
            return heads[0], files
        message = f"State of {sessions_in(files)} sessions\n"
        return branch.commit(tree, heads, message, workspace.now()), files


def _unsaved(workspace: Workspace, saved: tuple[SnapshotFile, ...]) -> list[str]:
    """What has something that the branch does not have so."""
    if workspace.meta is None:
        return []
    known = {one.path: one.sha256 for one in saved}
    names = filter(is_scrubbed, find(workspace.paths).paths)
    here = measured(workspace.paths, names, scrubbed(workspace))
    return sorted({unit_of(path) for path, one in here.items() if known.get(path) != one.sha256})


def _joined(results: list[SnapshotImported], warnings: list[str]) -> SnapshotImported:
    """What taking in several commits came to."""
    done = next((one for one in results if one.action is not ImportAction.NOTHING_TO_DO), results[0])
    lists = {name: [x for one in results for x in getattr(one, name)] for name in ("added", "merged", "differing")}
    said = [*warnings, *dict.fromkeys(text for one in results for text in one.warnings)]
    return done.model_copy(update={**lists, "same": sum(one.same for one in results), "warnings": said})
