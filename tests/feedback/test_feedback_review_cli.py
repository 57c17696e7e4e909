"""`orchestrator feedback review` as a process: the layout of its design, the same facts as JSON, and its filters."""

import json
import subprocess
import sys

import pytest
from feedback_world import sample
from projects import Project
from review_world import log, workflow, workflows


def run(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "feedback", "review", *words]
    return subprocess.run(
        command, cwd=project.root, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_the_layout(project: Project) -> None:
    log(project, workflows(8, reviewed=True, parallel=False, skipped=["visual_tests"]))
    result = run(project, "--all")
    assert result.stdout.splitlines() == [
        "Feedback Review (whole history, 8 workflows)",
        "━" * 60,
        "",
        "PATTERNS DETECTED:",
        "⚠ visual_tests is skipped (8 of 8 workflows, 68–100 %)",
        "   → Suggestion: Make the item optional, or remove it, if skipping it is right.",
        "⚠ Parallel agents are unused (8 of 8 workflows, 68–100 %)",
        "   → Suggestion: Improve the Phase 0 guidance in workflow.yaml: say when several agents help.",
        "✓ Reviews performed consistently: 8 of 8 (68–100 %)",
        "",
        "LEARNINGS SUMMARY:",
        "  • Phase timings: avg PLAN=10 min, REVIEW=5 min",
        "  • A workflow: avg 15 min, median 15 min",
        "  • Errors per workflow: avg 0.0",
        "  • Items skipped: avg 50%",
        "  • Completed: 8 of 8 (68–100 %)",
        "  • Most skipped: visual_tests 8 of 8",
        "  • Used: reviews 8 of 8 (68–100 %), parallel agents 0 of 8 (0–32 %)",
    ]


def test_json_says_the_same(project: Project) -> None:
    sample(project.root)
    found = json.loads(run(project, "--all", "--json").stdout)
    assert (found["workflows"], [one["title"] for one in found["patterns"]]) == (2, ["npm error code ENOENT"])
    assert found["averages"]["phases"]["PLAN"]["mean"] == 11101.5


def test_its_filters_and_windows(project: Project) -> None:
    sample(project.root)
    assert "(last 7 days, 0 workflows)" in run(project).stdout
    assert "--all looks at the whole history" in run(project).stdout
    assert "(last 36500 days, 2 workflows)" in run(project, "--days", "36500").stdout.replace(",500", "500")
    assert "ENOENT" in run(project, "--all", "--process").stdout
    assert "ENOENT" not in run(project, "--all", "--tool").stdout


@pytest.mark.parametrize("words", [["--days", "0"], ["--days", "8", "--all"], ["--tool", "--process"], ["--nope"]])
def test_what_makes_no_sense_is_refused(project: Project, words: list[str]) -> None:
    result = run(project, *words)
    assert result.returncode in {1, 2}
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_window_of_one_day_reads_well(project: Project) -> None:
    assert "(last 1 day, 0 workflows)" in run(project, "--days", "1").stdout


def test_several_repositories_are_one_review_and_nothing_is_written_there(project: Project, tmp_path_factory) -> None:
    others = [Project(tmp_path_factory.mktemp("other")) for _ in range(2)]
    for number, one in enumerate((project, *others)):
        log(one, [line for n in range(2) for line in workflow(10 * number + n, reviewed=False)])
        one.person().store()
        subprocess.run(
            [sys.executable, "-m", "orchestrator_mcp.cli", "feedback", "--tool", "--workflow", f"wf_{10 * number:08x}"],
            cwd=one.root, check=True, capture_output=True,
        )  # fmt: skip
    before = [one.files() for one in others]
    paths = [str(one.root) for one in (*others, others[0], project)]
    found = json.loads(run(project, "--all", "--json", "--repo", *paths).stdout)
    assert (found["repositories"], found["workflows"], found["with_feedback"]) == (3, 6, 3)
    assert [one["rate"]["k"] for one in found["patterns"] if one["kind"] == "missing_review"] == [6]
    assert "(whole history, 6 workflows, 3 repositories)" in run(project, "--all", "--repo", *paths).stdout
    assert [one.files() for one in others] == before
    assert run(project, "--repo", "/nowhere").returncode == 1
    assert json.loads(run(project, "--all", "--json").stdout)["workflows"] == 2
