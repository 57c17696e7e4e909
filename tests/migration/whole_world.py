"""A project with a store of ours in which everything is that a migration changes beside one session."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from crash_disk import Tree, read_tree
from migration_world import EVENT, STATE, TOOL, lines, workspace

from orchestrator_mcp.records.migration import Choices, MigrationResult, Prefer
from orchestrator_mcp.services.migration import migrate
from orchestrator_mcp.storage.workspace import Workspace

OURS = "01m7y6e3m9y6syec7w7ybzrxfz"
ORIGIN = ".orchestrator/sessions/b8de435a"
NAMES = (".workflow_state.json", ".orchestrator.yaml", ".claude/prd_state.json", "logs/feedback.jsonl", ORIGIN)
CONFIG = b"# mine\nmin_frequency: 5\nvariables: {docs_dir: doc}\n"
PRD = {"prd_id": "p", "prd_title": "T", "prd_file": "/x", "tasks": [{"id": "1", "description": "d", "status": "done"}]}
MISTAKE = {
    "timestamp": "2026-01-08T12:19:59.159451", "session_id": "s20260108", "type": "mistake", "context": "Wrong name",
    "feedback": "Renamed it", "category": "naming", "severity": "critical",
}  # fmt: skip
ORIGIN_META = {"session_id": "b8de435a", "created_at": "2026-11-21T01:29:08.219393", "repo_root": "."}


def put(root: Path, name: str, data: bytes, mode: int = 0o644) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.chmod(path, mode)
    return path


def origin_session(root: Path, folder: str = ORIGIN) -> None:
    """A session as the older orchestrator made it."""
    meta = ORIGIN_META | {"session_id": folder.rpartition("/")[2]}
    put(root, f"{folder}/meta.json", json.dumps(meta).encode())
    put(root, f"{folder}/state.json", json.dumps(STATE | {"workflow_id": "wf_other"}).encode(), 0o600)
    put(root, f"{folder}/log.jsonl", lines(EVENT | {"workflow_id": "wf_other"}))
    put(root, f"{folder}/feedback/tool.jsonl", lines(TOOL))
    (root / folder / "checkpoints").mkdir()


def make_whole(root: Path) -> None:
    """A store of ours with a config and a session that has another state; and a legacy file of each new kind."""
    root.mkdir(parents=True)
    there = workspace(root)
    there.store()
    there.redact({})
    there.sessions.create_session(OURS)
    put(root, f".orchestrator/sessions/{OURS}/state.json", json.dumps(STATE | {"status": "completed"}).encode(), 0o600)
    put(root, f".orchestrator/sessions/{OURS}/lock", b"", 0o600)
    put(root, ".orchestrator/config.yaml", CONFIG, 0o600)
    put(root, ".workflow_state.json", json.dumps(STATE).encode(), 0o640)
    put(root, ".orchestrator.yaml", b'test_command: "true"\ndocs_dir: docs\nmin_workflows: 4\nfeedback_sync: true\n')
    put(root, ".claude/prd_state.json", json.dumps(PRD).encode(), 0o604)
    put(root, ".claude/settings.json", b"{}")
    put(root, "logs/feedback.jsonl", lines(MISTAKE))
    origin_session(root)
    for number, name in enumerate((*NAMES, "logs", ".claude", ".orchestrator/config.yaml")):
        os.utime(root / name, ns=(1, 1_600_000_000_123_456_000 + number))


@dataclass
class Whole:
    """The project, and how it was."""

    root: Path
    devices: tuple[str, ...] = ()
    start: Tree = field(default_factory=dict)

    def open(self, root: Path) -> Workspace:
        return workspace(root)

    def migrate(self, there: Workspace) -> MigrationResult:
        return migrate(there, Choices(prefer=Prefer.OLD), dry_run=False)

    def verdict(self, tree: Tree) -> str:
        """`before` or `after`; anything else is a broken promise."""
        leftovers = [name for name in tree if name.startswith(".orchestrator/tmp/")]
        if leftovers:
            return f"not swept: {leftovers}"
        new = sorted({name.split("/")[2] for name in tree if _is_new_session(name)})
        backups = [name for name in tree if name.startswith(".orchestrator/migration_backup/")]
        if not new:
            changed = [name for name in _kept(self.start) if tree.get(name) != self.start[name]]
            left = [*changed, *backups, *(name for name in tree if name.endswith(".migration_complete"))]
            return f"changed or left: {left}" if left else "before"
        return self._after(tree, new)

    def _after(self, tree: Tree, new: list[str]) -> str:
        backups = {name.split("/")[2] for name in tree if name.startswith(".orchestrator/migration_backup/")}
        if len(new) != 2 or len(backups) != 1 or not backups <= set(new):
            return f"half: {new} {backups}"
        main = backups.pop()
        other = next(name for name in new if name != main)
        backup = f".orchestrator/migration_backup/{main}/"
        first, second = f".orchestrator/sessions/{main}/", f".orchestrator/sessions/{other}/"
        legacy = {name: entry for name, entry in self.start.items() if name.startswith(NAMES)}
        wrong = [name for name in legacy if name in tree or tree.get(f"{backup}originals/{name}") != legacy[name]]
        config = yaml.safe_load(tree[".orchestrator/config.yaml"][3])
        checks = {
            f"not in the backup: {wrong}": not wrong,
            "config": config
            == {"min_frequency": 5, "min_workflows": 4, "variables": {"docs_dir": "doc", "test_command": "true"}},
            "config's comment": tree[".orchestrator/config.yaml"][3].startswith(b"# mine\n"),
            "prd": json.loads(tree.get(".orchestrator/prd/prd_state.json", ("", 0, 0, b"0"))[3]) == PRD,
            "state": json.loads(tree[f".orchestrator/sessions/{OURS}/state.json"][3]) == STATE,
            "what stood there": tree.get(f"{backup}replaced/config.yaml") == self.start[".orchestrator/config.yaml"],
            "failures": tree.get(f"{first}failures.jsonl", ("", 0, 0, b""))[3].count(b"\n") == 1,
            "the older session": tree.get(f"{second}log.jsonl") == self.start[f"{ORIGIN}/log.jsonl"],
            "its feedback": tree.get(f"{second}feedback/tool.jsonl", ("", 0, 0, b""))[3].count(b"\n") == 1,
            "settings": tree[".claude/settings.json"] == self.start[".claude/settings.json"],
            "marked": ".orchestrator/.migration_complete" in tree and f"{backup}manifest.json" in tree,
        }
        return "; ".join(what for what, right in checks.items() if not right) or "after"


def whole(root: Path) -> Whole:
    make_whole(root)
    return Whole(root, start=read_tree(root))


def _is_new_session(name: str) -> bool:
    parts = name.split("/")
    return len(parts) > 2 and parts[:2] == [".orchestrator", "sessions"] and parts[2] not in {OURS, "b8de435a"}


def _kept(start: Tree) -> list[str]:
    """What a rollback brings back exactly; a folder of the store's own has the time of its last change."""
    own = {".orchestrator", ".orchestrator/sessions", ".orchestrator/tmp", f".orchestrator/sessions/{OURS}"}
    return [name for name in start if name not in own]
