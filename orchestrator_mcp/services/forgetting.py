"""Forgetting: taking a record's text out of every file, cache and archive."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.forgetting import Hunt, hunt_of, is_suggestion
from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.records.base import Result
from orchestrator_mcp.storage.erasure import Change, erase, find_files, find_lines, would_change
from orchestrator_mcp.storage.ids import SHORTEST, meant
from orchestrator_mcp.storage.workspace import Workspace

NAMED = 5


class Forgotten(Result):
    """The answer to `forget`: which record, and which files were rewritten, relative to the store.

    `others` counts the other records that hold the same text and lose it too. After a dry run nothing is changed yet.
    """

    id: str
    files: list[str]
    others: int = 0
    dry_run: bool = False


def forget(workspace: Workspace, record_id: str, *, dry_run: bool = False) -> Forgotten:
    """Remove a record's text from every file, cache and archive of this store.

    The record stays as an empty shell, that no review counts; names and ids stay as well. Where others quote its
    text in a field of free text, the quotation goes, but not a text under 8 characters or of a single word: it would
    be found in anything. A rule drafted from it is emptied. Copies outside the store, such as exported snapshots,
    backups and legacy files that were not migrated, are out of reach; so is what another program still remembers. A
    later rollback of a migration whose backup held the text says that the backup is not what was stored. A secret
    that was written anywhere should be replaced all the same.

    Args:
        workspace: the project.
        record_id: a whole id, or the last 6 characters of it or more.
        dry_run: only say what would be done.

    Raises:
        NotFoundError: if no record, or more than one, has an id ending so.
    """
    hunt = _hunt(workspace, record_id)
    others = _others(workspace, hunt)
    every = _change(hunt)
    if dry_run:
        found = would_change(workspace.paths, every)
        return Forgotten(id=hunt.record_id, files=_named(workspace, found), others=others, dry_run=True)
    workspace.store()
    workspace.close()
    erased = erase(workspace.paths, workspace.locks, every._replace(record=hunt.elsewhere), every)
    return Forgotten(
        id=hunt.record_id,
        files=_named(workspace, erased.files),
        others=others,
        warnings=[*dict.fromkeys(erased.problems), *_left(workspace, hunt), *_advice(workspace, erased.files)],
    )


def _hunt(workspace: Workspace, typed: str) -> Hunt:
    found = [one.value for one in find_lines(workspace.paths, lambda value: _ends(value, typed.strip().lower()))]
    ids = meant((one["id"] for one in found), typed)
    if len(ids) != 1:
        raise NotFoundError(
            f"{len(ids)} records have an id ending in {typed[:40]!r}. Give at least the last {SHORTEST} "
            "characters of one; the result of the call that wrote it, and `orchestrator failure list`, show it."
        )
    (full_id,) = ids
    return hunt_of(full_id, [one for one in found if one["id"] == full_id])


def _change(hunt: Hunt) -> Change:
    return Change(hunt.everywhere, hunt.document, hunt.plain, hunt.torn, hunt.holds)


def _others(workspace: Workspace, hunt: Hunt) -> int:
    """How many other records lose a text; drafts are made anew, and a migration's originals are copies."""

    def loses(value: dict[str, Any]) -> bool:
        try:
            return not is_suggestion(value) and hunt.elsewhere(value) != value
        except RecursionError:  # nested deeper than we write: its bytes are searched, but it is no record of ours
            return False

    found = find_lines(workspace.paths, loses)
    backup = workspace.paths.backup_dir()
    return len({_identity(one.value) for one in found if backup not in one.path.parents})


def _identity(value: dict[str, Any]) -> str:
    return str(value.get("id") or json.dumps(value, sort_keys=True))


def _left(workspace: Workspace, hunt: Hunt) -> list[str]:
    """Where the text still stands: in names and ids, and in files that are not the store's."""
    legacy = [file.path for file in workspace.legacy.ours()]
    found = find_files(workspace.paths, hunt.quoted, legacy)
    if not found:
        return []
    shown = ", ".join(_named(workspace, found)[:NAMED]) + (" and others" if len(found) > NAMED else "")
    return [f"The same words still stand in {shown}: in a name, inside of other words, or not ours. Look there."]


def _advice(workspace: Workspace, files: Iterable[Path]) -> list[str]:
    backup = workspace.paths.backup_dir()
    rolls = ["A rollback of the migration will say that its backup is not what was stored: this changed it."]
    outside = ["Snapshots and backups outside this store are not reached. If it was a secret, replace it."]
    return (rolls if any(backup in path.parents for path in files) else []) + outside


def _named(workspace: Workspace, files: Iterable[Path]) -> list[str]:
    base = workspace.paths.orchestrator_dir
    return [path.relative_to(base).as_posix() if base in path.parents else path.name for path in sorted(files)]


def _ends(value: dict[str, Any], suffix: str) -> bool:
    return isinstance(value.get("id"), str) and value["id"].lower().endswith(suffix)
