"""Every name that old tools are known to have left: where it goes, or why it stays."""

import json
from pathlib import Path

import pytest
from crash_disk import read_tree
from migration_world import EVENT, PROCESS, STATE, TOOL, WRITER_A, lines, migrate, outside, workspace
from whole_world import MISTAKE, PRD, origin_session, put

from orchestrator_mcp.records.migration import Action, MigrationResult
from orchestrator_mcp.services.migration import rollback

pytestmark = pytest.mark.torn  # the backup keeps originals as they were

INVOCATION = {"timestamp": "2026-01-08T12:00:00Z", "invocation_id": "inv_1", "agent_name": "a", "task_description": "t"}
METRIC = {"timestamp": "2026-01-08T12:00:00Z", "invocation_id": "inv_1", "success": True, "quality_rating": 4}
CHECKPOINT = {"checkpoint_id": "cp_1", "workflow_id": "wf_1"}


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


MOVED = [
    (".workflow_state.json", dump(STATE), "state.json"),
    (".workflow_log.jsonl", lines(EVENT), "log.jsonl"),
    (".workflow_checkpoints/cp_1.json", dump(CHECKPOINT), "checkpoints/cp_1.json"),
    (".workflow_feedback.jsonl", lines(WRITER_A), "feedback/process.jsonl"),
    (".workflow_tool_feedback.jsonl", lines(TOOL), "feedback/tool.jsonl"),
    (".workflow_process_feedback.jsonl", lines(PROCESS), "feedback/process.jsonl"),
    (".orchestrator/state.json", dump(STATE), "state.json"),
    (".orchestrator/log.jsonl", lines(EVENT), "log.jsonl"),
    (".orchestrator/checkpoints/cp_1.json", dump(CHECKPOINT), "checkpoints/cp_1.json"),
    (".orchestrator/feedback/tool.jsonl", lines(TOOL), "feedback/tool.jsonl"),
    (".orchestrator/feedback/process.jsonl", lines(PROCESS), "feedback/process.jsonl"),
    ("logs/feedback.jsonl", lines(MISTAKE), "failures.jsonl"),
    ("skills/naming/logs/feedback.jsonl", lines(MISTAKE), "failures.jsonl"),
    ("failure_loop/logs/feedback.jsonl", lines(MISTAKE), "failures.jsonl"),
    ("telemetry/agent_invocations.jsonl", lines(INVOCATION), "agent_invocations.jsonl"),
    ("telemetry/success_metrics.jsonl", lines(METRIC), "success_metrics.jsonl"),
]
OF_THE_STORE = [
    (".orchestrator.yaml", b'test_command: "true"\n', "config.yaml"),
    (".orchestra.yaml", b"docs_dir: doc\n", "config.yaml"),
    (".claude/prd_state.json", dump(PRD), "prd/prd_state.json"),
]
LEFT_ALONE = [
    (".workflow_feedback.jsonl.migrated", "already split"),
    (".workflow_migration_in_progress", "stopped half-way"),
    (".workflow_tool_feedback.jsonl.tmp.4711", "a crash"),
    (".workflow_state.tmp", "a crash"),
    (".workflow_state.json.bak", "a backup"),
    (".workflow_log.jsonl.bak", "a backup"),
    (".workflow_checkpoints.bak/cp_1.json", "a backup"),
    (".workflow_log.20260101.bak", "a backup"),
    (".workflow_sessions/2026-01-01_1_x.jsonl", "transcripts"),
    (".orchestrator/sessions/2026-01-01_10-00-00_task.jsonl", "a transcript"),
    (".workflow_telemetry.jsonl", "no release"),
    (".deferred_recommendations.jsonl", "no release"),
    (".workflow_state_feature.json", "no release"),
    (".workflow_approvals.db", "not workflow state"),
    (".model_registry.json", "not workflow state"),
    (".review_history/x", "not workflow state"),
    (".wfo_logs/x", "not workflow state"),
    (".secrets.enc", "secrets"),
    ("secrets.enc.yaml", "secrets"),
    (".manus/secrets.enc", "secrets"),
    (".manus/secrets.enc.yaml", "secrets"),
    (".workflow-orchestrator/keys/age.key", "secrets"),
    (".sops.yaml", "secrets"),
    (".claude/squad_sessions.json", "agents that may be running"),
    (".claude/job_queue/pending/job-1.json", "agents that may be running"),
    (".orchestrator/v3/x", "another program"),
    (".orchestrator/v4/x", "another program"),
    (".orchestrator/worktrees/x", "another program"),
    (".orchestrator/locks/x.lock", "another program"),
    (".orchestrator/agent_workflow.yaml", "another program"),
    (".orchestrator/server.pid", "another program"),
    (".orchestrator/audit.jsonl", "audit log"),
    ("telemetry/performance_stats.json", "derived"),
    (".workflow_anything_else", "does not know"),
]
UNSPOKEN = [".claude/settings.json", ".claude/hooks/stop.sh", "workflow.yaml", "telemetry/schemas.json"]


def started(tmp_path: Path) -> dict[str, tuple[str, int, int | None, bytes]]:
    return {name: entry for name, entry in read_tree(tmp_path).items() if entry[0] == "file"}


@pytest.mark.parametrize(("name", "data", "becomes"), MOVED, ids=[row[0] for row in MOVED])
def test_what_is_ours_moves_into_a_session_and_back(tmp_path: Path, name: str, data: bytes, becomes: str) -> None:
    put(tmp_path, name, data)
    before = started(tmp_path)
    result = migrate(tmp_path)
    assert result.action is Action.MIGRATED
    assert not result.legacy_detected
    assert not (tmp_path / name).exists()
    assert [file.from_ for file in result.files] == [name]
    assert result.files[0].to == f".orchestrator/sessions/{result.session_id}/{becomes}"
    arrived = tmp_path / result.files[0].to
    assert arrived.read_bytes().count(b"\n") == data.count(b"\n")
    assert rollback(workspace(tmp_path)).action is Action.ROLLED_BACK
    assert {name: entry for name, entry in started(tmp_path).items() if name in before} == before


@pytest.mark.parametrize(("name", "data", "becomes"), OF_THE_STORE, ids=[row[0] for row in OF_THE_STORE])
def test_what_belongs_to_no_session_moves_into_the_store_and_back(
    tmp_path: Path, name: str, data: bytes, becomes: str
) -> None:
    put(tmp_path, name, data)
    before = outside(tmp_path)
    result = migrate(tmp_path)
    assert [file.to for file in result.files] == [f".orchestrator/{becomes}"]
    assert (tmp_path / ".orchestrator" / becomes).is_file()
    assert not (tmp_path / name).exists()
    rollback(workspace(tmp_path))
    assert outside(tmp_path) == before
    assert not (tmp_path / ".orchestrator" / becomes).exists()


@pytest.mark.parametrize(("name", "why"), LEFT_ALONE, ids=[row[0] for row in LEFT_ALONE])
def test_what_is_not_ours_to_move_stays_with_a_reason(tmp_path: Path, name: str, why: str) -> None:
    put(tmp_path, name, b"{}")
    if name.startswith(".orchestrator/sessions/"):
        origin_session(tmp_path)
    result = migrate(tmp_path)
    assert why in left(result, name)
    assert (tmp_path / name).read_bytes() == b"{}"


def left(result: MigrationResult, name: str) -> str:
    """The reason given for a name, or for the folder that it lies in."""
    return next(one.why for one in result.left_alone if name == one.path or name.startswith(f"{one.path}/"))


@pytest.mark.parametrize("name", UNSPOKEN)
def test_what_is_no_orchestrators_is_neither_touched_nor_spoken_of(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, b"{}")
    put(tmp_path, ".workflow_log.jsonl", lines(EVENT))
    result = migrate(tmp_path)
    assert not [one for one in result.left_alone if one.path.startswith(name)]
    assert (tmp_path / name).read_bytes() == b"{}"


FOREIGN = [
    (".orchestrator/state.json", dump({"tasks": {"task-1": {"agent_id": "a"}}}), "an agent server's tasks"),
    (".workflow_state.json", dump(STATE | {"tasks": {}}), "an agent server's tasks"),
    (".orchestrator/state.json", dump({"phase": "intake"}), "another tool's"),
    (".orchestrator/log.jsonl", lines({"level": "info"}), "another tool's"),
    (".orchestrator/log.jsonl", b"", "another tool's"),
    (".orchestrator/checkpoints/x.json", b"{}", "another tool's"),
    (".orchestrator/feedback/notes.md", b"hello", "another tool's"),
    (".orchestrator.yaml", b"model: x\nproject: {spec_docs: [a]}\n", "another tool's"),
    (".orchestrator.yaml", b"a: &a [1]\nb: *a\n", "anchor"),
    (".claude/prd_state.json", dump({"tasks": []}), "another tool's"),
    ("logs/feedback.jsonl", lines({"timestamp": "2026-01-01", "feedback": "positivo"}), "another tool's"),
    ("logs/feedback.jsonl", lines(MISTAKE, {}, {}), "another tool's"),
    ("telemetry/agent_invocations.jsonl", lines({"timestamp": "2026-01-01", "agent": "x"}), "another tool's"),
]


@pytest.mark.parametrize(("name", "data", "why"), FOREIGN, ids=[f"{row[0]}-{row[2]}" for row in FOREIGN])
def test_a_name_alone_makes_nothing_ours(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    put(tmp_path, name, data)
    before = started(tmp_path)
    result = migrate(tmp_path)
    assert result.action is Action.NOTHING_TO_DO
    assert why in left(result, name)
    assert not result.legacy_detected
    assert started(tmp_path) == before


@pytest.mark.parametrize("status", ["completed", "done"])
def test_both_real_kinds_of_prd_state_are_ours(tmp_path: Path, status: str) -> None:
    task = {"id": "1", "description": "d", "dependencies": [], "status": status}
    state = PRD | {"tasks": [task], "current_task": None, "completed_tasks": ["1"], "checkpoint_interval": 3}
    put(tmp_path, ".claude/prd_state.json", dump(state))
    migrate(tmp_path)
    assert json.loads((tmp_path / ".orchestrator/prd/prd_state.json").read_bytes()) == state


def test_an_older_session_becomes_one_of_ours_with_what_it_said_of_itself(tmp_path: Path) -> None:
    origin_session(tmp_path)
    put(tmp_path, ".orchestrator/current", b"b8de435a", 0o600)
    put(tmp_path, ".orchestrator/sessions/b8de435a/notes.txt", b"mine")
    before = started(tmp_path)
    result = migrate(tmp_path)
    there = workspace(tmp_path)
    session = there.sessions.read(str(result.session_id))
    assert there.sessions.list_sessions() == [result.session_id]
    assert there.sessions.get_current_session() == result.session_id
    assert (session.model_extra or {})["legacy_session_id"] == "b8de435a"
    assert session.migrated_from == str(tmp_path)
    folder = there.paths.for_session(str(result.session_id)).session_dir()
    assert (folder / "checkpoints").is_dir()
    assert not (folder / "notes.txt").exists(), "what nobody knows is in the backup alone"
    rollback(there)
    after = started(tmp_path)
    current = ".orchestrator/current"
    assert after[current][3] == before.pop(current)[3]
    assert {name: after[name] for name in before} == before
