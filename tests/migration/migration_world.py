"""A made-up legacy project with a bit of everything, and workspaces to migrate it in."""

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crash_disk import read_tree

from orchestrator_mcp.records.migration import MigrationResult
from orchestrator_mcp.services.migration import migrate_state
from orchestrator_mcp.storage.paths import Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace

NAMES = (
    ".workflow_state.json", ".workflow_log.jsonl", ".workflow_checkpoints",
    ".workflow_feedback.jsonl", ".workflow_tool_feedback.jsonl", ".workflow_process_feedback.jsonl",
)  # fmt: skip

STATE = {"workflow_id": "wf_94a0f102", "task_description": "Add a thing", "status": "active", "phases": {"PLAN": {}}}
EVENT = {
    "timestamp": "2026-01-06T02:32:21.899933Z", "event_type": "item_completed", "workflow_id": "wf_94a0f102",
    "phase_id": "PLAN", "item_id": "check_roadmap", "message": "done\u2028really", "details": {}, "actor": "system",
}  # fmt: skip
WRITER_A = {
    "timestamp": "2026-01-07T10:00:00+00:00", "mode": "auto", "workflow_id": "wf_94a0f102", "task": "Add a thing",
    "repo": "github.com/a/b", "parallel_agents_used": False, "reviews_performed": True, "errors_count": 1,
    "errors_summary": ["npm ENOENT"], "items_skipped_count": 0, "items_skipped_reasons": [], "learnings": "Be brief",
    "duration_seconds": 61, "phases": {"PLAN": 60, "SECRET_PHASE": 1},
}  # fmt: skip
WRITER_B = {
    "workflow_id": "wf_2", "task": "Other", "timestamp": "2026-01-08T10:00:00", "multi_agents_used": True,
    "what_went_well": "all", "challenges": "none", "improvements": "", "reviews_performed": ["security"], "notes": "n",
}  # fmt: skip
TOOL = {
    "timestamp": "2026-01-09T10:00:00+00:00", "mode": "auto", "duration_seconds": 122761, "repo_type": "python",
    "orchestrator_version": "3.0.0", "workflow_id_hash": "b0aaee280a5599b2", "items_skipped": ["write_tests", "acme_x"],
    "tool_suggestions": "mail bob@example.com", "host": "bobs-laptop",
}  # fmt: skip
PROCESS = {"timestamp": "2026-01-10T10:00:00+00:00", "workflow_id": "wf_3", "task": "T", "repo": "r", "mode": "auto",
           "session_id": "old", "favourite": {"a": 1}}  # fmt: skip


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def make_legacy(work: Path, *, small: bool = False) -> None:
    """Every legacy kind, with modes and times that are nobody's default."""
    work.mkdir(parents=True, exist_ok=True)
    checkpoints = work / NAMES[2]
    (checkpoints / "empty").mkdir(parents=True)
    (work / NAMES[0]).write_text(json.dumps(STATE, indent=2), "utf-8")
    (work / NAMES[1]).write_bytes(lines(EVENT, EVENT) + b'{"torn')
    (checkpoints / "cp_1.json").write_text(json.dumps({"checkpoint_id": "cp_1", "workflow_id": "wf_94a0f102"}), "utf-8")
    if not small:
        (checkpoints / "deep" / "er").mkdir(parents=True)
        (checkpoints / "deep" / "er" / "note").write_bytes(b"\0\xff")
        (work / NAMES[3]).write_bytes(lines(WRITER_A, WRITER_B) + b"not json\n")
        (work / NAMES[5]).write_bytes(lines(PROCESS)[:-1])
    (work / NAMES[4]).write_bytes(lines(TOOL))
    (work / "src.py").write_text("print()\n", "utf-8")
    for path, mode in ((NAMES[0], 0o640), (NAMES[1], 0o604), (f"{NAMES[2]}/cp_1.json", 0o444), (NAMES[2], 0o750)):
        os.chmod(work / path, mode)
    for number, (folder, folders, files) in enumerate(os.walk(work, topdown=False)):
        for name in files + folders:
            os.utime(Path(folder) / name, ns=(1_700_000_000_000_000_000 + number, 1_600_000_000_123_456_789 + number))


def redact(value: Any, key: bytes) -> Any:
    """Enough of redaction for these tests."""
    assert len(key) == 32
    return json.loads(json.dumps(value).replace("hunter2", "[REDACTED]"))


def workspace(store: Path, work: Path | None = None, *, read_only: bool = False) -> Workspace:
    return Workspace(
        Roots(store, work or store),
        Settings(read_only=read_only),
        Thinking(redact, lambda _stream, _value: iter(()), "1"),
        lambda: datetime(2026, 11, 21, tzinfo=UTC),
    )


def fast_folder() -> Path:
    """A new folder on the quickest file system there is."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


def migrate(project: Path) -> MigrationResult:
    return migrate_state(workspace(project), dry_run=False)


def session_of(project: Path, result: MigrationResult) -> Path:
    return project / ".orchestrator" / "sessions" / str(result.session_id)


def outside(project: Path) -> dict[str, tuple[str, int, int | None, bytes]]:
    return {name: entry for name, entry in read_tree(project).items() if not name.startswith(".orchestrator")}
