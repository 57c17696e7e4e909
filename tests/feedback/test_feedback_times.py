"""Two clocks: how long a workflow took, and how much of that was work as far as its log shows."""

import pytest
from feedback_world import event, tool_entries, workspace, write_log
from hypothesis import given, settings
from hypothesis import strategies as st
from review_world import log, review, workflow

from orchestrator_mcp.analysis.extraction import one_workflow, workflow_facts
from orchestrator_mcp.analysis.extraction_times import IDLE, outcome
from orchestrator_mcp.services.feedback import record_feedback

MINUTE, HOUR = 60, 3600


def paused(second):
    return event("note_added", second, status="paused")


def resumed(second):
    return event("note_added", second, status="active")


def begun(second, phase):
    return event("phase_started", second, phase=phase)


@pytest.mark.parametrize(
    ("log", "took", "active", "phases"),
    [
        ([begun(0, "PLAN"), event("workflow_completed", 600)], 600, 600, {"PLAN": 600}),
        # Nothing for ten hours: only the first half hour of the gap counts.
        (
            [begun(0, "PLAN"), event("item_completed", 60, "x"), event("workflow_completed", 60 + 10 * HOUR)],
            60 + 10 * HOUR, 60 + 30 * MINUTE, {"PLAN": 60 + 30 * MINUTE},
        ),
        # A pause counts nothing, however short.
        (
            [begun(0, "PLAN"), paused(100), resumed(700), event("workflow_completed", 800)],
            800, 200, {"PLAN": 200},
        ),
        # What is recorded during a pause does not end it.
        (
            [begun(0, "PLAN"), paused(100), event("item_completed", 200, "x"), resumed(300), event("workflow_completed", 400)],
            400, 200, {"PLAN": 200},
        ),
        # A pause across phases is taken out of both.
        (
            [begun(0, "PLAN"), paused(50), event("phase_completed", 60, phase="PLAN"), begun(60, "EXECUTE"), resumed(100),
             event("workflow_completed", 130)],
            130, 80, {"PLAN": 50, "EXECUTE": 30},
        ),
        # Another note is no resumption, and a status of another kind is no pause.
        ([begun(0, "PLAN"), paused(10), event("note_added", 20, notes="x"), event("workflow_completed", 30)], 30, 10, {"PLAN": 10}),
        ([begun(0, "PLAN"), event("note_added", 10, status="great"), event("workflow_completed", 30)], 30, 30, {"PLAN": 30}),
        # A second finish, much later, makes neither longer.
        ([begun(0, "PLAN"), event("workflow_completed", 60), event("workflow_completed", 900)], 60, 60, {"PLAN": 60}),
        # Between phases somebody worked too, if on nothing that has a name.
        ([begun(0, "PLAN"), event("phase_completed", 10, phase="PLAN"), event("workflow_completed", 30)], 30, 30, {"PLAN": 10}),
    ],
    ids=["plain", "idle", "pause", "busy pause", "pause across phases", "note", "status", "second finish", "between"],
)  # fmt: skip
def test_active_time_leaves_out_pauses_and_idling(log, took, active, phases):
    facts = workflow_facts(one_workflow(log, None))
    assert (facts.duration_seconds, facts.active_seconds, facts.active_phases) == (took, active, phases)


ANY = st.lists(
    st.tuples(
        st.integers(-HOUR, 3 * HOUR),
        st.sampled_from(["phase_started", "phase_completed", "item_completed", "note_added", "workflow_completed"]),
        st.sampled_from(["PLAN", "EXECUTE", None]),
        st.sampled_from([{}, {"status": "paused"}, {"status": "active"}, {"status": 7}]),
    ),
    max_size=15,
)


@settings(max_examples=200, deadline=None)
@given(ANY)
def test_active_time_never_exceeds_the_wall_clock(rows):
    second, events = 0, []
    for step, kind, phase, details in rows:
        second += step  # clocks are set back, too
        events.append(event(kind, second, phase=phase, **details))
    facts = workflow_facts(one_workflow(events, None))
    assert (facts.active_seconds is None) == (not events)
    assert 0 <= (facts.active_seconds or 0) <= (facts.duration_seconds or 0)
    assert facts.active_phases.keys() == facts.phases.keys()
    assert all(0 <= facts.active_phases[phase] <= seconds for phase, seconds in facts.phases.items())
    assert (facts.active_seconds or 0) <= max(len(events) - 1, 0) * IDLE.total_seconds()


def test_a_state_alone_does_not_say_how_much_of_it_was_work():
    from orchestrator_mcp.records.workflow import WorkflowState

    state = {"id": "w", "created_at": "2026-01-05T12:00:00Z", "completed_at": "2026-01-05T12:03:00Z"}
    facts = workflow_facts(one_workflow([], WorkflowState.model_validate(state)))
    assert (facts.duration_seconds, facts.active_seconds, facts.active_phases) == (180, None, {})


def test_the_tool_entry_and_the_answer_keep_both(tmp_path):
    lines = [begun(0, "PLAN"), begun(60, "OUR_OWN"), paused(100), event("workflow_completed", 5 * HOUR)]
    write_log(tmp_path, [one.model_dump(mode="json") for one in lines])
    at = workspace(tmp_path)
    said = record_feedback(at).inferred
    (tool,) = tool_entries(at)
    assert (tool.duration_seconds, tool.active_seconds) == (5 * HOUR, 100)
    assert (tool.phases, tool.active_phases) == ({"PLAN": 60, "OTHER": 5 * HOUR - 60}, {"PLAN": 60, "OTHER": 40})
    assert (said["duration_seconds"], said["active_seconds"]) == (5 * HOUR, 100)


def test_a_review_shows_both(project):
    log(project, [line for number in range(4) for line in workflow(number, seconds={"PLAN": 10 * HOUR, "REVIEW": 300})])
    averages = review(project).averages
    assert (averages.seconds.mean, averages.active_seconds.mean) == (10 * HOUR + 300, 30 * MINUTE + 300)
    assert averages.active_phases["PLAN"].mean == 30 * MINUTE


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([], None),
        ([event("phase_started", 0)], "active"),
        ([event("workflow_started", 0), paused(1)], "paused"),
        ([paused(1), resumed(2)], "active"),
        ([event("workflow_started", 0), event("workflow_completed", 1), event("note_added", 2)], "completed"),
        ([event("workflow_abandoned", 1)], "abandoned"),
        ([event("workflow_finished", 1)], "completed"),
    ],
)
def test_how_a_log_ends(log, expected):
    assert outcome(log) == expected
