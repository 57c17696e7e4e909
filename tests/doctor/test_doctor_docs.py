"""docs/doctor.md: its table is that of the checks, and its lines work as they are typed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from orchestrator_mcp.services.doctor import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| .+? \| (.*?)\|$", PAGE, re.MULTILINE)


def test_the_table_is_that_of_the_checks() -> None:
    assert [name for name, _ in ROWS] == [check.name for check in CHECKS]
    assert [bool(mends.strip()) for _, mends in ROWS] == [check.mend is not None for check in CHECKS]


def test_the_lines_work_as_they_are_typed(tmp_path: Path) -> None:
    block = re.search(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block
    for line in block[1].splitlines():
        words = [sys.executable, "-m", "orchestrator_mcp.cli", *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
