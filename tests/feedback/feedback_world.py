"""A project with a workflow in it, and events as they are written in the wild."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.storage.paths import Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEY = b"k" * 32
DATA = Path(os.environ.get("ORCHESTRATOR_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def sample(folder: Path) -> Path:
    """A copy of the real project's state and log."""
    source = DATA / "legacy" / "workflow_project"
    if not source.is_dir():
        pytest.skip(f"The real sample is not here: {source}. Set ORCHESTRATOR_TEST_DATA to the data folder.")
    for name in (".workflow_log.jsonl", ".workflow_state.json"):
        shutil.copyfile(source / name, folder / name)
    return folder


def workspace(root: Path, *, now=None, redact=lambda value, key: value, **settings) -> Workspace:
    thinking = Thinking(redact, lambda stream, value: [], "1")
    return Workspace(Roots(root, root), Settings(**settings), thinking, (lambda: now) if now else None)


def raw(
    event_type: str, second: float = 0, item: str | None = None, *, workflow="wf_1", phase=None, message="", **details
):
    """One line of a log, with all eight fields that real ones have."""
    return {
        "timestamp": (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "event_type": event_type,
        "workflow_id": workflow,
        "phase_id": phase,
        "item_id": item,
        "message": message,
        "details": details,
        "actor": "system",
    }


def event(*args, **fields) -> LogEvent:
    return LogEvent.model_validate(raw(*args, **fields))


def write_log(root: Path, lines) -> None:
    text = "".join(json.dumps(line) + "\n" if isinstance(line, dict) else line for line in lines)
    (root / ".workflow_log.jsonl").write_text(text, "utf-8")


def tool_lines(at: Workspace) -> bytes:
    path = at.paths.for_session(at.session_id()).feedback_dir() / "tool.jsonl"
    return path.read_bytes() if path.exists() else b""


def tool_entries(at: Workspace) -> list[ToolFeedback]:
    return at.read(ToolFeedback).records


def process_entries(at: Workspace) -> list[ProcessFeedback]:
    return at.read(ProcessFeedback).records
