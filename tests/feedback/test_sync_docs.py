"""docs/sync.md, executed and compared."""

import re
import shlex
from pathlib import Path

import pytest
from projects import Project
from sync_world import command, record

from orchestrator_mcp.analysis.feedback_sharing import COUNTS, SECONDS
from orchestrator_mcp.records.feedback_shared import SharedFeedback
from orchestrator_mcp.records.feedback_sync import TargetKind

PAGE = (Path(__file__).parents[2] / "docs" / "sync.md").read_text("utf-8")


def test_what_it_says_to_type_works(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.root))
    record(project)
    for line in "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)).splitlines():
        result = command(project.root, *shlex.split(line)[1:])
        assert result.returncode == 0, result.stderr
    assert (project.root / "shared.json").exists()


def test_every_field_that_leaves_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert set(SharedFeedback.model_fields) <= named
    assert set(TargetKind) - {TargetKind.FILE} <= named
    assert ", ".join(map(str, SECONDS)) in PAGE
    assert ", ".join(map(str, COUNTS)) in PAGE
