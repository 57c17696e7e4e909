"""Stores to pack up, and archives put together piece by piece, so that each piece can be wrong."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crash_disk import Tree, read_tree
from projects import Project

from orchestrator_mcp.records.snapshot import OnConflict, SnapshotImported
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules
from orchestrator_mcp.services.snapshot_import import import_snapshot
from orchestrator_mcp.services.snapshots import export_to_file
from orchestrator_mcp.services.telemetry import log_invocation
from orchestrator_mcp.services.workflows import start_workflow, update_workflow
from orchestrator_mcp.storage.workspace import Workspace

REPO = "01m7ysgtqx480jdh1syjvk6gyx"
SESSION = "01m7ysgtr07f5qd0qx20ttxkah"
MTIME = 1_795_255_986


def fill(project: Project, agents: int = 3) -> None:
    """Agents that make one mistake each, rules drafted from it, a workflow, and a private record."""
    for number in range(agents):
        agent = project.agent()
        log_failure(
            agent, context="tests ran against the live database", feedback="set DATABASE_URL", category="testing"
        )
        log_failure(agent, context=f"thing {number} fell over", feedback=f"prop up {number}", category="api")
        start_workflow(agent, task=f"task {number}")
        update_workflow(agent, action="note", text="a note \u2028 of two lines")
        project.wait(minutes=5)
    log_invocation(agent, agent_name="builder", agent_type="coder", task_description="build")
    suggest_rules(agent)
    agent.close()


def no_passphrase() -> str:
    raise AssertionError("nobody may be asked for a passphrase")


def take(workspace: Workspace, path: Path, **options: Any) -> SnapshotImported:
    if "on_conflict" in options:
        options["on_conflict"] = OnConflict(options["on_conflict"])
    return import_snapshot(workspace, path, **{"passphrase": no_passphrase, **options})


def give(workspace: Workspace, path: Path, **options: Any) -> Path:
    export_to_file(workspace, path, **options)
    return path


def reviewed(workspace: Workspace) -> dict[str, Any]:
    """What a review says, less the moment it is asked."""
    found = review_patterns(workspace).model_dump(mode="json")
    return {name: value for name, value in found.items() if name != "window"}


def contents(root: Path) -> Tree:
    """What a store holds that is neither derived nor a lock."""
    tree = read_tree(root / ".orchestrator", times=False)
    noise = ("cache", "tmp", "reports", "migration_backup", "secrets")
    return {
        path: entry
        for path, entry in tree.items()
        if path.split("/")[0] not in noise and path.rpartition("/")[2] != "lock"
    }


def tar_header(name: str, size: int, mtime: int = MTIME, **fields: Any) -> bytes:
    info = tarfile.TarInfo(name if len(name) < 200 else name[:90])  # what is longer has no header of this kind
    info.size, info.mtime, info.mode = size, mtime, 0o600
    for field_name, value in fields.items():
        setattr(info, field_name, value)
    return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")


def block(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


@dataclass(frozen=True)
class Forged:
    """A snapshot in pieces: by default, one that is taken in."""

    files: dict[str, bytes] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    line: Callable[[dict[str, Any]], object] = lambda line: line
    member: Callable[[str, bytes], bytes] = lambda name, data: tar_header(name, len(data)) + block(data)
    order: Callable[[list[str]], list[str]] = sorted
    end: bytes = bytes(1024)

    def but(self, **changes: Any) -> "Forged":
        return replace(self, **changes)

    def manifest(self) -> bytes:
        said = {"tool": "orchestrator-mcp", "format": 1, "version": "0.1.0", "repo_id": REPO,
                "exported_at": "2026-11-21T10:13:06.000000Z", "include_private": False, "files": len(self.files),
                "bytes": sum(map(len, self.files.values()))}  # fmt: skip
        lines = [said | self.header]
        for name in self.order(list(self.files)):
            data = self.files[name]
            one = {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "mtime": MTIME}
            lines.append(self.line(one))  # type: ignore[arg-type]
        return b"".join(json.dumps(one).encode() + b"\n" for one in lines)

    def tar(self) -> bytes:
        manifest = self.manifest()
        parts = [tar_header("manifest.jsonl", len(manifest)), block(manifest)]
        parts += [self.member(name, self.files[name]) for name in self.order(list(self.files))]
        return b"".join(parts) + self.end

    def packed(self) -> bytes:
        return gzip.compress(self.tar(), mtime=0)


def plain(name: str, kind: bytes, link: str = "") -> bytes:
    """A member of another kind than a file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime, info.mode = kind, link, MTIME, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT)


def python_tar(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive as Python's own module writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


LOG = f"sessions/{SESSION}/log.jsonl"
META = f"sessions/{SESSION}/meta.json"
FAILURES = f"sessions/{SESSION}/failures.jsonl"
GOOD = Forged(
    {
        META: json.dumps({"session_id": SESSION, "created_at": "2026-11-21T10:13:06Z"}).encode(),
        FAILURES: b'{"id":"01m7ysgtqwbgjskgxjr0vn1qme","rev":1,"timestamp":"2026-11-21T10:13:06Z","context":"x"}\n',
    }
)
