"""The files of a migrated session that are written anew: its description and its feedback."""

import hashlib
from collections.abc import Sequence

from orchestrator_mcp.analysis.legacy_feedback import Conversion, Converted
from orchestrator_mcp.analysis.migration import REWRITTEN
from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.base import Model
from orchestrator_mcp.records.migration import LegacyEntry
from orchestrator_mcp.records.session import Session
from orchestrator_mcp.storage.files import read_small
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.store import redaction_key
from orchestrator_mcp.storage.workspace import Workspace

_LARGEST = 64 << 20


def session_files(
    workspace: Workspace, entries: Sequence[LegacyEntry], session_id: str
) -> tuple[dict[str, bytes], list[str]]:
    """Content by name within the session, and warnings. Every text passes redaction.

    Raises:
        MigrationError: if an original is not what was found any more.
    """
    converted = _converted(workspace, entries, session_id)
    count = sum(len(lines) for lines in converted.quarantined.values())
    warnings = [f"{count} feedback lines are no entries; they are kept in *.quarantine."] if count else []
    return _written(workspace, converted, session_id), warnings


def _converted(workspace: Workspace, entries: Sequence[LegacyEntry], session_id: str) -> Converted:
    key = redaction_key(workspace.paths, workspace.locks.of(workspace.paths.orchestrator_dir))
    conversion, into = Conversion(session_id, workspace.now(), new_id, key), Converted()
    for entry in entries:
        if entry.kind in REWRITTEN:
            data = read_small(workspace.paths.work_root / entry.name, _LARGEST) or b""
            if hashlib.sha256(data).hexdigest() != entry.originals[0].sha256:
                raise MigrationError(
                    f"{entry.name} is being written. Nothing was moved. End what writes it; try again."
                )
            conversion.convert(entry.kind, entry.becomes, data, into)
    return into


def _written(workspace: Workspace, converted: Converted, session_id: str) -> dict[str, bytes]:
    """The session's files that are not copies."""
    paths = workspace.paths
    linked = paths.work_root != paths.base_dir
    session = Session(
        session_id=session_id,
        created_at=workspace.now(),
        repo_root=str(paths.base_dir),
        worktree=str(paths.work_root) if linked else None,
        label="migrated legacy files",
        migrated_from=str(paths.work_root),
    )
    files = {"meta.json": encode_line(session.model_dump(mode="json", exclude_none=True))}
    for name, records in (("feedback/tool.jsonl", converted.tool), ("feedback/process.jsonl", converted.process)):
        if records:
            files[name] = b"".join(_line(workspace, record) for record in records)
    for name, lines in converted.quarantined.items():
        files[f"{name}.quarantine"] = b"".join(lines)
    return files


def _line(workspace: Workspace, record: Model) -> bytes:
    return encode_line(workspace.redact(record.model_dump(mode="json", exclude_none=True)))
