"""`orchestrator serve` is the same server as `orchestrator-mcp`."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import Message, Server, request

SERVE = [sys.executable, "-m", "orchestrator_mcp.cli", "serve"]
ALONE = [sys.executable, "-m", "orchestrator_mcp"]


def tools(command: list[str]) -> tuple[Message, list[str]]:
    with Server(command) as server:
        hello = server.handshake()["result"]
        listed = server.ask(request(1, "tools/list"))["result"]["tools"]
        server.stdin.close()
        server.seconds_until_exit()
        assert server.process.returncode == 0
    return hello, [tool["name"] for tool in listed]


@pytest.mark.parametrize("options", [[], ["--toolset", "all"], ["--read-only"]], ids=str)
def test_it_lists_the_same_tools(tmp_path: Path, options: list[str]) -> None:
    where = ["--root", str(tmp_path)]
    assert tools([*SERVE, *where, *options]) == tools([*ALONE, *where, *options])
    assert list(tmp_path.iterdir()) == [], "nothing is written before a call asks for it"


def test_what_it_does_not_know_ends_with_2() -> None:
    done = subprocess.run([*SERVE, "--toolset", "nothing"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no toolset 'nothing'" in done.stderr
