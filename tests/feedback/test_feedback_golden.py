"""What the real log of a real project says, worked out by hand from its 78 lines."""

import json

from feedback_world import process_entries, sample, tool_entries, workspace

from orchestrator_mcp.services.feedback import record_feedback

NPM = "Error: ENOENT: no such file or directory, open '/home/ubuntu/workflow-orchestrator/package.json'"
OLDER_DEFAULTS = ["approve_learnings", "backport_improvements", "update_roadmap"]


def test_the_current_workflow(tmp_path):
    at = workspace(sample(tmp_path))
    answer = record_feedback(at)
    (tool,), (process,) = tool_entries(at), process_entries(at)
    assert answer.warnings == []
    assert answer.legacy_detected
    assert (answer.recorded, answer.skipped, answer.workflow_id) == (True, None, "wf_e3bef6ab")
    assert (answer.tool_id, answer.process_id) == (tool.id, process.id)
    # 04:08:22.970868 workflow_started … 05:43:54.208044 workflow_completed
    assert tool.duration_seconds == 5731
    # began: PLAN 04:08:22.97, EXECUTE 05:20:49.50, REVIEW 05:34:31.29, VERIFY 05:38:24.45, LEARN 05:39:21.96 to 05:43:49.00
    assert tool.phases == {"PLAN": 4347, "EXECUTE": 822, "REVIEW": 233, "VERIFY": 58, "LEARN": 267}
    assert tool.phase0_guidance_used is None  # that version had no parallel_execution_check
    assert tool.reviews_worked is True
    assert tool.orchestrator_errors == []
    assert tool.items_skipped == [
        "refactoring_assessment",
        "visual_regression_test",
        "custom_item",
        "update_knowledge_base",
    ]
    assert tool.items_skipped_pct == 0.1739  # 4 of 23
    assert process.task is not None
    assert process.task.startswith(
        "Implement v2.2 enhancements: Provider Abstraction, Environment Detection, Operating"
    )
    assert process.parallel_agents_used is None
    assert process.project_errors == [NPM]
    assert process.learnings == "LEARNINGS.md updated with v2.2 implementation details, decisions, and recommendations."
    assert (process.what_went_well, process.challenges, process.inferred) == (None, None, [])
    assert process.custom_workflow_items == OLDER_DEFAULTS


def test_the_earlier_workflow_of_the_same_log_by_name(tmp_path):
    at = workspace(sample(tmp_path))
    assert record_feedback(at, workflow_id="wf_ce03679d").workflow_id == "wf_ce03679d"
    (tool,), (process,) = tool_entries(at), process_entries(at)
    # 2026-01-05 21:28:34.46 … 2026-01-06 04:08:17.28
    assert tool.duration_seconds == 23983
    assert tool.phases == {"PLAN": 17856, "EXECUTE": 384, "REVIEW": 96, "VERIFY": 19, "LEARN": 5622}
    assert tool.items_skipped == [
        "check_roadmap",
        "refactoring_assessment",
        "visual_regression_test",
        "manual_smoke_test",
        "update_knowledge_base",
    ]
    assert tool.items_skipped_pct == 0.2174  # 5 of 23
    assert tool.reviews_worked is True
    assert process.learnings == "Created comprehensive LEARNINGS.md"
    assert process.project_errors == [NPM]
    # Its state is gone, so the task is what the log says.
    assert (
        process.task
        == "Add visual verification integration: connect to visual-verification-service for AI-powered UAT testing with hybrid specific checks and open-ended evaluation, create test case templates, and update workflow to support visual UAT"
    )


def test_the_state_alone_tells_nearly_the_same(tmp_path):
    at = workspace(sample(tmp_path))
    (tmp_path / ".workflow_log.jsonl").unlink()
    record_feedback(at)
    (tool,), (process,) = tool_entries(at), process_entries(at)
    assert tool.duration_seconds == 5731  # 04:08:22.969308 created … 05:43:54.206229 completed
    assert tool.phases == {"PLAN": 4347, "EXECUTE": 822, "REVIEW": 233, "VERIFY": 58, "LEARN": 272}  # LEARN has no end
    assert tool.items_skipped_pct == 0.1739
    assert tool.reviews_worked is True
    assert process.learnings == "LEARNINGS.md updated with v2.2 implementation details, decisions, and recommendations."
    assert process.project_errors == []


def test_legacy_files_stay_as_they_are_byte_for_byte(tmp_path):
    sample(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    record_feedback(workspace(tmp_path))
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_a_session_of_its_own_is_preferred_to_legacy_files(tmp_path):
    at = workspace(sample(tmp_path))
    folder = at.paths.for_session(at.session_id()).session_dir()
    (folder / "state.json").write_text(json.dumps({"id": "wf_new", "task": "New work", "phases": {}}))
    answer = record_feedback(at)
    assert answer.workflow_id == "wf_new"
    assert process_entries(at)[0].task == "New work"
    assert record_feedback(at, workflow_id="wf_e3bef6ab").workflow_id == "wf_e3bef6ab"
    assert process_entries(at)[1].learnings is not None


def test_migrated_files_are_found_in_the_session_they_moved_to(tmp_path):
    at = workspace(sample(tmp_path))
    assert at.session_id()
    moved = at.sessions.create_session()
    folder = at.paths.for_session(moved).session_dir()
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "migrated_from": "."}))
    (tmp_path / ".workflow_log.jsonl").rename(folder / "log.jsonl")
    (tmp_path / ".workflow_state.json").rename(folder / "state.json")
    assert at.session_id() != moved
    answer = record_feedback(at)
    assert answer.workflow_id == "wf_e3bef6ab"
    assert answer.warnings == [f"The workflow was read from session {moved}."]
    assert not answer.legacy_detected
