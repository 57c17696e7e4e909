"""Agent runs: started, finished under the same id, judged, ranked; and the quick start as it is documented."""

import json

import pytest
from projects import Project

from orchestrator_mcp import TelemetryAnalyzer, TelemetryLogger
from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.services.telemetry import get_agent_ranking, log_invocation, log_success_metric, statistics


def start(workspace, agent="frontend-developer", **more):
    return log_invocation(workspace, agent_name=agent, task_description="Add dark mode toggle", **more)


def judged(workspace, agent, successes, failures, task_type="bug_fix"):
    for number in range(successes + failures):
        run = start(workspace, agent, state_features={"task": {"type": task_type}})
        log_success_metric(workspace, invocation_id=run.invocation_id, success=number < successes, quality_rating=4)


def test_the_quick_start_runs_as_written(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    logger = TelemetryLogger()
    invocation_id = logger.log_invocation(
        agent_name="frontend-developer",
        agent_type="development",
        task_description="Add dark mode toggle",
        state_features={
            "codebase": {"languages": ["TypeScript"]},
            "task": {"type": "feature_development", "scope": "small"},
        },
    )
    logger.update_invocation(
        invocation_id=invocation_id,
        duration_seconds=120.5,
        outcome_status="success",
        files_modified=["src/Settings.tsx"],
    )
    logger.log_success_metric(invocation_id=invocation_id, success=True, quality_rating=4, feedback_notes="Works well!")
    analyzer = TelemetryAnalyzer()
    saved = json.loads(analyzer.save_statistics().read_text())
    analyzer.print_summary()
    assert saved["agents"]["frontend-developer"]["average_duration_seconds"] == 120.5
    assert "frontend-developer: 1 runs, 100% success (n=1)" in capsys.readouterr().out
    assert analyzer.get_agent_ranking(task_type="feature_development") == []
    logger.log_success_metric(
        invocation_id=invocation_id,
        success=False,
        quality_rating=2,
        would_use_again=False,
        alternative_agent_suggested="backend-architect",
    )


def test_a_finish_supersedes_the_start_and_loses_nothing(project: Project) -> None:
    agent = project.agent()
    run = start(agent, agent_type="development", tools_used=["Edit"])
    assert (run.finished, run.rev) == (False, 1)
    done = log_invocation(
        agent, invocation_id=run.invocation_id, outcome_status=OutcomeStatus.SUCCESS, duration_seconds=3
    )
    assert (done.finished, done.rev) == (True, 2)
    more = log_invocation(agent, invocation_id=run.invocation_id, tests_passed=True)
    assert (more.finished, more.rev) == (True, 3)
    (record,) = agent.read(Invocation).records
    assert (record.agent_type, record.tools_used, record.duration_seconds) == ("development", ["Edit"], 3)
    assert (record.outcome.status, record.outcome.tests_passed) == (OutcomeStatus.SUCCESS, True)


def test_repeating_a_finish_changes_nothing(project: Project) -> None:
    agent = project.agent()
    run = start(agent)
    for _ in range(3):
        done = log_invocation(agent, invocation_id=run.invocation_id, outcome_status=OutcomeStatus.FAILURE)
        project.wait(minutes=1)
        assert done.rev == 2


def test_another_session_may_finish_a_run(project: Project) -> None:
    run = start(project.agent())
    done = log_invocation(project.agent(), invocation_id=run.invocation_id, outcome_status=OutcomeStatus.PARTIAL)
    assert done.rev == 2
    assert len(project.agent().read(Invocation).records) == 1


@pytest.mark.parametrize(
    "given", [{}, {"agent_name": "x"}, {"task_description": "y"}, {"agent_name": " ", "task_description": "y"}]
)
def test_a_start_needs_an_agent_and_a_task(project: Project, given: dict) -> None:
    with pytest.raises(InvalidInputError, match="To start a run, give"):
        log_invocation(project.agent(), **given)


@pytest.mark.parametrize("unknown", ["nope", "../../etc", "", "x" * 300])
def test_an_unknown_run_cannot_be_finished_or_judged(project: Project, unknown: str) -> None:
    agent = project.agent()
    with pytest.raises(NotFoundError, match="There is no run"):
        log_invocation(agent, invocation_id=unknown, tests_passed=True)
    with pytest.raises(NotFoundError, match="There is no run"):
        log_success_metric(agent, invocation_id=unknown, success=True)


def test_agents_are_ranked_by_judged_runs_with_their_uncertainty(project: Project) -> None:
    agent = project.agent()
    judged(agent, "steady", 18, 2)
    judged(agent, "lucky", 5, 0)
    judged(agent, "weak", 3, 7)
    judged(agent, "new", 2, 0)
    ranking = get_agent_ranking(agent)
    assert ranking.agents[-1].agent_name == "weak"
    assert {one.agent_name for one in ranking.agents} == {"steady", "lucky", "weak"}
    assert [one.agent_name for one in ranking.too_few] == ["new"]
    assert ranking.chance_first_is_best is not None
    assert 0.3 < ranking.chance_first_is_best < 0.9
    steady = next(one for one in ranking.agents if one.agent_name == "steady")
    assert (steady.successes, steady.n, steady.low < 0.9 < steady.high) == (18, 20, True)


def test_a_task_type_is_a_filter(project: Project) -> None:
    agent = project.agent()
    judged(agent, "both", 5, 0, "bug_fix")
    judged(agent, "both", 0, 5, "feature")
    assert get_agent_ranking(agent, task_type="bug_fix").agents[0].rate == 1
    assert get_agent_ranking(agent, task_type="feature").agents[0].rate == 0
    assert get_agent_ranking(agent, task_type="other").agents == []


def test_unknown_is_not_failure(project: Project) -> None:
    agent = project.agent()
    for status in [*[OutcomeStatus.SUCCESS] * 4, OutcomeStatus.UNKNOWN, OutcomeStatus.PARTIAL]:
        start(agent, outcome_status=status)
    (rank,) = get_agent_ranking(agent).agents
    assert (rank.successes, rank.n) == (4, 5)


def test_an_empty_project_has_no_statistics(project: Project) -> None:
    found = statistics(project.agent())
    assert (found.total_invocations, found.date_range, found.agents) == (0, None, {})
