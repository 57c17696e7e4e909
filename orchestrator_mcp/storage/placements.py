"""Placements: what a migration changes of the store beside its first session, put in place after the commit and back.

Each is prepared in the backup, beside a copy of what it replaces, and takes its place by one rename; so whoever finds
them half done can finish.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator_mcp.records.migration import Manifest, Placement

from .files import make_folder, refusals, refuse_linked, sync_folder
from .locks import session_lock
from .manifests import PREPARED, REPLACED
from .paths import OrchestratorPaths
from .trees import hash_file, rename


def place(paths: OrchestratorPaths, manifest: Manifest, backup: Path) -> list[str]:
    """Put everything in its place; what is there already stays. Says what was changed meanwhile, and is left so."""
    return [problem for one in manifest.placements if (problem := _place_one(paths, one, backup))]


def unplace(paths: OrchestratorPaths, manifest: Manifest, backup: Path, aside: Path) -> list[str]:
    """Put back what the files among them replaced. What was changed since is moved to `aside`, and named."""
    return [moved for one in _files(manifest) if (moved := _unplace_one(paths, one, backup, aside))]


def changed_since(paths: OrchestratorPaths, manifest: Manifest, backup: Path) -> list[str]:
    """The files among them that somebody wrote since."""
    return [one.to for one in _files(manifest) if _was_placed(backup, one) and _state(paths, one) == "changed"]


def folders(paths: OrchestratorPaths, manifest: Manifest, backup: Path) -> Iterator[Path]:
    """Every folder in which a placement has a name."""
    for one in manifest.placements:
        for top in (paths.orchestrator_dir, backup / PREPARED, backup / REPLACED):
            yield (top / one.to).parent


def _files(manifest: Manifest) -> Iterator[Placement]:
    return (one for one in manifest.placements if one.sha256 is not None)


def _was_placed(backup: Path, one: Placement) -> bool:
    return not os.path.lexists(backup / PREPARED / one.to)


def _state(paths: OrchestratorPaths, one: Placement) -> str:
    """`before`, `placed` or `changed`: what stands at its place."""
    path = paths.orchestrator_dir / one.to
    found = hash_file(path)[1] if os.path.lexists(path) else None
    return "before" if found == one.replaces else "placed" if found == one.sha256 else "changed"


def _refuse_links(paths: OrchestratorPaths, one: Placement, backup: Path) -> None:
    refuse_linked(paths.orchestrator_dir, one.to)
    for folder in (PREPARED, REPLACED):
        refuse_linked(backup, f"{folder}/{one.to}")


def _place_one(paths: OrchestratorPaths, one: Placement, backup: Path) -> str | None:
    prepared, target = backup / PREPARED / one.to, paths.orchestrator_dir / one.to
    _refuse_links(paths, one, backup)
    if _was_placed(backup, one):
        return None
    with session_lock(paths, one.to):
        if one.sha256 is not None and _state(paths, one) != "before":
            return f"{one.to} was changed meanwhile, so it stays as it is; what belonged there is {prepared}."
        make_folder(target.parent)
        with refusals("putting in place", target):
            os.replace(prepared, target)
            sync_folder(target.parent)
            sync_folder(prepared.parent)
    return None


def _unplace_one(paths: OrchestratorPaths, one: Placement, backup: Path, aside: Path) -> str | None:
    target, replaced, moved = paths.orchestrator_dir / one.to, backup / REPLACED / one.to, None
    _refuse_links(paths, one, backup)
    if not _was_placed(backup, one):
        return None
    with session_lock(paths, one.to):
        state = _state(paths, one)
        if state == "before":
            return None
        if state == "changed" and os.path.lexists(target):
            make_folder(aside)
            sync_folder(aside.parent)
            kept = aside / f"{sum(1 for _ in aside.iterdir())}{target.name}"
            rename(target, kept)
            moved = f"{one.to} was changed since. It is kept as {kept}."
        if os.path.lexists(replaced):
            make_folder(target.parent)
            rename(replaced, target)
        elif os.path.lexists(target):
            target.unlink()
            sync_folder(target.parent)
    return moved
