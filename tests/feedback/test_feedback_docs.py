"""docs/feedback.md, executed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml
from projects import Project
from review_world import log, workflows

from orchestrator_mcp.analysis.baseline import FEEDBACK_ITEM, LEARNINGS_ITEM
from orchestrator_mcp.analysis.detectors import DETECTORS
from orchestrator_mcp.analysis.workflow_definition import parse_definition

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "feedback.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def run(project: Project, words: list[str]) -> str:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words]
    return subprocess.check_output(command, cwd=project.root, text=True, stdin=subprocess.DEVNULL)


def test_what_it_says_to_type_works_and_prints_what_it_shows(project: Project) -> None:
    log(project, workflows(8, reviewed=True, parallel=False, skipped=["visual_tests"]))
    assert run(project, ["feedback", "review", "--all"]) == blocks("")[0]
    for line in "".join(blocks("sh")).splitlines():
        run(project, shlex.split(line)[1:])
    assert "WF-002" in (project.root / "ROADMAP.md").read_text("utf-8")


def test_its_last_phase_is_one_of_a_workflow() -> None:
    (phase,) = parse_definition(yaml.safe_load("phases:\n" + blocks("yaml")[0])).phases
    assert [item.id for item in phase.items] == [LEARNINGS_ITEM, FEEDBACK_ITEM]


def test_every_detector_is_named() -> None:
    assert not [row.kind for row in DETECTORS if f"| `{row.kind}` |" not in PAGE]
    assert [f"{row.threshold:.0%}".replace("%", " %") in PAGE for row in DETECTORS] == [True] * len(DETECTORS)


def test_a_newcomer_finds_it() -> None:
    assert "docs/feedback.md" in (ROOT / "README.md").read_text("utf-8")
