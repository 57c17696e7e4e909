"""What the lines of old failure logs, telemetry and notes become."""

import json
from pathlib import Path
from typing import Any

import pytest
from migration_world import lines, migrate, session_of, workspace
from projects import Project
from whole_world import MISTAKE, put

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import Invocation, SuccessMetric
from orchestrator_mcp.services.migration import import_legacy
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.telemetry import get_agent_ranking

pytestmark = pytest.mark.torn  # the backup keeps originals as they were

RUN = {
    "timestamp": "2026-01-08T12:00:00.000001Z", "session_id": "5d1f", "invocation_id": "3f2a-9c", "agent_name": "dev",
    "agent_type": "coder", "task_description": "Add it", "state_features": {"task": {"type": "feature"}},
    "q_value": 0.5, "tools_used": ["edit"], "duration_seconds": None, "outcome": {"status": "success",
    "error_message": None, "files_modified": ["a.py"], "files_created": [], "tests_passed": True}, "metadata": {"a": 1},
}  # fmt: skip
SHORT_RUN = {
    "timestamp": "2026-01-08T12:00:00.001Z", "agent_name": "dev", "task_description": "Fix it", "state_features": {},
    "invocation_id": "inv_1767873600000_ab12",
}  # fmt: skip
UPDATE = {
    "timestamp": "2026-01-08T12:01:00Z", "invocation_id": "inv_1767873600000_ab12", "duration_seconds": 60,
    "outcome": "failure", "quality_score": 2.5,
}  # fmt: skip
JUDGEMENT = {
    "timestamp": "2026-01-08T12:02:00Z", "invocation_id": "3f2a-9c", "success": True, "quality_rating": 5,
    "feedback_source": "human", "feedback_notes": "good", "would_use_again": True, "alternative_agent_suggested": None,
}  # fmt: skip


def test_the_real_failure_log_becomes_failures(tmp_path: Path, shared_data: Path) -> None:
    data = (shared_data / "legacy/failure_tracker/logs/feedback.jsonl").read_bytes()
    put(tmp_path, "logs/feedback.jsonl", data)
    result = migrate(tmp_path)
    there = workspace(tmp_path)
    old = [json.loads(line) for line in data.splitlines()]
    found = there.read(Failure, result.session_id).records
    assert [(one.context, one.feedback, one.type, one.category, one.severity) for one in found] == [
        (one["context"], one["feedback"], one["type"], one["category"], one["severity"]) for one in old
    ]
    assert all((one.model_extra or {})["assumed_utc"] for one in found)
    assert {(one.model_extra or {})["legacy_session_id"] for one in found} == {"s20260108"}
    assert {one.session_id for one in found} == {result.session_id}
    assert not result.warnings


def test_words_we_do_not_know_are_kept_beside_ours(tmp_path: Path) -> None:
    put(tmp_path, "logs/feedback.jsonl", lines(MISTAKE | {"type": "frustration", "mood": "bad", "id": "7", "rev": "x"}))
    result = migrate(tmp_path)
    (one,) = workspace(tmp_path).read(Failure, result.session_id).records
    extra = one.model_extra or {}
    assert (one.type, one.severity, one.category) == ("mistake", "high", "Naming")
    assert (extra["legacy_type"], extra["legacy_severity"], extra["mood"]) == ("frustration", "critical", "bad")
    assert (one.rev, len(one.id)) == (1, 26)


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b"not json", b'{"timestamp":"x"}', lines(MISTAKE | {"context": " "})[:-1], lines(MISTAKE | {"feedback": 7})[:-1],
             lines(MISTAKE | {"category": None})[:-1], b"\xff", b'{"timestamp":' + b"[" * 5000]
)  # fmt: skip
def test_a_line_that_is_no_entry_is_kept_aside(tmp_path: Path, line: bytes) -> None:
    put(tmp_path, "logs/feedback.jsonl", lines(MISTAKE, MISTAKE | {"context": "Other"}) + line + b"\n")
    result = migrate(tmp_path)
    folder = session_of(tmp_path, result)
    assert (folder / "failures.jsonl").read_bytes().count(b"\n") == 2
    assert (folder / "failures.jsonl.quarantine").read_bytes().count(b"\n") == 1
    assert result.warnings == ["1 line is no entry of ours; it is kept in *.quarantine."]


def test_runs_of_both_programs_arrive_and_count(tmp_path: Path) -> None:
    put(tmp_path, "telemetry/agent_invocations.jsonl", lines(RUN, SHORT_RUN))
    put(tmp_path, "telemetry/success_metrics.jsonl", lines(JUDGEMENT, UPDATE))
    result = migrate(tmp_path)
    there = workspace(tmp_path)
    whole, short = there.read(Invocation, result.session_id).records
    extra = whole.model_extra or {}
    assert (whole.id, whole.invocation_id, whole.duration_seconds) == ("3f2a-9c", "3f2a-9c", None)
    assert whole.outcome.status is OutcomeStatus.SUCCESS
    assert whole.outcome.files_modified == ["a.py"]
    assert (extra["q_value"], extra["metadata"], extra["legacy_session_id"]) == (0.5, {"a": 1}, "5d1f")
    assert (short.rev, short.duration_seconds, short.outcome.status) == (2, 60, OutcomeStatus.FAILURE)
    good, bad = there.read(SuccessMetric, result.session_id).records
    assert (good.success, good.quality_rating, good.feedback_notes) == (True, 5, "good")
    assert (bad.success, bad.quality_rating, (bad.model_extra or {})["quality_score"]) == (False, 3, 2.5)
    assert [(rank.agent_name, rank.n, rank.successes) for rank in get_agent_ranking(there).too_few] == [("dev", 2, 1)]


@pytest.mark.parametrize("rating", [3.7, True, 0, 6, "5", None])
def test_a_rating_that_is_none_of_ours_is_kept_aside(tmp_path: Path, rating: Any) -> None:
    put(tmp_path, "telemetry/success_metrics.jsonl", lines(JUDGEMENT | {"quality_rating": rating}))
    result = migrate(tmp_path)
    (one,) = workspace(tmp_path).read(SuccessMetric, result.session_id).records
    assert one.quality_rating is None
    assert (one.model_extra or {}).get("legacy_quality_rating") == rating


@pytest.mark.parametrize("value", [None, True, 7, -1, 1e308, "text", "\ud800", [], {}, {"a": {"b": 1}}, "x" * 5000])
@pytest.mark.parametrize("name", [*RUN, "rev", "id", "finished_at", "request_id", "workflow_id"])
def test_any_value_in_any_field_is_a_run_or_kept_aside(tmp_path: Path, name: str, value: object) -> None:
    put(
        tmp_path,
        "telemetry/agent_invocations.jsonl",
        lines(SHORT_RUN, SHORT_RUN) + json.dumps(RUN | {name: value}).encode(),
    )
    result = migrate(tmp_path)
    folder = session_of(tmp_path, result)
    runs, aside = folder / "agent_invocations.jsonl", folder / "agent_invocations.jsonl.quarantine"
    count = runs.read_bytes().count(b"\n") + (aside.read_bytes().count(b"\n") if aside.exists() else 0)
    assert count == 3


NOTES = """# Errors

Command failures.

```markdown
## [ERR-YYYYMMDD-XXX] a template
```

## [ERR-20260403-001] exec regression

**Logged**: 2026-04-03T20:46:00+08:00
**Priority**: critical
**Status**: resolved
**Area**: tests

### Summary
Blocks all interpreters

### Error
```text
INVALID_REQUEST: SYSTEM_RUN_DENIED
## not a heading
```

### Suggested Fix
Use script files

### Metadata
- Reproducible: yes
- Related Files: docs/EXEC.md, src/a.py

---

## [LRN-20260404-002] correction

**Logged**: ISO-8601 timestamp
**Priority**: low

### Summary
The table is called users

### Suggested Action
Look at the schema first

## [LRN-20260405-A1B] best_practice

### Summary
Run the linter before pushing

## [FEAT-20260406-001] dark mode

### Requested Capability
A dark theme

### User Context
It is bright

## What I think
Nobody reads this.
```
never closed
## [ERR-20260407-001] still an entry
"""


def test_notes_become_failures_learnings_and_wishes(tmp_path: Path) -> None:
    put(tmp_path, "src/.learnings/ERRORS.md", NOTES.encode())
    project = tmp_path / "project"
    project.mkdir()
    result = import_legacy(workspace(project), tmp_path / "src")
    there = workspace(project)
    first, second, third = there.read(Failure, result.session_id).records
    assert (first.context, first.feedback, first.severity, first.category) == (
        "Blocks all interpreters", "Use script files", "high", "Testing",
    )  # fmt: skip
    assert first.error == "INVALID_REQUEST: SYSTEM_RUN_DENIED\n## not a heading"
    assert first.files == ["docs/EXEC.md", "src/a.py"]
    assert first.timestamp.isoformat() == "2026-04-03T12:46:00+00:00"
    assert (first.model_extra or {})["legacy_id"] == "ERR-20260403-001"
    assert (second.context, second.feedback) == ("The table is called users", "Look at the schema first")
    assert (second.timestamp.date().isoformat(), (second.model_extra or {})["assumed_time"]) == ("2026-04-04", True)
    assert third.context == "still an entry"
    said = [one.learnings or one.improvements for one in there.read(ProcessFeedback, result.session_id).records]
    assert said == [
        "Errors\nCommand failures.\n\n```markdown\n## [ERR-YYYYMMDD-XXX] a template\n```",
        "Run the linter before pushing",
        "A dark theme\nIt is bright",
        "What I think\nNobody reads this.\n```\nnever closed",
    ]
    assert result.warnings == ["2 sections of notes are no entries; they are kept as text, among the learnings."]
    assert review_patterns(Project(project).person(), all=True).counts.entries == 6


def test_hostile_notes_are_kept_whole_or_clipped(tmp_path: Path) -> None:
    put(
        tmp_path,
        ".learnings/ERRORS.md",
        b"## [ERR-99999999-1] x\n### Summary\n" + b"y" * 300_000 + b"\n\xff\0\n## \n#\n",
    )
    put(tmp_path, ".learnings/LEARNINGS.md", b"```\n" * 5000 + b"\n".join([b"## h"] * 3000))
    result = import_legacy(workspace(tmp_path), tmp_path)
    (one,) = workspace(tmp_path).read(Failure, result.session_id).records
    assert len(one.context) == 20_000
    assert int(one.timestamp.timestamp()) == int((tmp_path / ".learnings/ERRORS.md").stat().st_mtime), "no day 99999999"
