"""Extraction keeps to the facts: any log, in any state, gives an answer, and none says more than it knows."""

import json

import pytest
from feedback_world import DATA, event
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_mcp.analysis.baseline import ITEMS
from orchestrator_mcp.analysis.extraction import WorkflowFacts, one_workflow, workflow_facts
from orchestrator_mcp.analysis.extraction_errors import error_line, is_own
from orchestrator_mcp.analysis.extraction_learnings import challenges, went_well
from orchestrator_mcp.records.workflow import LogEvent, WorkflowState


def facts(events, state=None, workflow_id=None) -> WorkflowFacts:
    return workflow_facts(one_workflow(events, WorkflowState.model_validate(state) if state else None, workflow_id))


def real_events() -> list[LogEvent]:
    path = DATA / "legacy" / "workflow_project" / ".workflow_log.jsonl"
    if not path.is_file():
        pytest.skip(f"The real sample is not here: {path}. Set ORCHESTRATOR_TEST_DATA to the data folder.")
    return [LogEvent.model_validate_json(line) for line in path.read_text("utf-8").splitlines()]


def test_every_prefix_of_the_real_log_gives_a_valid_answer():
    events = real_events()
    for length in range(len(events) + 1):
        got = facts(events[:length])
        assert got.workflow_id == (events[length - 1].workflow_id if length else None)
        assert sum(got.phases.values()) <= (got.duration_seconds or 0) + len(got.phases)
        assert got.items_skipped_pct is None or 0 <= got.items_skipped_pct <= 1
        assert (got.duration_seconds is None) == (length == 0)


UNKNOWN = st.builds(
    lambda kind, second, item, details: event(f"x_{kind}", second, item, **details),
    st.text(max_size=5),
    st.integers(-(10**6), 10**6),
    st.none() | st.sampled_from(["design_review", "mystery", "document_learnings", "parallel_execution_check"]),
    st.dictionaries(st.sampled_from(["notes", "stderr", "review_type"]), st.text(max_size=5)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), UNKNOWN), max_size=8), st.sampled_from([None, "wf_1"]))
def test_unknown_events_change_nothing_wherever_they_stand(unknown, named):
    log = [
        event("workflow_started", 0, message="Started workflow: T"),
        event("phase_started", 1, phase="PLAN"),
        event("item_skipped", 2, "visual_regression_test", reason="none"),
        event("verification_failed", 3, "write_tests", stderr="ValueError: no"),
        event("item_completed", 9, "document_learnings", notes="Small steps helped."),
        event("workflow_completed", 10),
    ]
    mixed = list(log)
    for place, stranger in unknown:
        mixed.insert(place % (len(mixed) + 1), stranger)
    assert facts(mixed, workflow_id=named) == facts(log)


ANY_EVENT = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.sampled_from(["2026-01-06T02:32:21.899933Z", "2026-01-06T03:00:00", "soon", None, 7]),
        "event_type": st.sampled_from(
            [
                "phase_started",
                "phase_completed",
                "item_completed",
                "item_skipped",
                "workflow_completed",
                "review_failed",
            ]
        ),
        "type": st.sampled_from(["item_failed", "error"]),
        "workflow_id": st.sampled_from(["a", "b", None, 3]),
        "phase_id": st.sampled_from(["PLAN", None, 1]),
        "item_id": st.sampled_from(["code_review", "document_learnings", None, 2]),
        "message": st.none() | st.text(max_size=5),
        "details": st.sampled_from(
            [{}, {"notes": ["x"]}, {"notes": "It went well."}, {"review_type": 1}, "text", None, {"stderr": 5}]
        ),
    },
)
ANY_STATE = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", None]),
        "created_at": st.sampled_from(["2026-01-06T02:32:21Z", "never"]),
        "phases": st.sampled_from(
            [
                {},
                [],
                None,
                {"PLAN": None},
                {"PLAN": {"items": [{"id": "a_review", "status": "completed"}]}},
                [{"id": "PLAN", "started_at": 3}],
            ]
        ),
    },
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_EVENT, max_size=12), ANY_STATE)
def test_no_log_or_state_breaks_it(lines, state):
    got = facts([LogEvent.model_validate(line) for line in lines], state)
    assert got.duration_seconds is None or got.duration_seconds >= 0
    assert all(seconds >= 0 for seconds in got.phases.values())
    json.dumps(got.phases)


FINISHED = [
    event("workflow_started", 0),
    event("phase_started", 0, phase="PLAN"),
    event("phase_completed", 60, phase="PLAN"),
    event("phase_started", 60, phase="LEARN"),
    event("item_completed", 90, "document_learnings", phase="LEARN", notes="x"),
]


@pytest.mark.parametrize(
    ("tail", "duration", "learn"),
    [
        ([event("workflow_completed", 100)], 100, 40),
        ([event("workflow_abandoned", 100)], 100, 40),
        ([event("workflow_completed", 100), event("workflow_completed", 9000)], 100, 40),
        ([], 90, 30),
        ([event("phase_completed", 95, phase="LEARN"), event("workflow_completed", 100)], 100, 35),
        (
            [event("workflow_completed", 100), event("item_completed", 150, "x"), event("workflow_completed", 200)],
            200,
            140,
        ),
        ([event("workflow_started", 500, workflow="wf_2")], None, None),
    ],
    ids=["end", "abandoned", "two completions", "no end", "phase end", "reopened", "another workflow began"],
)
def test_times(tail, duration, learn):
    got = facts([*FINISHED, *tail], workflow_id="wf_1") if duration else facts([*FINISHED, *tail])
    if duration is None:
        assert (got.workflow_id, got.duration_seconds, got.phases) == ("wf_2", 0, {})
    else:
        assert (got.duration_seconds, got.phases) == (duration, {"PLAN": 60, "LEARN": learn})


def test_a_phase_that_nobody_closed_lasts_until_the_next_begins():
    log = [
        event("phase_started", 0, phase="PLAN"),
        event("phase_started", 30, phase="TDD"),
        event("workflow_completed", 50),
    ]
    assert facts(log).phases == {"PLAN": 30, "TDD": 20}


def test_a_phase_entered_twice_is_summed_and_a_clock_set_back_takes_nothing_away():
    log = [
        event("phase_started", 0, phase="PLAN"),
        event("phase_completed", 10, phase="PLAN"),
        event("phase_started", 20, phase="PLAN"),
        event("phase_completed", 5, phase="PLAN"),
        event("phase_started", 30, phase="PLAN"),
        event("workflow_completed", 31),
    ]
    assert facts(log).phases == {"PLAN": 11}


def test_the_state_gives_phases_where_the_log_has_none():
    state = {
        "id": "w",
        "created_at": "2026-01-05T12:00:00Z",
        "completed_at": "2026-01-05T12:03:00Z",
        "phases": {
            "PLAN": {"started_at": "2026-01-05T12:00:00Z", "completed_at": "2026-01-05T12:01:00Z"},
            "LEARN": {"status": "active", "started_at": "2026-01-05T12:01:00Z"},
        },
    }
    got = facts([], state)
    assert (got.phases, got.duration_seconds) == ({"PLAN": 60, "LEARN": 120}, 180)


VARIANTS = [
    (resolution, details, phase)
    for resolution in ("item_skipped", "item_failed")
    for phase in ("PLAN", "REVIEW")
    for details in (
        {},
        {"reason": "parallel agents not needed"},
        {"reason": "parallel_agents_used"},
        {"parallel_agents_used": True},
        {"supervision_mode": "zero_human", "gate_name": "parallel"},
    )
]


@pytest.mark.parametrize(("resolution", "details", "phase"), VARIANTS)
def test_skipping_the_phase_0_check_never_means_that_agents_worked_in_parallel(resolution, details, phase):
    got = facts(
        [
            event(
                resolution,
                0,
                "parallel_execution_check",
                phase=phase,
                message="Skipped: parallel_execution_check",
                **details,
            )
        ]
    )
    assert got.parallel_agents_used is None
    assert got.phase0_guidance_used is False


@pytest.mark.parametrize(("resolution", "details", "phase"), VARIANTS)
def test_skipping_or_failing_a_review_never_means_that_it_worked(resolution, details, phase):
    begun = [event("review_started", 0, review_type="design"), event("item_started", 0, "design_review")]
    got = facts([*begun, event(resolution, 1, "design_review", phase=phase, message="review done", **details)])
    assert got.reviews_worked is False


@pytest.mark.parametrize(
    ("log", "worked"),
    [
        ([], None),
        ([event("item_completed", 0, "write_tests")], None),
        ([event("review_started", 0, review_type="security")], None),
        ([event("item_completed", 0, "collect_review_results")], None),
        ([event("item_completed", 0, "security_review")], True),
        ([event("review_completed", 0, review_type="security")], True),
        ([event("review_failed", 0, review_type="security")], False),
        ([event("review_failed", 0, review_type="security"), event("item_completed", 1, "security_review")], False),
        (
            [event("review_failed", 0, review_type="security"), event("review_completed", 1, review_type="security")],
            True,
        ),
        ([event("item_failed", 0, "security_review"), event("item_completed", 1, "security_review")], True),
        ([event("item_skipped", 0, "security_review"), event("item_completed", 1, "quality_review")], True),
    ],
)
def test_reviews(log, worked):
    assert facts(log).reviews_worked is worked


@pytest.mark.parametrize(
    ("log", "used"),
    [
        ([event("item_completed", 0, "parallel_execution_check", notes="Will use parallel agents")], None),
        ([event("parallel_agents_used", 0)], True),
        ([event("note_added", 0, parallel_agents_used=True)], True),
        ([event("item_completed", 0, "parallel_execution_check", parallel_agents_used=False)], False),
        ([event("item_completed", 0, "implement_code", parallel_agents_used="yes")], None),
    ],
)
def test_parallel_agents_need_evidence(log, used):
    assert facts(log).parallel_agents_used is used


@pytest.mark.parametrize(
    ("status", "used"), [("completed", True), ("skipped", False), ("pending", False), ("failed", False), (None, False)]
)
def test_phase_0_guidance_is_the_items_own_status(status, used):
    state = {"id": "w", "phases": {"PLAN": {"items": {"parallel_execution_check": {"status": status}}}}}
    assert facts([], state).phase0_guidance_used is used
    assert facts([], {"id": "w", "phases": {}}).phase0_guidance_used is None


TRACE = "Traceback (most recent call last):\n  File \"{}\", line 3, in f\n    x()\nKeyError: 'event'\n"


@pytest.mark.parametrize(
    ("details", "own", "line"),
    [
        ({"stderr": TRACE.format("/x/site-packages/orchestrator_mcp/cli/main.py")}, True, "KeyError: 'event'"),
        ({"traceback": TRACE.format(r"C:\v\workflow_orchestrator\engine.py")}, True, "KeyError: 'event'"),
        ({"error": TRACE.format("/home/u/workflow-orchestrator/src/cli.py")}, True, "KeyError: 'event'"),
        ({"stderr": TRACE.format("/home/u/workflow-orchestrator/app/models.py")}, False, "KeyError: 'event'"),
        ({"stderr": TRACE.format("/home/u/my_orchestrator/app.py")}, False, "KeyError: 'event'"),
        ({"command": "orchestrator prd spawn", "stderr": "boom: error"}, True, "boom: error"),
        ({"command": "/venv/bin/orchestrator-mcp --root .", "stderr": "boom error"}, True, "boom error"),
        ({"command": "python3 -m orchestrator_mcp", "stderr": "boom error"}, True, "boom error"),
        ({"command": "orchestrator.sh up", "stderr": "boom error"}, False, "boom error"),
        ({"command": "pytest tests/orchestrator", "stderr": "E   ValueError: x"}, False, "ValueError: x"),
        ({"stderr": "orchestrator prd spawn: command not found"}, True, "orchestrator prd spawn: command not found"),
        ({"stderr": "bash: orchestrator: command not found"}, True, "bash: orchestrator: command not found"),
        ({"stderr": "sh: 1: orchestrator: not found"}, True, "sh: 1: orchestrator: not found"),
        (
            {"stderr": "orchestrator: connection refused by db:5432"},
            False,
            "orchestrator: connection refused by db:5432",
        ),
        ({"source": "project", "stderr": "orchestrator: command not found"}, False, "orchestrator: command not found"),
        ({"source": "orchestrator", "error": "lost"}, True, "lost"),
        ({"exit_code": 1}, False, "It failed"),
    ],
)
@pytest.mark.parametrize("kind", ["verification_failed", "gate_failed", "error", "item_failed"])
def test_errors_are_the_orchestrators_or_the_projects(kind, details, own, line):
    failed = event(kind, 0, "write_tests", message="It failed", **details)
    assert (is_own(failed), error_line(failed)) == (own, line)
    got = facts([failed, failed])
    assert (got.orchestrator_errors, got.project_errors) == (((line,), ()) if own else ((), (line,)))


def test_custom_items_are_those_that_the_tool_does_not_ship():
    log = [event("item_completed", 0, item) for item in (*sorted(ITEMS), "terraform_plan", "db_migration_check")]
    assert facts(log).custom_items == ("db_migration_check", "terraform_plan")


@pytest.mark.skipif(
    not (DATA / "legacy" / "workflow_yaml").is_dir(), reason="the real workflow.yaml files are not here"
)
def test_the_shipped_items_are_the_union_of_the_real_defaults():
    import yaml

    files = (DATA / "legacy" / "workflow_yaml").glob("*.yaml")
    phases = [phase for file in files for phase in yaml.safe_load(file.read_text("utf-8"))["phases"]]
    found = {item["id"] for phase in phases for item in phase["items"]}
    assert found | {"parallel_execution_check", "capture_workflow_feedback"} == ITEMS


@pytest.mark.parametrize(
    ("notes", "well", "hard"),
    [
        (None, None, None),
        ("LEARNINGS.md updated with details, decisions and recommendations.", None, None),
        (
            "Incremental migrations work better. Feature flags reduced risk.",
            "Incremental migrations work better. Feature flags reduced risk.",
            None,
        ),
        ("TDD approach caught edge cases early.", "TDD approach caught edge cases early.", None),
        ("Docker build cache issues slowed iteration.", None, "Docker build cache issues slowed iteration."),
        ("Mock setup was tricky.\nPairing helped.", "Pairing helped.", "Mock setup was tricky."),
        ("No issues with the build.", None, None),
        ("The cache didn't help; it was not effective.", None, None),
        ("A health check would have helped.", None, None),
        ("Retries helped but the flaky network was painful.", None, None),
        ("- What went well: fast tests\n- Challenges: none", "fast tests", None),
        ("**Challenges:** the schema. Its size.", None, "the schema. Its size."),
        ("Should we cache? Was it too slow?", None, None),
    ],
)
def test_answers_are_taken_from_learnings_only_where_they_are_plain(notes, well, hard):
    assert (went_well(notes), challenges(notes)) == (well, hard)


def test_one_log_of_many_workflows_is_told_apart():
    log = [
        event("item_skipped", 0, "a", workflow="wf_a"),
        event("item_completed", 1, "b", workflow="wf_b"),
        event("item_skipped", 2, "c", workflow="wf_a"),
        event("workflow_completed", 3, workflow="wf_b"),
    ]
    assert facts(log).workflow_id == "wf_b"
    assert facts(log, {"id": "wf_a", "phases": {}}).items_skipped == ("a", "c")
    assert facts(log, workflow_id="wf_a").items_skipped_pct == 1
    assert facts(log, workflow_id="wf_zz").duration_seconds is None


def test_aliases_of_other_writers_are_read():
    lines = [
        {"timestamp": "2026-01-05T12:00:00", "type": "phase_started", "phase": "PLAN"},
        {"timestamp": "2026-01-05T12:00:10", "type": "item_skipped", "item": "write_tests", "id": "01kevent"},
    ]
    got = facts([LogEvent.model_validate(line) for line in lines], {"id": "wf_x", "task": "T", "phases": {}})
    assert (got.workflow_id, got.task, got.phases, got.items_skipped) == ("wf_x", "T", {"PLAN": 10}, ("write_tests",))


def test_events_without_a_workflow_are_given_to_none_that_was_named():
    log = [event("item_skipped", 0, "write_tests", workflow=None)]
    assert facts(log).items_skipped == ("write_tests",)
    assert facts(log, workflow_id="wf_a").items_skipped == ()
    assert facts(log, {"id": "wf_a", "phases": {}}, "wf_a").items_skipped == ("write_tests",)
    assert facts(log, {"id": "wf_a", "phases": {}}, "wf_b").items_skipped == ()
