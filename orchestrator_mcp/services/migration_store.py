"""What a migration changes of the store beside the sessions it makes: config, prd, and a state that is preferred."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from orchestrator_mcp.analysis.legacy_config import TakenConfig, take, to_set
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import LegacyEntry, Prefer
from orchestrator_mcp.storage.config_edit import with_settings
from orchestrator_mcp.storage.files import LARGEST_DOCUMENT, read_small
from orchestrator_mcp.storage.workspace import Workspace
from orchestrator_mcp.storage.yaml_files import parse_yaml, read_yaml

from .migration_conflicts import Conflict

_REVISION = "_revision"


def store_files(
    workspace: Workspace, entries: Sequence[LegacyEntry], conflicts: Sequence[Conflict], lost: Collection[str]
) -> tuple[dict[str, bytes], list[str]]:
    """The files of the store that are to be replaced, by their place in it, and warnings; `lost` replace nothing."""
    config, warnings = _config(workspace, [one for one in entries if one.kind is LegacyKind.CONFIG])
    prd = {one.becomes: _old(one) for one in entries if one.kind is LegacyKind.PRD and one.name not in lost}
    changed = {name: data for name, data in prd.items() if data != _there(workspace, name)}
    return config | changed | {one.place: _preferred(one) for one in conflicts if one.place}, warnings


def losing_prds(workspace: Workspace, entries: Sequence[LegacyEntry], prefer: Prefer | None) -> list[LegacyEntry]:
    """The old prd states in whose place another one stays in use."""
    olds = [one for one in entries if one.kind is LegacyKind.PRD and prefer is not Prefer.OLD]
    return [one for one in olds if _there(workspace, one.becomes) not in {None, _old(one)}]


def _config(workspace: Workspace, entries: Sequence[LegacyEntry]) -> tuple[dict[str, bytes], list[str]]:
    """The project's config with what the old ones add; of two old ones that set the same, the first wins."""
    path = workspace.paths.config_file()
    data = read_small(path)
    existing = parse_yaml(data or b"", path) if entries else {}
    taken = TakenConfig()
    for entry in entries:
        take(read_yaml(Path(entry.root) / entry.name) or {}, existing, taken)
    if not taken.added:
        return {}, taken.said()
    changed = with_settings(data, path, to_set(existing, taken))
    if changed is None:
        return {}, [f"{path} is laid out in a way that only an editor can change, so no old setting was taken over."]
    return {path.name: changed}, taken.said()


def _preferred(conflict: Conflict) -> bytes:
    """The old state, byte for byte; with the revision up to which our own log is folded into it, where there is one."""
    revision = conflict.ours.get(_REVISION)
    if revision is None:
        return conflict.old.data
    return json.dumps(conflict.old.says | {_REVISION: revision}, indent=2, ensure_ascii=False).encode() + b"\n"


def _old(entry: LegacyEntry) -> bytes:
    return read_small(Path(entry.root) / entry.name, LARGEST_DOCUMENT) or b""


def _there(workspace: Workspace, name: str) -> bytes | None:
    return read_small(workspace.paths.orchestrator_dir / name, LARGEST_DOCUMENT)
