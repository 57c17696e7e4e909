"""docs/workflows.md, executed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from projects import Project

from orchestrator_mcp.analysis.workflow_definition import MAX_ITEMS, MAX_PHASES
from orchestrator_mcp.records.fields import WorkflowAction, WorkflowEventKind
from orchestrator_mcp.services.workflows import start_workflow, update_workflow

PAGE = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_round_works_as_it_is_typed(tmp_path: Path) -> None:
    for line in block("sh").splitlines():
        words = [sys.executable, "-m", "orchestrator_mcp.cli", *shlex.split(line)[1:]]
        result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, (line, result.stderr)
    assert "project_errors          1" in result.stdout
    assert "parallel_agents_used    True" in result.stdout


def test_the_example_is_a_workflow(project: Project) -> None:
    (project.root / "workflow.yaml").write_text(block("yaml"), "utf-8")
    agent = project.agent()
    view = start_workflow(agent, task="x")
    assert [(item.id, item.required) for item in view.open_items] == [("initial_plan", True), ("check_roadmap", False)]
    assert update_workflow(agent, action="skip", item="initial_plan", text="x").warnings


def test_every_action_event_and_limit_is_named() -> None:
    assert not [one for one in (*WorkflowAction, *WorkflowEventKind) if f"`{one}`" not in PAGE]
    assert f"{MAX_PHASES} phases and {MAX_ITEMS} items" in PAGE
