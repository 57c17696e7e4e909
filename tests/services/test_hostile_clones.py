"""A cloned repository brings its own `.orchestrator/`: nothing in it leads outside, and nothing in it is believed."""

import contextlib
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from orchestrator_mcp.errors import ForeignStoreError, OrchestratorError
from orchestrator_mcp.services.failures import list_failures, log_failure
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.storage.ids import new_id


def fail(workspace):
    return log_failure(workspace, context="It broke", feedback="Mend it", category="API")


def plant(project: Project, name: str, **wrong: object) -> Path:
    """A manifest, as an attacker would write it, beside a payload."""
    fail(project.agent())
    identity = new_id()
    backup = project.root / ".orchestrator" / "migration_backup" / identity
    (backup / "originals").mkdir(parents=True)
    (backup / "originals" / ".bashrc").write_text("evil")
    original = {"path": ".bashrc", "kind": "file", "mode": 0o644, "mtime_ns": 0, "size": 4, "sha256": "0" * 64}
    manifest = {
        "session_id": identity,
        "created_at": "2026-11-01T00:00:00Z",
        "version": "1",
        "work_root": ".",
        "originals": [original],
        "session_files": {},
    }
    (backup / name).write_text(json.dumps(manifest | wrong))
    return backup


@pytest.mark.parametrize("name", ["rollback.json", "pending.json", "manifest.json"])
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"work_root": ".."},
        {"work_root": "/tmp"},
        {"work_root": ".git"},
        {"session_id": "../../src"},
        {"originals": [{"path": "../.workflow_state.json", "kind": "file", "mode": 420, "mtime_ns": 0}]},
        {"originals": [{"path": ".workflow_checkpoints/../x", "kind": "file", "mode": 420, "mtime_ns": 0}]},
        {"originals": [{"path": ".workflow_state.json", "kind": "file", "mode": 0o755, "mtime_ns": 0}]},
    ],
    ids=str,
)
def test_a_planted_manifest_moves_nothing(project: Project, name: str, wrong: dict, capsys) -> None:
    project = Project(project.root / "clone")
    (project.root / "src").mkdir(parents=True)
    (project.root / ".git").mkdir()
    (project.root / ".bashrc").write_text("mine")
    plant(project, name, **wrong)
    outside = {path for path in project.root.parent.rglob("*") if ".orchestrator" not in path.parts}
    for act in (lambda: fail(project.agent()), lambda: migrate_state(project.agent(), dry_run=False)):
        act()
    with contextlib.suppress(OrchestratorError):
        rollback(project.person(), force=True)
    assert (project.root / ".bashrc").read_text() == "mine"
    assert {path for path in project.root.parent.rglob("*") if ".orchestrator" not in path.parts} == outside
    capsys.readouterr()


def original(path: str, content: bytes = b"", **more: object) -> dict[str, object]:
    told = {"path": path, "kind": "file", "mode": 0o644, "mtime_ns": 0, "size": len(content)}
    return told | {"sha256": hashlib.sha256(content).hexdigest()} | more


def folder(path: str) -> dict[str, object]:
    return {"path": path, "kind": "folder", "mode": 0, "mtime_ns": 10**18}


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


LOGS = "skills/x/logs/feedback.jsonl"


def originals_brought_back(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    (clone / "skills").symlink_to(outside)
    put(outside / "x/logs/feedback.jsonl", b"mine")
    put(backup / "originals" / LOGS, b"evil")
    return [original(LOGS, b"evil")]


def originals_in_a_linked_folder(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    (backup / "originals" / ".bashrc").unlink()
    (backup / "originals").rmdir()
    (backup / "originals").symlink_to(outside)
    put(outside / LOGS, b"mine")
    return [original(LOGS, b"mine")]


def originals_moved_away(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    (clone / "skills").symlink_to(outside)
    put(outside / "x/logs/feedback.jsonl", b"mine")
    mtime = (outside / "x/logs/feedback.jsonl").stat().st_mtime_ns
    return [original(LOGS, b"mine", mtime_ns=mtime)]


def modes_of_a_linked_folder(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    put(outside / "inner" / "file", b"mine")
    (backup / "originals" / ".workflow_checkpoints").symlink_to(outside)
    return [folder(".workflow_checkpoints"), folder(".workflow_checkpoints/inner")]


def a_file_in_a_linked_folder(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    (clone / "logs").symlink_to(outside)
    put(outside / "feedback.jsonl", b"mine")
    put(backup / "originals" / "logs/feedback.jsonl", b"evil")
    return [original("logs/feedback.jsonl", b"evil")]


def a_placement_in_a_linked_session(clone: Path, backup: Path, outside: Path) -> list[dict[str, object]]:
    put(outside / "state.json", b"mine")
    (clone / ".orchestrator/sessions/victim").symlink_to(outside)
    put(backup / "prepared/sessions/victim/state.json", b"evil")
    return []


PLACED = {"to": "sessions/victim/state.json", "sha256": "0" * 64, "replaces": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize("name", ["rollback.json", "pending.json"])
@pytest.mark.parametrize(
    "trap",
    [
        originals_brought_back, originals_in_a_linked_folder, originals_moved_away, modes_of_a_linked_folder,
        a_file_in_a_linked_folder, a_placement_in_a_linked_session,
    ],
)  # fmt: skip
def test_a_planted_manifest_follows_no_link(project: Project, trap: Any, name: str, capsys) -> None:
    clone, outside = project.root / "clone", project.root / "outside"
    for made in (clone, outside):
        made.mkdir()
    cloned = Project(clone)
    backup = plant(cloned, "nothing.json")
    (backup / "nothing.json").unlink()
    originals = trap(clone, backup, outside)
    manifest = {"session_id": backup.name, "created_at": "2026-11-01T00:00:00Z", "version": "1", "work_root": "."}
    manifest |= {"originals": originals, "session_files": {}}
    manifest |= {"placements": [PLACED]} if trap is a_placement_in_a_linked_session else {}
    (backup / name).write_text(json.dumps(manifest))
    (clone / ".orchestrator/sessions" / backup.name).mkdir()

    def seen() -> dict[str, tuple[int, int, bytes]]:
        paths = sorted(outside.rglob("*"))
        return {
            str(path): (path.stat().st_mode, path.stat().st_mtime_ns, b"" if path.is_dir() else path.read_bytes())
            for path in paths
        }

    before = seen()
    for act in (lambda: fail(cloned.agent()), lambda: migrate_state(cloned.agent(), dry_run=False)):
        with contextlib.suppress(OrchestratorError):
            act()
    with contextlib.suppress(OrchestratorError):
        rollback(cloned.person(), force=True)
    assert seen() == before
    capsys.readouterr()


@pytest.mark.parametrize("times", [{"mtime_ns": 10**40}, {"mode": 1 << 40}, {"mtime_ns": -(10**40)}], ids=str)
def test_a_planted_manifest_with_odd_numbers_stops_nothing(project: Project, times: dict, capsys) -> None:
    plant(project, "rollback.json", originals=[original(LOGS)], around=[folder("skills/x/logs") | times])
    assert fail(project.agent()).recorded
    capsys.readouterr()


@pytest.mark.parametrize("name", ["sessions", "rules", "archive", "tmp", "migration_backup", "prd", "secrets"])
def test_a_folder_of_the_store_that_is_a_link_is_refused(project: Project, tmp_path_factory, name: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (project.root / ".orchestrator").mkdir()
    meta = {"tool": "orchestrator-mcp", "format": 1, "repo_id": new_id(), "created_at": "2026-11-01T00:00:00Z"}
    (project.root / ".orchestrator/meta.json").write_text(json.dumps(meta))
    (project.root / ".orchestrator" / name).symlink_to(outside)
    with pytest.raises(OrchestratorError, match=f"{name} is a symbolic link"):
        fail(project.agent())
    with contextlib.suppress(OrchestratorError):
        review_patterns(project.person())
    assert list(outside.iterdir()) == []


def test_a_planted_upgrade_follows_no_link(project: Project, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    fail(project.agent())
    store = project.root / ".orchestrator"
    (store / "sessions/far").symlink_to(outside)
    (outside / "keys").mkdir()
    put(store / "upgrade/sessions/far/keys/authorized_keys", b"evil")
    with pytest.raises(OrchestratorError, match="far is a symbolic link"):
        fail(project.agent())
    assert list((outside / "keys").iterdir()) == []


def test_a_copied_cache_is_not_believed(project: Project) -> None:
    for _ in range(3):
        fail(project.agent())
    before = review_patterns(project.agent(), all=True)
    copy = Project(project.root / "copy")
    shutil.copytree(project.root / ".orchestrator", copy.root / ".orchestrator")
    for path in (copy.root / ".orchestrator" / "sessions").rglob("failures.jsonl"):
        path.unlink()
    assert review_patterns(copy.person(), all=True).patterns == []
    assert before.patterns


def test_a_store_that_is_a_link_is_refused(project: Project, tmp_path_factory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    fail(other.agent())
    (project.root / ".orchestrator").symlink_to(other.root / ".orchestrator")
    before = other.files()
    with pytest.raises(OrchestratorError, match="symbolic link"):
        fail(project.agent())
    assert other.files() == before


@pytest.mark.torn
@pytest.mark.parametrize(
    "line",
    [
        b'{"event_type":["verification_failed"],"timestamp":"2026-11-01T00:00:00Z"}',
        b'{"event_type":{},"item_id":7,"details":[]}',
        b'{"id":"x","context":"\xed\xa0\x80","feedback":"y","timestamp":"2026-11-01T00:00:00Z"}',
        '{"id":"x"}'.encode("utf-16"),
        b'{"id":"x","timestamp":"0001-01-01T00:00:00+14:00","context":"a","feedback":"b"}',
        b'{"id":"x","timestamp":"9999-12-31T23:59:59-14:00","context":"a","feedback":"b"}',
        b'{"id":7,"rev":"many","severity":[],"category":{},"context":5,"feedback":null,"timestamp":1}',
        b"[" * 5000,
    ],
    ids=range(8),
)
def test_one_poisoned_line_stops_nothing(project: Project, line: bytes) -> None:
    agent = project.agent()
    fail(agent)
    folder = project.root / ".orchestrator" / "sessions" / agent.session_id()
    for name in ("failures.jsonl", "log.jsonl", "agent_invocations.jsonl", "feedback/process.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("ab") as file:
            file.write(line + b"\n")
    again = project.agent()
    assert fail(again).pattern is not None
    review_patterns(again, all=True)
    assert list_failures(again).total >= 2


def test_a_newer_format_can_be_read_and_not_written(project: Project) -> None:
    for _ in range(3):
        fail(project.agent())
    meta = project.root / ".orchestrator" / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"format": 99}))
    assert review_patterns(project.agent(), all=True).patterns
    with pytest.raises(ForeignStoreError, match="format 99"):
        fail(project.agent())
