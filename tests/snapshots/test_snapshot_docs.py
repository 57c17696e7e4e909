"""docs/snapshots.md, executed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import Project
from snapshot_world import fill

from orchestrator_mcp.records.config import Config
from orchestrator_mcp.records.snapshot import MANIFEST, OnConflict
from orchestrator_mcp.services.snapshots import NAME

PAGE = (Path(__file__).parents[2] / "docs" / "snapshots.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=["file", "branch"])
def test_what_it_says_to_type_works(block: str, project: Project) -> None:
    fill(project)
    subprocess.run(["git", "init", "-q", str(project.root)], check=True, capture_output=True)
    for line in block.splitlines():
        command = line.replace("orchestrator ", f"{sys.executable} -m orchestrator_mcp.cli ", 1)
        done = subprocess.run(
            command, shell=True, cwd=project.root, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, (line, done.stderr)


def test_it_names_what_there_is() -> None:
    for name in (MANIFEST, NAME, *(one.value for one in OnConflict if one is not OnConflict.KEEP)):
        assert name in PAGE
    for key in ("state_branch", "state_remote", "web_mode", "max_store_mb"):
        assert key in Config.model_fields
        assert f"`{key}`" in PAGE
