"""The files of a migrated session that are written anew: its description and its records."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.legacy_conversion import convert
from orchestrator_mcp.analysis.legacy_records import DIGEST, Context, Converted
from orchestrator_mcp.analysis.migration import MAIN, OWN, Part
from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.base import Model, Record
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.records.legacy import REWRITTEN
from orchestrator_mcp.records.session import Session
from orchestrator_mcp.records.telemetry import Invocation, SuccessMetric
from orchestrator_mcp.storage.files import open_plain, refusals
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line, parse_object
from orchestrator_mcp.storage.workspace import Workspace


@dataclass(frozen=True)
class Arriving:
    """A session that is made: of what, of all that was found, and what its description says of that."""

    session_id: str
    source: str
    label: str
    migrated_from: str


def session_files(
    workspace: Workspace, arriving: Arriving, parts: Sequence[Part]
) -> tuple[dict[str, bytes], list[str]]:
    """Content by name within the session, and warnings. Every text passes redaction.

    Raises:
        MigrationError: if an original is not what was found any more.
    """
    context = Context(arriving.session_id, workspace.now(), new_id, workspace.key(), _known(workspace, parts))
    into = Converted()
    for part in parts:
        if part.to is not None and part.kind in REWRITTEN and part.original.sha256:
            written = datetime.fromtimestamp(part.original.mtime_ns / 1e9, UTC)
            convert(part.kind, part.to, _lines(part), context, into, written=written, skip=part.skip)
    files = {name: b"".join(_line(workspace, one) for one in records) for name, records in into.records.items()}
    files |= {f"{name}.quarantine": b"".join(lines) for name, lines in into.quarantined.items()}
    return files | {OWN: _description(workspace, arriving, parts)}, list(_warnings(into))


def _known(workspace: Workspace, parts: Sequence[Part]) -> frozenset[str]:
    """What was taken before, line by line; old agent runs also by their ids."""
    if not any(part.kind in REWRITTEN for part in parts):
        return frozenset()
    models: tuple[type[Record], ...] = (Failure, ProcessFeedback, Invocation, SuccessMetric)
    taken = [one for model in models for one in workspace.read(model).records if DIGEST in (one.model_extra or {})]
    return frozenset(
        {str((one.model_extra or {})[DIGEST]) for one in taken}
        | {one.invocation_id for one in taken if isinstance(one, Invocation)}
    )


def _lines(part: Part) -> Iterator[bytes]:
    path, digest = Path(part.entry.root) / part.original.path, hashlib.sha256()
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file, refusals("reading", path):
        for line in file:
            digest.update(line)
            yield line
    if digest.hexdigest() != part.original.sha256:
        raise MigrationError(
            f"{part.original.path} is being written. Nothing was moved. End what writes it; try again."
        )


def _warnings(converted: Converted) -> list[str]:
    lines, texts = sum(len(lines) for lines in converted.quarantined.values()), converted.texts
    found = []
    if converted.changed:
        found.append(
            f"Agent runs that were here already and say something else now stay as they are: {converted.changed}."
        )
    if lines:
        are = "line is no entry of ours; it is" if lines == 1 else "lines are no entries of ours; they are"
        found.append(f"{lines} {are} kept in *.quarantine.")
    if texts:
        are = "section of notes is no entry; it is" if texts == 1 else "sections of notes are no entries; they are"
        found.append(f"{texts} {are} kept as text, among the learnings.")
    return found


def _description(workspace: Workspace, arriving: Arriving, parts: Sequence[Part]) -> bytes:
    paths = workspace.paths
    session = Session.model_validate(
        workspace.redact(_said_before(arriving, parts))
        | {
            "session_id": arriving.session_id,
            "created_at": workspace.now(),
            "repo_root": str(paths.base_dir),
            "worktree": str(paths.work_root) if paths.work_root != paths.base_dir else None,
            "label": arriving.label,
            "migrated_from": arriving.migrated_from,
        }
    )
    return encode_line(session.model_dump(mode="json", exclude_none=True))


def _said_before(arriving: Arriving, parts: Sequence[Part]) -> dict[str, Any]:
    """What the description of an older session said."""
    own = next((part for part in parts if part.original.path == f"{arriving.source}/{OWN}"), None)
    if arriving.source == MAIN or own is None:
        return {}
    names = ("session_id", "created_at", "worktree_path", "original_branch", "worktree_branch")
    said = parse_object(b"".join(_lines(own))) or {}
    return {f"legacy_{name}": said[name] for name in names if isinstance(said.get(name), str)}


def _line(workspace: Workspace, record: Model) -> bytes:
    return encode_line(workspace.redact(record.model_dump(mode="json", exclude_none=True)))
