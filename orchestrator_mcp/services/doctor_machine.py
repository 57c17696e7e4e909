"""Checks: is this machine one that a store can live on?"""

from collections.abc import Iterator

from orchestrator_mcp.analysis.doctor import MEGABYTE, error, note, ok, room, warning
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.storage import machine
from orchestrator_mcp.storage.inspection import Kind

from .examination import Examination

_SHARED = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "fuse",
    "afs",
    "ceph",
    "gluster",
    "lustre",
    "gpfs",
    "vboxsf",
    "prl_fs",
    "virtiofs",
)
"""How the types of file systems begin that other machines may write to as well."""


def disk(seen: Examination) -> Iterator[Finding]:
    """Whether there is room to record anything."""
    free, inodes = machine.room(seen.folder)
    used = sum(one.info.st_size for one in seen.store.ours if one.kind is Kind.FILE) if seen.meta else 0
    yield from room(free, inodes, used, seen.workspace.config.max_store_mb * MEGABYTE)


def file_system(seen: Examination) -> Iterator[Finding]:
    """Whether locks exclude on the store's file system: it is tried on the store's own lock."""
    kind = machine.file_system(seen.folder) or "a file system of unknown type"
    advice = "Keep the store on a local disk: --root, ORCHESTRATOR_ROOT. Until then let one process at a time write."
    try:
        excludes = machine.excludes(seen.workspace.paths.lock_file()) if seen.meta else None
    except OrchestratorError as problem:
        yield error(f"Nothing can be locked on {kind}, so nothing is recorded: {problem}", advice)
        return
    if excludes is False:
        yield error(f"Locks on {kind} exclude nobody: two writers at once may damage what is recorded.", advice)
    elif kind.startswith(_SHARED):
        yield note(f"The store lies on {kind}: locks hold on this machine; between machines they may not.")
    else:
        yield ok(f"{kind}; locks exclude" if excludes else kind)


def lasting(seen: Examination) -> Iterator[Finding]:
    """Whether this machine stays, and if it does not, whether the store is saved elsewhere."""
    config = seen.workspace.config
    sign = seen.workspace.settings.ephemeral
    if config.web_mode is False or not (config.web_mode or sign):
        yield ok("it stays" if sign is None else "it stays, as web_mode is set to false")
        return
    sign = sign or "web_mode is set: this machine is taken for one that will be thrown away."
    if config.state_branch is not None:
        yield note(f"{sign} `orchestrator persist save`, and the end of each phase, save the store to a branch.")
    elif seen.git.is_repository():
        yield warning(
            f"{sign} The store goes with it.",
            "`orchestrator config set state_branch 'orchestrator-state-<repo-id>'` saves it to a branch of its own; "
            "or set web_mode to false.",
        )
    else:
        yield warning(f"{sign} The store goes with it.", "`orchestrator snapshot export` takes it elsewhere.")


def git(seen: Examination) -> Iterator[Finding]:
    """Whether git is there, for what needs it."""
    if seen.git.is_installed():
        yield ok("installed")
    else:
        yield note("git is not installed: `persist` needs it, and so does telling whether the store is ignored.")
