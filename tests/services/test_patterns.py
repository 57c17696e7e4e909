"""Reviewing: counts, windows, rates, pages, and the same answer with and without a cache."""

import json

import pytest
from projects import Project

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.pattern import PatternKind, PatternState
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns


def fail(workspace, context="KeyError: 'user' not in session", **more):
    log_failure(workspace, **{"context": context, "feedback": "Load the session first.", "category": "Testing"} | more)


def event(workspace, kind, workflow, item, minutes=0, **details):
    stamp = workspace.now()
    event = LogEvent(
        timestamp=stamp, event_type=kind, workflow_id=workflow, phase_id="VERIFY", item_id=item, details=details
    )
    workspace.stream(LogEvent).append(event)


def test_nothing_recurs_in_an_empty_project(project: Project) -> None:
    review = review_patterns(project.agent())
    assert (review.patterns, review.counts.entries, review.next_cursor) == ([], 0, None)
    assert project.files() == {}


def test_three_entries_are_a_pattern_and_two_are_not(project: Project) -> None:
    for _ in range(2):
        fail(project.agent())
    assert review_patterns(project.agent()).patterns == []
    fail(project.agent(), severity=Severity.HIGH)
    (pattern,) = review_patterns(project.agent()).patterns
    assert (pattern.kind, pattern.occurrences, pattern.sessions) == (PatternKind.FAILURE, 3, 3)
    assert (pattern.one_incident, pattern.state, pattern.category) == (False, PatternState.NEW, "Testing")
    assert [example.untrusted for example in pattern.examples] == [True]


def test_a_loop_is_one_incident(project: Project) -> None:
    workspace = project.agent()
    for _ in range(5):
        fail(workspace)
        project.wait(minutes=1)
    (pattern,) = review_patterns(workspace).patterns
    assert (pattern.one_incident, pattern.confidence, pattern.occurrences) == (True, Level.LOW, 5)


def test_the_window_is_a_week_unless_told_otherwise(project: Project) -> None:
    for _ in range(3):
        fail(project.agent())
    project.wait(days=8)
    agent = project.agent()
    assert review_patterns(agent).patterns == []
    assert len(review_patterns(agent, days=9).patterns) == 1
    (old,) = review_patterns(agent, all=True).patterns
    assert old.state is PatternState.ONGOING


def test_a_category_is_a_filter(project: Project) -> None:
    for _ in range(3):
        fail(project.agent(), category="API")
    agent = project.agent()
    assert len(review_patterns(agent, category="api").patterns) == 1
    assert review_patterns(agent, category="Naming").patterns == []
    with pytest.raises(InvalidInputError, match="no category"):
        review_patterns(agent, category="nope")


def test_pages_do_not_overlap_and_cover_all(project: Project) -> None:
    names = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf")
    for name in names:
        for _ in range(3):
            fail(project.agent(), f"ImportError: the {name} plugin cannot load its {name} backend today")
    agent = project.agent()
    seen, cursor = [], None
    while True:
        page = review_patterns(agent, limit=3, cursor=cursor)
        seen += [one.id for one in page.patterns]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [one.id for one in review_patterns(agent, limit=50).patterns]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["x", "p", "p-1", "p1; DROP", "p" + "9" * 40])
def test_a_made_up_cursor_is_refused(project: Project, cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="no cursor of ours"):
        review_patterns(project.agent(), cursor=cursor)


def test_a_skipped_item_is_a_rate_over_the_workflows_that_resolved_it(project: Project) -> None:
    agent = project.agent()
    for number in range(4):
        event(agent, "item_skipped", f"wf_{number}", "visual_regression_test", reason=f"reason {number}")
        event(agent, "item_completed", f"wf_{number}", "security_review")
    for number in range(4, 10):
        event(agent, "item_completed", f"wf_{number}", "write_tests")
    review = review_patterns(agent)
    (pattern,) = review.patterns
    assert pattern.kind is PatternKind.SKIPPED_ITEM
    assert pattern.rate is not None
    assert (pattern.rate.k, pattern.rate.n) == (4, 4)
    assert pattern.title == "visual_regression_test is skipped in 4 of 4 workflows"
    assert review.positives == ["Reviews performed consistently: 4 of 4 (51–100 %)"]


@pytest.mark.parametrize(("skipped", "done", "said"), [(3, 0, False), (4, 0, True), (7, 1, True), (8, 2, False)])
def test_a_rate_is_said_only_when_it_is_known_well_enough(
    project: Project, skipped: int, done: int, said: bool
) -> None:
    agent = project.agent()
    for number in range(skipped + done):
        event(agent, "item_skipped" if number < skipped else "item_completed", f"wf_{number}", "item")
    assert bool(review_patterns(agent).patterns) is said


def test_a_workflow_error_in_two_workflows_is_a_pattern_whatever_varies(project: Project) -> None:
    agent = project.agent()
    for number in range(2):
        text = f"npm error code ENOENT\nnpm error log in /home/u{number}/_logs/2026-01-0{number + 1}T02_32_21_800Z-debug-0.log"
        event(agent, "verification_failed", f"wf_{number}", "write_tests", stderr=text)
    (pattern,) = review_patterns(agent).patterns
    assert (pattern.kind, pattern.workflows, pattern.one_incident) == (PatternKind.WORKFLOW_ERROR, 2, False)


def test_the_real_log_has_its_patterns(project: Project, shared_data) -> None:
    """Read where it lies, without a migration: the npm failure in both workflows."""
    source = shared_data / "legacy" / "workflow_project"
    (project.root / ".workflow_log.jsonl").write_bytes((source / ".workflow_log.jsonl").read_bytes())
    before = project.files()
    review = review_patterns(project.agent(), all=True)
    (error,) = (one for one in review.patterns if one.kind is PatternKind.WORKFLOW_ERROR)
    assert (error.occurrences, error.workflows) == (2, 2)
    assert review.legacy_detected
    assert project.files() == before


def test_the_answer_is_the_same_with_and_without_a_cache(project: Project) -> None:
    for number in range(12):
        fail(project.agent(), f"TimeoutError: call {number} took {number}.5 s on host-{number % 3}.example.org")
        project.wait(minutes=3)
    cached = review_patterns(project.person(), all=True)
    again = review_patterns(project.person(read_only=True), all=True)
    (project.root / ".orchestrator/cache/index.sqlite").unlink()
    rebuilt = review_patterns(project.person(), all=True)
    assert cached.model_dump_json() == again.model_dump_json() == rebuilt.model_dump_json()


@pytest.mark.torn
def test_what_cannot_be_read_is_counted(project: Project) -> None:
    agent = project.agent()
    fail(agent)
    path = project.root / ".orchestrator/sessions" / agent.session_id() / "failures.jsonl"
    lines = [b"{broken", b"[]", b"null", json.dumps({"id": "x", "context": "undated"}).encode()]
    path.write_bytes(path.read_bytes() + b"\n".join(lines) + b"\n")
    counts = review_patterns(project.agent(), all=True).counts
    assert (counts.bad_lines, counts.undated, counts.entries) == (3, 1, 2)
