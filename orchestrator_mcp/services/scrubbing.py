"""What of a file goes to a branch: records alone, without secrets and without what means only this machine."""

import json
from collections.abc import Iterator
from typing import Any

from orchestrator_mcp.storage.lines import parse_object
from orchestrator_mcp.storage.paths import META
from orchestrator_mcp.storage.snapshot_contents import LINES, Content
from orchestrator_mcp.storage.workspace import Workspace

_DOCUMENTS = ".json"
_OF_THIS_MACHINE = {"repo_root", "worktree"}


def is_scrubbed(path: str) -> bool:
    """Whether a file consists of records, in which secrets can be found; whatever does not is not saved."""
    return path.endswith((LINES, _DOCUMENTS))


def scrubbed(workspace: Workspace) -> Content:
    """Content in which each record is redacted once more; what is no record is left out."""

    def content(path: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if not path.endswith(LINES):
            yield _document(workspace, path, b"".join(chunks))
            return
        for chunk in chunks:  # of whole lines
            yield b"".join(_line(workspace, line) for line in chunk.split(b"\n"))

    return content


def _line(workspace: Workspace, line: bytes) -> bytes:
    value = parse_object(line)
    if value is None:
        return b""
    clean = _clean(workspace, value)
    return b"" if clean is None else (line if clean == value else _written(clean)) + b"\n"


def _document(workspace: Workspace, path: str, data: bytes) -> bytes:
    value = parse_object(data) or {}
    local = _OF_THIS_MACHINE if path.endswith(f"/{META}") else set[str]()
    clean = _clean(workspace, {name: part for name, part in value.items() if name not in local})
    return data if clean == value else _written(clean or {}, indent=2) + b"\n"


def _clean(workspace: Workspace, value: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return workspace.redact(value)
    except RecursionError:  # nested deeper than we write, so none of ours
        return None


def _written(value: dict[str, Any], indent: int | None = None) -> bytes:
    separators = (",", ": " if indent else ":")
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent)
    return text.encode("utf-8", "replace")
