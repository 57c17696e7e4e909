"""examples/workflow, played as it stands: a workflow driven only through MCP over stdio, and what is left of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.workspace import Workspace

EXAMPLE = Path(__file__).parents[2] / "examples" / "workflow"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("example") / "workflow"
    shutil.copytree(EXAMPLE, folder)
    command = [sys.executable, str(folder / "play.py")]
    return folder, subprocess.check_output(command, cwd=folder, text=True, stdin=subprocess.DEVNULL, timeout=120)


@pytest.fixture
def at(played: tuple[Path, str]) -> Workspace:
    folder, _ = played
    return open_workspace({"HOME": str(folder)}, folder, root=str(folder), read_only=True)


def test_it_is_played_to_the_end(played: tuple[Path, str]) -> None:
    _, printed = played
    assert "Before you finish “Add a login page”, review your own work" in printed
    assert "record_feedback yes Share the form's fixtures\n                → capture_workflow_feedback\n" in printed
    assert printed.endswith("→ The workflow is completed, and its feedback is recorded.\n")
    assert "Required items" not in printed


def test_its_log_tells_all_of_it(at: Workspace) -> None:
    events = at.read(LogEvent).records
    assert [event.phase_id for event in events if event.event_type == "phase_started"] == [
        "PLAN", "EXECUTE", "REVIEW", "LEARN",
    ]  # fmt: skip
    assert [event.item_id for event in events if event.event_type == "item_skipped"] == ["check_roadmap"]
    assert [event.event_type for event in events[-2:]] == ["item_completed", "workflow_completed"]
    assert events[-2].item_id == "capture_workflow_feedback"


def test_its_feedback_says_what_happened_and_what_was_said(at: Workspace) -> None:
    (process,), (tool,) = at.read(ProcessFeedback).records, at.read(ToolFeedback).records
    assert (process.task, process.multi_agents, process.parallel_agents_used) == ("Add a login page", "yes", True)
    assert process.project_errors == ["ImportError: no module 'forms'"]
    assert process.learnings == "Small steps worked well. The mocks were tricky."
    assert (process.what_went_well, process.challenges) == ("Small steps worked well.", "The mocks were tricky.")
    assert process.inferred == ["challenges", "what_went_well"]
    assert process.improvements == "Share the form's fixtures"
    assert (tool.phase0_guidance_used, tool.reviews_worked, tool.items_skipped) == (True, True, ["check_roadmap"])
    assert set(tool.phases) == {"PLAN", "EXECUTE", "REVIEW", "LEARN"}


def test_a_review_counts_it_once(at: Workspace) -> None:
    review = review_feedback(at, all=True)
    assert (review.workflows, review.with_feedback, review.outcomes) == (1, 1, {"completed": 1})
    assert review.patterns == []  # one workflow is no pattern
