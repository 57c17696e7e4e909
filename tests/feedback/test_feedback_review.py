"""Reviewing feedback: each workflow once, rates over opportunities, and the same answer however it is asked."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feedback_world import raw, sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import Project
from review_world import DAY, log, only, rate_of, review, workflow, workflows, write

from orchestrator_mcp.analysis.unusual import LEAST_HISTORY, unusual, usual
from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.records.fields import Applicable, FeedbackKind
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.workflow import EVENTS, LogEvent
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.migration import migrate_state
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.snapshot_import import import_snapshot
from orchestrator_mcp.services.snapshots import export_to_file
from orchestrator_mcp.services.workflows import start_workflow, update_workflow

NPM = "npm error code ENOENT"


def test_an_empty_project_has_nothing(project: Project) -> None:
    found = review(project)
    assert (found.workflows, found.patterns, found.usage, found.averages.phases) == (0, [], [], {})
    assert project.files() == {}


def test_the_real_log(project: Project) -> None:
    """Its two workflows; the figures are those that test_feedback_golden.py works out by hand."""
    sample(project.root)
    found = review(project)
    assert (found.workflows, found.with_feedback, found.undated, found.bad_lines) == (2, 0, 0, 0)
    (error,) = found.patterns
    assert (error.kind, error.title, error.workflows) == (PatternKind.WORKFLOW_ERROR, NPM, 2)
    phases = {name: (one.n, one.mean) for name, one in found.averages.phases.items()}
    assert phases == {
        "PLAN": (2, (4347 + 17856) / 2),
        "EXECUTE": (2, (822 + 384) / 2),
        "REVIEW": (2, (233 + 96) / 2),
        "VERIFY": (2, (58 + 19) / 2),
        "LEARN": (2, (267 + 5622) / 2),
    }
    assert found.averages.seconds.mean == (5731 + 23983) / 2
    assert found.averages.items_skipped.mean == pytest.approx((4 / 23 + 5 / 23) / 2, abs=1e-4)
    assert [(one.name, one.rate.k, one.rate.n) for one in found.usage] == [("reviews", 2, 2)]
    assert found.positives == []  # 2 of 2 is too few to praise


def test_log_feedback_and_migration_tell_of_the_same_two_workflows(project: Project) -> None:
    """At each stage, and also where version control brings the originals back beside the migrated session."""
    sample(project.root)
    alone = review(project)
    for name in ("wf_e3bef6ab", "wf_ce03679d"):
        record_feedback(project.person(), workflow_id=name)
        record_feedback(project.person(), workflow_id=name, kind=FeedbackKind.TOOL)
        record_feedback(project.person(), workflow_id=name, challenges="Mocks were hard")
    told = review(project)
    originals = {path: path.read_bytes() for path in project.root.glob(".workflow_*.json*")}
    migrate_state(project.person(), dry_run=False)
    moved = review(project)
    for path, data in originals.items():
        path.write_bytes(data)
    both = review(project)
    for found in (told, moved, both):
        assert (found.workflows, found.with_feedback) == (2, 2)
        assert [(one.occurrences, one.workflows) for one in found.patterns] == [(2, 2)]
        assert found.averages == alone.averages
        assert found.usage[:1] == alone.usage
    for path in originals:
        path.unlink()
    assert review(project).model_dump(exclude={"legacy_detected"}) == moved.model_dump(exclude={"legacy_detected"})


@pytest.mark.parametrize("stamped", [True, False])
def test_legacy_feedback_counts_once_after_its_migration_too(project: Project, stamped: bool) -> None:
    """Tool entries are told by their time; entries without a workflow are one each."""
    tool, process = [], []
    for number in range(6):
        stamp = f"2026-01-{number + 1:02}T10:30:00Z"
        name = f"wf_{number}" if stamped else "unknown"
        tool.append({"timestamp": stamp, "mode": "auto", "repo_type": "go", "orchestrator_version": "2.6.0",
                     "workflow_id_hash": f"{number:016x}" if stamped else "b0aaee280a5599b2", "reviews_worked": False})  # fmt: skip
        process.append({"timestamp": stamp, "mode": "auto", "workflow_id": name, "task": "t", "repo": "r",
                        "challenges": "The staging database was slow", "parallel_agents_used": False})  # fmt: skip
    write(project.root / ".workflow_tool_feedback.jsonl", tool)
    write(project.root / ".workflow_process_feedback.jsonl", process)
    before = review(project)
    originals = {path: path.read_bytes() for path in project.root.glob(".workflow_*")}
    migrate_state(project.person(), dry_run=False)
    after = review(project)
    for path, data in originals.items():
        path.write_bytes(data)
    for found in (before, after, review(project)):
        assert found.workflows == 6
        assert rate_of(found, PatternKind.MISSING_REVIEW) == (6, 6)
        assert rate_of(found, PatternKind.UNUSED_PARALLEL) == (6, 6)
        assert [(one.occurrences, one.workflows) for one in found.challenges] == [(6, 6)]


def test_tool_entries_alone_are_joined_to_their_workflow_by_the_keyed_hash(project: Project) -> None:
    for number in range(4):
        agent = project.agent()
        started = start_workflow(agent, task="x")
        update_workflow(agent, action="event", event="no_parallel_agents")
        update_workflow(agent, action="finish")
        record_feedback(agent, kind=FeedbackKind.TOOL, workflow_id=started.workflow_id)
        project.wait(hours=number + 1)
    found = review(project)
    assert (found.workflows, found.with_feedback) == (4, 4)
    assert rate_of(found, PatternKind.UNUSED_PARALLEL) == (4, 4)


def test_feedback_without_a_workflow_is_one_though_it_has_two_entries(project: Project) -> None:
    for text in ("Mock setup tricky", "The mock setup was tricky"):
        project.wait(minutes=5)
        record_feedback(project.agent(), challenges=text, multi_agents="no", reviews_worked="yes")
    found = review(project)
    assert (found.workflows, found.with_feedback) == (2, 2)
    assert [(one.name, one.rate.k, one.rate.n) for one in found.usage] == [("reviews", 2, 2), ("parallel_agents", 0, 2)]


def test_what_does_not_apply_is_no_opportunity(project: Project) -> None:
    for answer in ("not-applicable", "no", "no", "no", "no"):
        project.wait(minutes=5)
        record_feedback(project.agent(), multi_agents=answer)
    assert rate_of(review(project), PatternKind.UNUSED_PARALLEL) == (4, 4)


@pytest.mark.parametrize(
    ("no", "yes", "said"),
    [(3, 0, None), (4, 0, (4, 4)), (4, 1, None), (6, 1, None), (7, 1, (7, 8)), (7, 3, None), (14, 6, None)],
)
def test_unused_parallel_agents_are_said_only_when_it_is_known_well_enough(project: Project, no, yes, said) -> None:
    log(project, [line for n in range(no + yes) for line in workflow(n, parallel=n >= no)])
    found = review(project)
    wilson_holds = only(found, PatternKind.UNUSED_PARALLEL)
    assert all(one.rate.low >= 0.5 and one.rate.k / one.rate.n >= 0.7 for one in wilson_holds)
    if said is not None or no < 7:
        assert rate_of(found, PatternKind.UNUSED_PARALLEL) == said


def test_a_review_phase_that_nobody_touched_missed_its_review_and_one_that_goes_on_did_not(project: Project) -> None:
    log(project, [*workflows(5), *workflow(5, ended=False)[:-1]])
    assert rate_of(review(project), PatternKind.MISSING_REVIEW) == (5, 5)


def test_a_last_resolution_counts(project: Project) -> None:
    lines = [line for n in range(5) for line in workflow(n, skipped=["visual_tests"])]
    lines += [raw("item_completed", n * DAY + 5000, "visual_tests", workflow=f"wf_{n:08x}") for n in range(5)]
    log(project, lines)
    assert rate_of(review(project), PatternKind.SKIPPED_ITEM) is None


def test_a_phase_that_changed_is_said_against_the_projects_own_history(project: Project) -> None:
    chance = random.Random(4)
    usual = [
        line for n in range(12) for line in workflow(n, seconds={"PLAN": 900 + chance.randrange(200), "REVIEW": 60})
    ]
    slower = [line for n in range(12, 18) for line in workflow(n, seconds={"PLAN": 3600, "REVIEW": 61}, busy=900)]
    log(project, usual + slower)
    project.now = datetime(2026, 1, 23, 13, tzinfo=UTC)
    (found,) = only(review(project, all=False, days=7), PatternKind.PHASE_TIMING)
    assert found.title.startswith("PLAN takes longer than the usual 1")
    assert (found.rate.k, found.rate.n) == (6, 6)
    assert only(review(project, all=False, days=30), PatternKind.PHASE_TIMING) == []  # nothing before to compare with


def test_a_night_is_no_long_phase(project: Project) -> None:
    """Idle time is not work: on the wall clock these phases took sixty times as long as usual."""
    usual = workflows(10, seconds={"PLAN": 600})
    overnight = []
    for number in range(10, 18):
        name, at = f"wf_{number:08x}", number * DAY
        overnight += [
            raw("workflow_started", at, workflow=name),
            raw("phase_started", at, phase="PLAN", workflow=name),
            raw("note_added", at + 300, workflow=name, status="paused"),
            raw("note_added", at + 36_000, workflow=name, status="active"),
            raw("phase_completed", at + 36_300, phase="PLAN", workflow=name),
            raw("workflow_completed", at + 36_300, workflow=name),
        ]
    log(project, usual + overnight)
    found = review(project)
    assert only(found, PatternKind.PHASE_TIMING) == []
    assert found.averages.phases["PLAN"].mean > 10_000
    assert found.averages.active_phases["PLAN"].mean == 600


def test_too_short_a_history_says_nothing(project: Project) -> None:
    lines = [line for n in range(LEAST_HISTORY - 1) for line in workflow(n)]
    lines += [line for n in range(10, 16) for line in workflow(n, seconds={"PLAN": 99_000})]
    log(project, lines)
    project.now = datetime(2026, 1, 22, tzinfo=UTC)
    assert only(review(project, all=False, days=7), PatternKind.PHASE_TIMING) == []


@pytest.mark.parametrize(
    ("seconds", "history", "verdict"),
    [
        (600, [600] * 8, 0),
        (1100, [600] * 8, 0),  # not twice as long
        (1300, [600] * 8, 1),
        (200, [600] * 8, -1),
        (1300, [100, 200, 400, 800, 1600, 3200, 50, 6400], 0),  # this project varies
        (9000, [600, 610, 590, 605, 595, 9000, 9000, 600], 1),  # the odd ones of the history do not hide it
    ],
)
def test_what_is_unusual(seconds, history, verdict) -> None:
    assert unusual(seconds, usual(history)) == verdict
    assert usual(history[: LEAST_HISTORY - 1]) is None


def test_tool_and_process_are_filters(project: Project) -> None:
    log(project, workflows(5, reviewed=False, parallel=False, skipped=["visual_tests"]))
    both, tool, process = (review(project, kind=kind) for kind in ("both", "tool", "process"))
    assert {one.kind for one in tool.patterns} | {one.kind for one in process.patterns} == {
        one.kind for one in both.patterns
    }
    assert {one.kind for one in process.patterns} == {PatternKind.UNUSED_PARALLEL}
    assert [one.name for one in process.usage] == ["parallel_agents"]


def test_it_is_a_filter_of_the_same_review(project: Project) -> None:
    log(project, workflows(5, reviewed=False, parallel=False, skipped=["visual_tests"]))
    of_feedback = {one.id: one for one in review(project).patterns}
    of_all = {one.id: one for one in review_patterns(project.person(), all=True, limit=50).patterns}
    assert of_feedback == of_all
    assert len(of_all) == 4  # and the review item that was always skipped


def test_learnings_and_what_went_well_are_themes_by_sentence(project: Project) -> None:
    for number, end in enumerate(("We also moved the docs.", "Nothing else happened today.", "")):
        project.wait(minutes=9)
        record_feedback(
            project.agent(),
            what_went_well=f"The TDD approach was effective{'' if number else ' again'}. {end}",
            learnings=f"Incremental migrations work better{' for us' * number}. {end}",
        )
    found = review(project)
    assert [one.workflows for one in found.went_well] == [3]
    assert "TDD" in found.went_well[0].text
    assert [one.workflows for one in found.learnings] == [3]


def test_the_window_is_by_the_last_sign_of_a_workflow(project: Project) -> None:
    log(project, workflows(10))  # from 5 January 2026 on, one a day
    project.now = datetime(2026, 1, 15, tzinfo=UTC)
    assert [review(project, all=False, days=days).workflows for days in (1, 3, 7, 30)] == [1, 3, 7, 10]
    record_feedback(project.person(), workflow_id="wf_00000000")
    assert review(project, all=False, days=1).workflows == 2


def without_times(found):
    return found.model_dump(exclude={"window"})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.torn
def test_any_prefix_of_any_log_has_a_valid_answer_that_needs_no_cache(tmp_path_factory, data) -> None:
    project = Project(tmp_path_factory.mktemp("prefix"))
    events = st.builds(
        raw,
        st.sampled_from([*sorted(EVENTS), "event_of_tomorrow"]),
        st.integers(0, 9999),
        st.sampled_from([None, "security_review", "visual_tests", "parallel_execution_check"]),
        workflow=st.sampled_from(["wf_1", "wf_2", None, ""]),
        phase=st.sampled_from([None, "PLAN", "REVIEW", 7]),
        parallel_agents_used=st.sampled_from([True, False, None, "yes"]),
        review_type=st.sampled_from([None, "security", 3]),
    )
    lines = data.draw(st.lists(events | st.sampled_from(["{torn\n", "[]\n", "null\n"]), max_size=25))
    text = "".join(json.dumps(line) + "\n" if isinstance(line, dict) else line for line in lines)
    cut = data.draw(st.integers(0, len(text)))
    path = project.root / ".workflow_log.jsonl"
    path.write_text(text[:cut], "utf-8")
    found = review(project)
    assert found.workflows <= 3
    for one in found.patterns:
        assert one.rate is None or 0 <= one.rate.low <= one.rate.k / one.rate.n <= one.rate.high <= 1
    assert path.read_text("utf-8") == text[:cut]  # unknown events are kept
    project.person().store()
    cached = review(project)
    assert without_times(cached) == without_times(found)
    path.write_text(text, "utf-8")
    grown = without_times(review(project))
    assert grown == without_times(review_feedback(project.person(read_only=True), all=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_files_does_not_matter(tmp_path, seed) -> None:
    """The same events and entries, in sessions that come in another order."""
    chance, answers = random.Random(seed), []
    for turn in range(2):
        project = Project(tmp_path / f"{turn}")
        project.root.mkdir()
        project.person().store()
        order = list(range(6))
        chance.shuffle(order)
        for place, number in enumerate(order):
            folder = project.root / f".orchestrator/sessions/session-{place}"
            how = {"reviewed": number != 2, "parallel": False, "skipped": ["visual_tests"]}
            (folder / "feedback").mkdir(parents=True, mode=0o700)
            write(folder / "log.jsonl", workflow(number, **how))
            said = {"id": f"e{number}", "timestamp": f"2026-01-1{number}T10:00:00Z", "workflow_id": f"wf_{number:08x}"}
            texts = {"challenges": "Mocks were hard", "what_went_well": f"The review {number} helped."}
            write(folder / "feedback/process.jsonl", [{**said, **texts, "mode": "auto", "project_errors": ["x"]}])
        found = review(project).model_dump()
        for one in (*found["patterns"], *found["challenges"]):
            del one["examples"]
        answers.append(found)
    assert answers[0] == answers[1]


def test_a_process_entry_that_is_written_anew_replaces_what_it_said(project: Project) -> None:
    agent = project.agent()
    recorded = record_feedback(agent, multi_agents="no")
    assert [one.rate.k for one in review(project).usage] == [0]
    agent.stream(ProcessFeedback).supersede(
        recorded.process_id,
        lambda old: old.model_copy(update={"parallel_agents_used": True, "multi_agents": Applicable.YES}),
    )
    assert [one.rate.k for one in review(project).usage] == [1]


def test_events_of_several_sessions_make_one_workflow(project: Project) -> None:
    for name, at in (("workflow_started", 0), ("workflow_completed", 600)):
        project.agent().stream(LogEvent).append(LogEvent.model_validate(raw(name, at)))
    found = review(project)
    assert (found.workflows, found.averages.seconds.mean) == (1, 600)


@pytest.mark.parametrize(("logged", "reported"), [(0, 2), (1, 1), (1, 3), (2, 1), (3, 2)])
def test_an_error_is_one_pattern_whether_a_log_or_only_feedback_tells_of_it(project: Project, logged, reported) -> None:
    """The log's own workflows have feedback too, which repeats the error and adds nothing."""
    error = "TimeoutError: call {0} took {0}.5 s"
    names = [f"wf_{number}" for number in range(logged + reported)]
    log(project, [
        raw("verification_failed", n * DAY, "t", workflow=name, stderr=error.format(n)) for n, name in enumerate(names[:logged])
    ])  # fmt: skip
    write(project.root / ".workflow_process_feedback.jsonl", [
        {"timestamp": f"2026-02-{n + 1:02}T10:00:00Z", "mode": "auto", "workflow_id": name, "task": "t", "repo": "r",
         "project_errors": [error.format(n + 50)]} for n, name in enumerate(names)
    ])  # fmt: skip
    for found in (review(project), review_patterns(project.person(), all=True)):
        (one,) = found.patterns
        assert (one.kind, one.occurrences, one.workflows) == (PatternKind.WORKFLOW_ERROR, len(names), len(names))
        assert (one.sessions, bool(one.examples)) == (1, True)


@pytest.mark.parametrize("private", [True, False])
def test_a_workflow_counts_once_where_its_key_did_not_travel_to(
    project: Project, tmp_path: Path, private: bool
) -> None:
    """Three workflows in one session, the second without feedback; the third is told of twice."""
    agent = project.agent()
    for number in range(3):
        started = start_workflow(agent, task=f"task {number}")
        update_workflow(agent, action="event", event="no_parallel_agents")
        project.wait(minutes=10)
        update_workflow(agent, action="finish")
        project.wait(minutes=1)
        if number != 1:
            record_feedback(agent, workflow_id=started.workflow_id)
        project.wait(hours=2)
    record_feedback(agent, workflow_id=started.workflow_id, phase0_helpful="yes", kind=FeedbackKind.TOOL)
    before = review(project)
    export_to_file(project.person(), tmp_path / "packed.snapshot.tar.gz", include_private=private)
    elsewhere = Project(tmp_path / "elsewhere")
    elsewhere.root.mkdir()
    elsewhere.now = project.now
    import_snapshot(elsewhere.person(), tmp_path / "packed.snapshot.tar.gz", passphrase=lambda: "")
    after = review(elsewhere)
    assert (before.workflows, before.with_feedback) == (3, 2)
    assert after.model_dump() == before.model_dump()


def test_a_tool_entry_of_ones_own_is_not_taken_for_another_workflow(project: Project) -> None:
    """One that this installation made of a workflow it does not know is never taken for another workflow."""
    agent = project.agent()
    start_workflow(agent, task="x")
    record_feedback(agent, kind=FeedbackKind.TOOL, workflow_id="wf_elsewhere", phase0_helpful="yes")
    assert review(project).workflows == 2
    for secret in project.root.glob(".orchestrator/secrets/*"):
        secret.unlink()
    assert review(project).workflows == 1  # the session tells of one workflow alone, and the key is gone
    for written in project.root.glob(".orchestrator/sessions/*/log.jsonl"):
        written.unlink()
    assert review(project).workflows == 1
