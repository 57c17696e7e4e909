"""Forgetting: taking a record's text out of every file, cache and archive."""

from typing import Any

from orchestrator_mcp.analysis.forgetting import blanked, bytes_without, needles, without
from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.records.base import Result
from orchestrator_mcp.storage.erasure import erase, find_lines
from orchestrator_mcp.storage.workspace import Workspace

SHORTEST_ID = 6


class Forgotten(Result):
    """The answer to `forget`: which record, and which files were rewritten, relative to the store."""

    id: str
    files: list[str]


def forget(workspace: Workspace, record_id: str) -> Forgotten:
    """Remove a record's text from every file, cache and archive of this store.

    The record stays as an empty shell, so that counts stay true. Copies outside the store, such as exported snapshots
    and backups, are out of reach; a secret that was written anywhere should be replaced all the same.

    Raises:
        NotFoundError: if no record, or more than one, has an id ending so.
    """
    workspace.store()
    found = list(find_lines(workspace.paths, lambda value: _ends(value, record_id)))
    ids = {one["id"] for one in found}
    if len(record_id) < SHORTEST_ID or len(ids) != 1:
        raise NotFoundError(
            f"{len(ids)} records have an id ending in {record_id[:40]!r}. Give at least the last {SHORTEST_ID} "
            "characters of one; the result of the call that wrote it, and `orchestrator failure list`, show it."
        )
    (full_id,) = ids
    forms = needles(found)

    def change(value: dict[str, Any]) -> dict[str, Any]:
        return blanked(value) if value.get("id") == full_id else without(value, forms)

    workspace.close()
    rewritten = erase(workspace.paths, workspace.locks, change, lambda data: bytes_without(data, forms))
    base = workspace.paths.orchestrator_dir
    return Forgotten(
        id=full_id,
        files=[path.relative_to(base).as_posix() for path in rewritten],
        warnings=["Snapshots and backups outside this store are not reached. If it was a secret, replace it."],
    )


def _ends(value: dict[str, Any], suffix: str) -> bool:
    return isinstance(value.get("id"), str) and value["id"].endswith(suffix.lower())
