"""Upgrades: a store of an older format becomes one of ours. Staged aside, committed by one rename, then moved in."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from orchestrator_mcp.errors import ForeignStoreError, WorkspaceBusyError
from orchestrator_mcp.records.session import StoreMeta

from .archive import in_use
from .arrival import arrive, staging
from .files import is_folder, make_folder, refusals, refuse_linked, sync_folder, write_new
from .lines import encode_line
from .locks import FolderLock
from .paths import META, OrchestratorPaths
from .trees import files_beneath, remove_tree

Upgrade = Callable[[OrchestratorPaths], Iterable[tuple[str, bytes]]]
"""Given the store, yields what files hold in the next format: their paths in the store, and their new content."""

UPGRADES: Mapping[int, Upgrade] = {}
"""The format from which, and how. None yet: there has been one format. `tests/fixtures` keeps a store of each."""

COMMITTED = "upgrade"
"""The folder in the store that holds an upgrade which was decided on, until all of it is in its place."""


def needs_upgrade(paths: OrchestratorPaths, meta: StoreMeta, latest: int) -> bool:
    """Whether a store is older, or its upgrade was cut short."""
    return meta.format < latest or os.path.lexists(paths.orchestrator_dir / COMMITTED)


def upgrade(
    paths: OrchestratorPaths,
    lock: FolderLock,
    read: Callable[[OrchestratorPaths], StoreMeta | None],
    latest: int,
    upgrades: Mapping[int, Upgrade] = UPGRADES,
) -> StoreMeta:
    """Bring a store to the latest format, one format at a time; go on where that was cut short.

    Args:
        paths: the store's.
        lock: the store's.
        read: reads what the store says it is.
        latest: the format that is wanted.
        upgrades: how to leave each format before.

    Raises:
        ForeignStoreError: if there is no way from its format to ours; then nothing was changed.
        WorkspaceBusyError: if another process, of an older version perhaps, has a session open.
    """
    with lock.held():
        _move_in(paths)
        meta = read(paths)
        while meta is not None and meta.format < latest:
            if meta.format not in upgrades:
                raise ForeignStoreError(
                    f"{paths.orchestrator_dir} has format {meta.format}, from which no way leads to format {latest}. "
                    "Nothing was changed. Open it with the version that wrote it."
                )
            _refuse_company(paths)
            _stage(paths, meta.model_copy(update={"format": meta.format + 1}), upgrades[meta.format](paths))
            _move_in(paths)
            meta = read(paths)
    if meta is None:
        raise ForeignStoreError(f"{paths.meta_file()} is gone, so the store was not upgraded. Try again.")
    return meta


def _refuse_company(paths: OrchestratorPaths) -> None:
    others = in_use(paths).values()
    if others:
        raise WorkspaceBusyError(
            f"The store has an older format, and process {min(others)} still writes it. "
            "End every agent and server of this project, then try again: the store is upgraded first."
        )


def _stage(paths: OrchestratorPaths, meta: StoreMeta, contents: Iterable[tuple[str, bytes]]) -> None:
    with staging(paths.tmp_dir()) as stage:
        for name, data in contents:
            make_folder((stage / name).parent)
            write_new(stage / name, data)
        write_new(stage / META, encode_line(meta.model_dump(mode="json", exclude_none=True)))
        arrive(stage, paths.orchestrator_dir / COMMITTED)


def _move_in(paths: OrchestratorPaths) -> None:
    """Move what was decided on to its place, `meta.json` last; what is there already was moved before."""
    committed = paths.orchestrator_dir / COMMITTED
    if not is_folder(committed):
        return
    sync_folder(paths.orchestrator_dir)  # a killed process may have renamed without syncing
    files = [path.relative_to(committed) for path in sorted(files_beneath(committed))]
    for name in sorted(files, key=lambda name: name == Path(META)):
        target = paths.orchestrator_dir / name
        refuse_linked(paths.orchestrator_dir, name)  # a cloned repository may have brought all of this
        make_folder(target.parent)
        with refusals("upgrading", target):
            os.replace(committed / name, target)
            sync_folder(target.parent)
    with refusals("removing", committed):
        remove_tree(committed)
        sync_folder(paths.orchestrator_dir)
