"""What a migration changes of the store beside the sessions it makes: config, prd, and a state that is preferred."""

import json
from collections.abc import Sequence
from pathlib import Path

from orchestrator_mcp.analysis.legacy_config import TakenConfig, take, to_set
from orchestrator_mcp.records.legacy import LegacyKind
from orchestrator_mcp.records.migration import LegacyEntry, Prefer
from orchestrator_mcp.storage.config_edit import with_settings
from orchestrator_mcp.storage.files import read_small
from orchestrator_mcp.storage.workspace import Workspace
from orchestrator_mcp.storage.yaml_files import parse_yaml, read_yaml

from .migration_conflicts import Conflict

_LARGEST = 64 << 20
_REVISION = "_revision"


def store_files(
    workspace: Workspace, entries: Sequence[LegacyEntry], conflicts: Sequence[Conflict], prefer: Prefer | None
) -> tuple[dict[str, bytes], list[str]]:
    """The files of the store that are to be replaced, by their place in it, and warnings."""
    config, warnings = _config(workspace, [one for one in entries if one.kind is LegacyKind.CONFIG])
    files = dict(config)
    for entry in entries:
        if entry.kind is LegacyKind.PRD:
            data, there = _read(entry), read_small(workspace.paths.orchestrator_dir / entry.becomes, _LARGEST)
            if there is None or (there != data and prefer is Prefer.OLD):
                files[entry.becomes] = data
            elif there != data:
                warnings.append(
                    f"{entry.becomes} is there already and differs. It stays in use, and the old one is kept in the "
                    "backup; --force-from-old uses the old one instead."
                )
    if prefer is Prefer.OLD:
        files |= {one.place: _preferred(one) for one in conflicts if one.place}
    return files, warnings


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
        return conflict.data
    return json.dumps(conflict.old | {_REVISION: revision}, indent=2, ensure_ascii=False).encode() + b"\n"


def _read(entry: LegacyEntry) -> bytes:
    return read_small(Path(entry.root) / entry.name, _LARGEST) or b""
