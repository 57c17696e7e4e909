"""docs/migration.md, executed: each line works as it stands, in a project with everything."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from migration_world import make_legacy
from test_old_records import NOTES
from whole_world import put

from orchestrator_mcp.records.legacy import LEGACY_FILES

pytestmark = pytest.mark.torn  # the backup keeps originals as they were

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_what_the_page_says_to_type_works(tmp_path: Path, line: str) -> None:
    project = tmp_path / "project"
    for root in (project, tmp_path / "other-project"):
        make_legacy(root, small=True)
        put(root, ".learnings/ERRORS.md", NOTES.encode())
    words = [sys.executable, "-m", "orchestrator_mcp.cli", *shlex.split(line, comments=True)[1:]]
    environ = os.environ | {"HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    done = subprocess.run(words, cwd=project, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_names_every_folder_that_is_looked_into() -> None:
    table = PAGE.split("## What goes where")[1].split("## Choices")[0]
    for row in LEGACY_FILES:
        top, _, rest = row.name.partition("/")
        assert (top if rest else top.removesuffix(".json").removesuffix(".jsonl")) in _spelled_out(table), row.name


def _spelled_out(text: str) -> str:
    """The text, and what its braces stand for: `.workflow_{,tool_}feedback` is two names."""
    found = re.findall(r"(\S*)\{([^}]*)\}(\S*)", text)
    return text + " ".join(f"{before}{part}{after}" for before, parts, after in found for part in parts.split(","))
