"""What old feedback becomes, and that no line of it is lost."""

import hashlib
import json
from pathlib import Path

import pytest
from migration_world import EVENT, NAMES, PROCESS, TOOL, lines, make_legacy, migrate, session_of, workspace

from orchestrator_mcp.analysis.anonymize_check import verify_anonymization
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def test_feedback_becomes_our_records(project: Path) -> None:
    result = migrate(project)
    there = workspace(project)
    process = there.read(ProcessFeedback, result.session_id).records
    assert [one.workflow_id for one in process] == ["wf_94a0f102", "wf_2", "wf_3"]
    first, second, third = process
    assert first.project_errors == ["npm ENOENT"]
    assert first.parallel_agents_used is False
    assert second.mode == "interactive"
    assert second.parallel_agents_used is True
    assert (second.model_extra or {})["notes"] == "n"
    assert third.session_id == result.session_id
    digest = hashlib.sha256(lines(PROCESS)[:-1]).hexdigest()[:16]
    assert third.model_extra == {"legacy_session_id": "old", "favourite": {"a": 1}, "legacy_digest": digest}
    assert [(one.model_extra or {}).get("assumed_utc") for one in process] == [None, True, None]
    assert there.read(ToolFeedback, result.session_id).bad_lines == 0
    assert result.warnings == ["1 line is no entry of ours; it is kept in *.quarantine."]
    quarantine = session_of(project, result) / "feedback" / "process.jsonl.quarantine"
    assert json.loads(quarantine.read_bytes())["bytes_b64"] == "bm90IGpzb24="


def test_tool_feedback_is_made_anonymous_again(project: Path) -> None:
    result = migrate(project)
    data = (session_of(project, result) / "feedback" / "tool.jsonl").read_bytes()
    assert verify_anonymization(data) == []
    for leak in (b"bob", b"acme", b"SECRET_PHASE", b"wf_94a0f102", b"b0aaee28"):
        assert leak not in data
    of_a, of_tool = workspace(project).read(ToolFeedback, result.session_id).records
    assert of_a.workflow_id_hash
    assert of_a.duration_seconds == 61
    assert of_tool.workflow_id_hash is None
    assert of_tool.repo_type == "python"
    assert "write_tests" in of_tool.items_skipped


@pytest.mark.parametrize(
    "line",
    [b"[]", b"{}", b'{"timestamp":"no"}', b"\xff\xfe", b'{"timestamp":"2026-01-01","x":NaN}', b'{"timestamp":' + b"[" * 5000, b"7" * 5000,
     b'{"timestamp":"2026-01-01","x":"' + b"y" * 200_000 + b'"}', b'{"timestamp":{}}', b'{"timestamp":"0001-01-01T00:00:00+23:00"}'],
    ids=lambda line: line[:20].decode("latin-1"),
)  # fmt: skip
def test_no_line_of_feedback_is_lost_or_fatal(tmp_path: Path, line: bytes) -> None:
    (tmp_path / NAMES[3]).write_bytes(lines(TOOL | {"task": "t"}) + line + b"\n")
    result = migrate(tmp_path)
    folder = session_of(tmp_path, result) / "feedback"
    assert len((folder / "process.jsonl.quarantine").read_bytes().splitlines()) == 1
    assert len((folder / "process.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize("value", [None, True, 7, 1e308, "text", "\ud800", [], ["a", 1], {"a": {"b": 1}}, "x" * 5000])
@pytest.mark.parametrize(
    "name", ["mode", "task", "learnings", "phases", "duration_seconds", "errors_summary", "multi_agents", "parallel_agents_used",
             "items_skipped", "items_skipped_pct", "answers", "repo_type", "orchestrator_version", "id", "rev", "inferred"]
)  # fmt: skip
def test_any_value_in_any_field_gives_a_record(tmp_path: Path, name: str, value: object) -> None:
    entry = TOOL | {"task": "t", "workflow_id": "wf_1", name: value}
    (tmp_path / NAMES[3]).write_bytes(json.dumps(entry).encode() + b"\n")
    result = migrate(tmp_path)
    there = workspace(tmp_path)
    assert len(there.read(ProcessFeedback, result.session_id).records) == 1
    assert verify_anonymization((session_of(tmp_path, result) / "feedback" / "tool.jsonl").read_bytes()) == []


def test_secrets_are_redacted_where_we_rewrite_and_pointed_out_where_we_copy(project: Path) -> None:
    (project / NAMES[1]).write_bytes(lines(EVENT | {"message": "password hunter2"}))
    (project / NAMES[5]).write_bytes(lines({"timestamp": "2026-01-01", "task": "hunter2", "mode": "auto"}))
    result = migrate(project)
    assert b"hunter2" not in (session_of(project, result) / "feedback" / "process.jsonl").read_bytes()
    assert b"hunter2" in (session_of(project, result) / "log.jsonl").read_bytes()
    assert any("look like secrets" in warning for warning in result.warnings)
