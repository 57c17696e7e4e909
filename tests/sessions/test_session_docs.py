"""docs/sessions.md, executed: what it says to type works as it stands, and its table is the code's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from orchestrator_mcp.records.config import Config
from orchestrator_mcp.records.fields import SessionStatus

PAGE = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text("utf-8")


def test_what_the_page_says_to_type_works(tmp_path: Path) -> None:
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    assert len(lines) > 8
    for line in lines:
        words = shlex.split(line)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator_mcp.cli", *words],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"


def test_the_page_names_every_status_and_the_cap() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [
        "active", "stale", "abandoned", "finished", "idle", "broken",
    ]  # fmt: skip
    assert {"active", "stale", "abandoned", "finished", "idle", "broken"} == set(SessionStatus)
    assert f"`max_store_mb` ({Config().max_store_mb})" in PAGE
