"""How much the store may hold: what is refused beyond, what is not, and how seldom it is measured."""

import os
from pathlib import Path

import pytest
from projects import Project
from session_world import STORE, fail

from orchestrator_mcp.errors import StorageFullError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.telemetry import log_invocation, log_success_metric
from orchestrator_mcp.services.workflows import start_workflow, update_workflow
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.quota import Quota


@pytest.fixture
def full(project: Project) -> Project:
    """A store that may hold 10 MB and holds more; something runs in it."""
    agent = project.agent(session="running")
    fail(agent)
    (project.root / STORE / "config.yaml").write_text("max_store_mb: 10\n")
    fill(project)
    return project


def fill(project: Project) -> None:
    archive = project.root / STORE / "archive/old"
    archive.mkdir(parents=True, exist_ok=True)
    (archive / "big.bin").write_bytes(b"x" * (11 << 20))
    (project.root / STORE / "cache/size").unlink(missing_ok=True)


def test_a_full_store_takes_nothing_new_and_says_what_to_do(full: Project) -> None:
    before = full.files()
    with pytest.raises(StorageFullError) as told:
        fail(full.agent(session="running"))
    for word in ("11 MB", "max_store_mb", "orchestrator session clean", ".orchestrator/archive"):
        assert word in str(told.value)
    assert full.files() == before


def test_a_full_store_takes_no_new_feedback(full: Project) -> None:
    before = full.files()
    with pytest.raises(StorageFullError):
        record_feedback(full.agent(session="running"), learnings="Ask first.")
    assert full.files() == before


def test_what_runs_can_be_finished(project: Project) -> None:
    agent = project.agent(session="running")
    start_workflow(agent, task="a page")
    run = log_invocation(agent, agent_name="builder", task_description="build")
    (project.root / STORE / "config.yaml").write_text("max_store_mb: 10\n")
    fill(project)
    again = project.agent(session="running")
    assert log_invocation(again, invocation_id=run.invocation_id, outcome_status=OutcomeStatus.SUCCESS).finished
    assert update_workflow(again, action="finish").status == "completed"
    with pytest.raises(StorageFullError):
        log_success_metric(again, invocation_id=run.invocation_id, success=True)


def test_whoever_makes_room_goes_on_at_once(full: Project) -> None:
    agent = full.agent(session="running")
    with pytest.raises(StorageFullError):
        fail(agent)
    (full.root / STORE / "archive/old/big.bin").unlink()
    fail(agent)
    fill(full)
    with pytest.raises(StorageFullError):
        fail(full.agent(session="running"))
    (full.root / STORE / "config.yaml").write_text("max_store_mb: 100\n")
    fail(full.agent(session="running"))
    assert len(full.person().read(Failure).records) == 3


def test_reads_and_the_default_cap_are_not_concerned(full: Project) -> None:
    assert len(full.person(read_only=True).read(Failure).records) == 1
    (full.root / STORE / "config.yaml").unlink()
    fail(full.agent(session="running"))


@pytest.mark.torn
def test_it_is_measured_once_and_counted_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / STORE / "sessions/s"
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_bytes(b"x" * (5 << 20))
    looks = []
    monkeypatch.setattr(os, "scandir", lambda path, scan=os.scandir: looks.append(path) or scan(path))
    quota = Quota(OrchestratorPaths(tmp_path), lambda: 10)
    for _ in range(1_000):
        quota.take(1_000)
    assert len(looks) == 3, "one look at each folder"
    Quota(OrchestratorPaths(tmp_path), lambda: 10).take(1_000)
    assert len(looks) == 3, "another process believes what was measured just now"
    for _ in range(5):
        quota.take(1 << 20)
    (folder / "log.jsonl").write_bytes(b"x" * (12 << 20))
    with pytest.raises(StorageFullError):
        quota.take(1)
    assert len(looks) == 6


@pytest.mark.parametrize("remembered", [b"", b"x", b"-5", b"9" * 30, b"\xff"])
def test_a_strange_memory_is_not_believed_to_be_less_than_what_is_refused(tmp_path: Path, remembered: bytes) -> None:
    """It is only a cache: whatever it says, before anything is refused the store is measured."""
    (tmp_path / STORE / "cache").mkdir(parents=True)
    (tmp_path / STORE / "cache/size").write_bytes(remembered)
    Quota(OrchestratorPaths(tmp_path), lambda: 10).take(1)


@pytest.mark.parametrize("remembered", [b"-1", b"-99999999999999"])
def test_nobody_gets_room_from_a_memory_of_less_than_nothing(tmp_path: Path, remembered: bytes) -> None:
    (tmp_path / STORE / "cache").mkdir(parents=True)
    (tmp_path / STORE / "big").write_bytes(b"x" * (11 << 20))
    (tmp_path / STORE / "cache/size").write_bytes(remembered)
    with pytest.raises(StorageFullError):
        Quota(OrchestratorPaths(tmp_path), lambda: 10).take(1)


def test_a_link_in_the_store_counts_as_itself(tmp_path: Path) -> None:
    (tmp_path / STORE).mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/big").write_bytes(b"x" * (11 << 20))
    (tmp_path / STORE / "linked").symlink_to(tmp_path / "outside")
    (tmp_path / STORE / "circle").symlink_to(tmp_path / STORE)
    Quota(OrchestratorPaths(tmp_path), lambda: 10).take(1)
