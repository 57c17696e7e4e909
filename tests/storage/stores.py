"""Stores for tests: records, streams and workspaces, opened as a process would open them."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator_mcp.records.digest import Digest
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.storage.flusher import Flusher
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import parse_object, read_lines
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.paths import Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.streams import Stream
from orchestrator_mcp.storage.workspace import Workspace

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VERSION = "test-1"
_numbers = itertools.count()


def digest(stream: str, value: dict[str, Any]) -> Iterable[Digest]:
    """One entry for each failure, by its context."""
    if stream == "failures":
        text = str(value.get("context", ""))
        yield Digest("failure", text, text, "failure", _micros(value), wording=hash_of(text), retryable=True)


def _micros(value: dict[str, Any]) -> int | None:
    try:
        return int(datetime.fromisoformat(value["timestamp"]).timestamp() * 1_000_000)
    except (KeyError, TypeError, ValueError):
        return None


def hash_of(text: str) -> int:
    return sum(text.encode("utf-8", "replace")) * 7919 & 0x7FFFFFFF


def open_workspace(root: Path, work: Path | None = None, version: str = VERSION, **settings: Any) -> Workspace:
    """A workspace whose redaction changes nothing."""
    thinking = Thinking(lambda value, _key: value, digest, version)
    return Workspace(Roots(root, work or root), Settings(**settings), thinking, lambda: NOW)


def failure(context: str = "a test failed", **fields: Any) -> Failure:
    given: dict[str, Any] = {"id": new_id(), "timestamp": NOW, "context": context, "feedback": "do better"}
    return Failure(**given | fields)


def suggestion(title: str = "a rule", **fields: Any) -> Suggestion:
    given: dict[str, Any] = {
        "id": f"rule_{new_id()}", "timestamp": NOW, "pattern_id": "pat_1", "title": title, "category": "Testing",
        "priority": "HIGH", "confidence": "HIGH", "target": "CLAUDE.md", "draft": "Do it.", "content_sha256": "0" * 64,
        "entries": 5, "sessions": 3, "of_sessions": 10,
    }  # fmt: skip
    return Suggestion(**given | fields)


def failures(folder: Path, *, durable: bool = False, flusher: Flusher | None = None) -> Stream[Failure]:
    """A stream of failures in a folder, without a store around it."""
    lock = FolderLock(folder / "lock", deadline=30)
    path = folder / "failures.jsonl"
    return Stream(Failure, path, lock, lambda value: value, flusher or Flusher(), durable=durable)


def objects(path: Path) -> list[dict[str, Any]]:
    """Every line as an object; one that is none fails the test."""
    found = []
    for line in read_lines(path):
        value = parse_object(line.data)
        assert value is not None, (
            f"{path.name} holds a line that is no object at byte {line.offset}: {line.data[:80]!r}"
        )
        found.append(value)
    return found
