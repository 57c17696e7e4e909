"""The inputs on which the first tool's review failed (1, 8, 9 and 11 of the lessons), twenty variants of each."""

import random

import pytest
from feedback_world import raw
from review_world import DAY, log, npm_failure, only, rate_of, review, workflow, workflows, write

from orchestrator_mcp.records.pattern import PatternKind

VARIANTS = range(20)


@pytest.mark.parametrize("seed", VARIANTS)
def test_input_1_seven_npm_failures_in_eight_workflows_are_one_pattern(project, seed) -> None:
    """And the eighth, which is another, is none; the last phase of five is never closed, and is timed all the same."""
    chance = random.Random(seed)
    odd = chance.randrange(8)
    lines = []
    for number in range(8):
        name, at = f"wf_{number:08x}", number * DAY
        lines += workflow(number, seconds={"PLAN": 600, "EXECUTE": 900}, ended=False)
        if number == odd:
            lines.append(raw("verification_failed", at + 1500, "lint", workflow=name, stderr="ruff: E501 in app.py"))
        else:
            lines.append(npm_failure(chance, name, at + 1500))
        lines += [raw(f"event_of_tomorrow_{number}", at + 1500, workflow=name)] * chance.randrange(3)
        lines.append(raw("phase_started", at + 1500, phase="LEARN", workflow=name))
        if number < 3:
            lines.append(raw("phase_completed", at + 1800, phase="LEARN", workflow=name))
        lines += [raw("workflow_completed", at + 1800, workflow=name)] * chance.choice([1, 2])
    log(project, lines)
    found = review(project)
    (error,) = only(found, PatternKind.WORKFLOW_ERROR)
    assert (error.occurrences, error.workflows, found.workflows) == (7, 7, 8)
    assert "ENOENT" in error.title
    assert found.averages.phases["LEARN"].n == 8
    assert found.averages.phases["LEARN"].mean == 300
    assert found.averages.errors.mean == 1


CHALLENGES = (
    ("Mock setup for the payment service was tricky", "The mock setup for the payment service was tricky again"),
    ("Docker build cache issues slowed iteration", "Issues with the Docker build cache slowed iteration down"),
)


@pytest.mark.parametrize("seed", VARIANTS)
def test_input_8_ten_workflows_are_ten_whatever_tells_of_them(project, seed) -> None:
    """Tool and process entries in the first tool's own shape or in the documented one, in any order of lines."""
    chance = random.Random(seed)
    phrases = CHALLENGES[seed % 2]
    tool, process = [], []
    for number in range(10):
        stamp = f"2026-01-{number + 1:02}T10:30:00.{number:06}Z"
        error = f"TimeoutError: call {chance.randrange(9999)} took {number}.5 s"
        reviewed, reason = number != 3, f"because of {chance.choice('abcdef')}{number}"
        base = {"timestamp": stamp, "mode": "auto"}
        mine = {"workflow_id": f"wf_{number}", "task": "t", "repo": "r", "challenges": phrases[number % 2], **base}
        if seed < 10:
            tool.append({**base, "repo_type": "python", "orchestrator_version": "3.0.0", "reviews_performed": reviewed,
                         "workflow_id_hash": f"{number:016x}", "items_skipped_count": 1, "errors_count": 1})  # fmt: skip
            process.append({**mine, "errors_summary": [error], "items_skipped_reasons": [f"visual_tests: {reason}"],
                            "parallel_agents_used": False})  # fmt: skip
        else:
            tool.append({**base, "repo_type": "python", "orchestrator_version": "2.6.0", "reviews_worked": reviewed,
                         "workflow_id_hash": f"{number:016x}", "items_skipped": ["visual_tests"]})  # fmt: skip
            process.append({**mine, "project_errors": [error]})
    chance.shuffle(tool)
    chance.shuffle(process)
    write(project.root / ".workflow_tool_feedback.jsonl", tool)
    write(project.root / ".workflow_process_feedback.jsonl", process)
    found = review(project)
    assert (found.workflows, found.with_feedback) == (10, 10)
    assert found.positives == ["Reviews performed consistently: 9 of 10 (60–98 %)"]
    assert rate_of(found, PatternKind.SKIPPED_ITEM) == (10, 10)
    assert rate_of(found, PatternKind.UNUSED_PARALLEL) is None  # what the first tool guessed is no evidence
    (error,) = only(found, PatternKind.WORKFLOW_ERROR)
    assert (error.occurrences, error.workflows) == (10, 10)
    assert [one.workflows for one in found.challenges] == [10]


@pytest.mark.parametrize("seed", VARIANTS)
def test_input_9_what_was_skipped_or_failed_is_not_done(project, seed) -> None:
    """Skipping `parallel_execution_check` uses no agents in parallel; skipping or failing a review reviews nothing."""
    chance = random.Random(seed)
    kind = chance.choice(["design", "security", "quality", "architecture", "parallel_design"])
    log(project, [
        line
        for number in range(8)
        for line in (
            raw("workflow_started", number * DAY, workflow=f"wf_{number}"),
            raw("item_skipped", number * DAY, "parallel_execution_check", workflow=f"wf_{number}", reason="parallel"),
            raw(chance.choice(["item_skipped", "item_failed"]), number * DAY + 9, f"{kind}_review", workflow=f"wf_{number}"),
            raw("workflow_completed", number * DAY + 60, workflow=f"wf_{number}"),
        )
    ])  # fmt: skip
    found = review(project)
    assert rate_of(found, PatternKind.MISSING_REVIEW) == (8, 8)
    assert rate_of(found, PatternKind.UNUSED_PARALLEL) is None
    assert not [one for one in found.usage if one.name == "parallel_agents"]
    assert found.positives == []


@pytest.mark.parametrize("seed", VARIANTS)
def test_input_11_few_workflows_are_not_called_a_pattern(project, seed) -> None:
    """One, two and three that skip an item, miss a review and use no agents in parallel say nothing; four say it."""
    chance = random.Random(seed)
    count, done = (1 + seed % 5, 0) if seed < 12 else (chance.choice([3, 7, 8]), chance.choice([0, 1, 3]))
    item = chance.choice(["visual_tests", "update_knowledge_base", "our_own_item"])
    lines = workflows(count, skipped=[item], reviewed=False, parallel=False)
    for number in range(count, count + done):
        more = workflow(number, reviewed=True, parallel=True)
        lines += [*more, raw("item_completed", number * DAY, item, workflow=f"wf_{number:08x}")]
    log(project, lines)
    found = review(project)
    said = {(4, 0), (5, 0), (7, 0), (7, 1), (8, 0), (8, 1)}
    expected = (count, count + done) if (count, done) in said else None
    for kind in (PatternKind.MISSING_REVIEW, PatternKind.UNUSED_PARALLEL):
        assert rate_of(found, kind) == expected, kind
    skipped = [one.rate for one in only(found, PatternKind.SKIPPED_ITEM) if one.template.startswith(item)]
    assert [(one.k, one.n) for one in skipped if one] == ([expected] if expected else [])
