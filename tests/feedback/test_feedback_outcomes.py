"""How workflows end: completed, abandoned, or left lying about; and what is skipped most."""

import subprocess
import sys

import pytest
from feedback_world import START, raw
from projects import Project
from review_world import DAY, log, review, workflow, workflows

from orchestrator_mcp.analysis.runs import STALE
from orchestrator_mcp.services.feedback import record_feedback


def begun(number, at, *more):
    name = f"wf_{number:08x}"
    return [raw("workflow_started", at, workflow=name), *(raw(kind, at, workflow=name, **how) for kind, how in more)]


def test_each_workflow_stands_somewhere(project: Project) -> None:
    now = (project.now - START).total_seconds()
    limit = STALE.total_seconds()
    log(project, [
        *workflows(3),
        *begun(10, DAY, ("workflow_abandoned", {})),
        *begun(11, now - limit - 1),
        *begun(12, now - limit + 1),
        *begun(13, now - 30 * DAY, ("note_added", {"status": "paused"})),
        *begun(14, DAY, ("workflow_finished", {})),
    ])  # fmt: skip
    found = review(project)
    assert found.outcomes == {"completed": 4, "abandoned": 1, "stale": 1, "active": 1, "paused": 1}
    assert (found.completion.k, found.completion.n) == (4, 6)
    (stale,) = found.stale
    assert (stale.workflow_id, stale.sessions) == ("wf_0000000b", [])
    assert (project.now - stale.last_seen).total_seconds() == limit + 1


def test_what_only_feedback_tells_of_has_no_known_end(project: Project) -> None:
    agent = project.agent()
    record_feedback(agent, workflow_id="wf_elsewhere", learnings="x")
    found = review(project)
    assert (found.workflows, found.outcomes, found.completion, found.stale) == (1, {}, None, [])


def test_a_sign_of_life_ends_it(project: Project) -> None:
    """Feedback about a workflow is one too."""
    log(project, begun(1, 0))
    assert review(project).outcomes == {"stale": 1}
    record_feedback(project.agent(), workflow_id="wf_00000001", learnings="x")
    assert review(project).outcomes == {"active": 1}


def test_few_of_many_stale_ones_are_shown(project: Project) -> None:
    log(project, [line for number in range(40) for line in begun(number, number)])
    found = review(project)
    assert (found.outcomes, len(found.stale)) == ({"stale": 40}, 10)


@pytest.mark.parametrize("variant", range(4))
def test_the_most_skipped_items_with_their_opportunities(project: Project, variant: int) -> None:
    always, sometimes = ["visual_tests", "ours"], ["check_roadmap"]
    lines = [line for number in range(4) for line in workflow(number, skipped=always)]
    lines += [line for number in range(4, 4 + variant) for line in workflow(number, skipped=sometimes)]
    lines += [raw("item_completed", 9 * DAY, "check_roadmap", workflow="wf_00000000")]
    log(project, lines)
    skips = [(one.name, one.rate.k, one.rate.n) for one in review(project).skips]
    some = [("check_roadmap", variant, variant + 1)] if variant else []
    assert skips == [("ours", 4, 4), ("visual_tests", 4, 4), *some]


def test_a_person_reads_what_to_do(project: Project) -> None:
    log(project, [*workflows(2), *begun(9, 5 * DAY), *begun(8, 5 * DAY, ("workflow_abandoned", {}))])
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "feedback", "review", "--all"]
    shown = subprocess.check_output(command, cwd=project.root, text=True, stdin=subprocess.DEVNULL)
    assert "  • Completed: 2 of 4 (15–85 %); 1 abandoned, 1 stale\n" in shown
    assert shown.endswith(
        "\nSTALE WORKFLOWS:\n"
        "  • wf_00000009: active, and nothing since 2026-01-10 12:00\n"
        "   → `orchestrator workflow finish`, or abandon, with --workflow ID\n"
    )
