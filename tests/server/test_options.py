"""The command line: answered before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import FAKE, Server

from orchestrator_mcp import __version__
from orchestrator_mcp.server.options import Options, parse_options


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "orchestrator_mcp", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_simple_questions_need_no_sdk(option: str) -> None:
    done = run(option)
    assert done.returncode == 0
    assert (__version__ if option == "--version" else "--read-only") in done.stdout
    for heavy in ("mcp.server", "pydantic", "asyncio", "anyio", "yaml", "logging"):
        assert f" {heavy}\n" not in done.stderr


@pytest.mark.parametrize("wrong", [["--toolset", "all,nothing"], ["--rot", "x"], ["extra"]])
def test_what_it_does_not_know_ends_with_2(wrong: list[str]) -> None:
    done = run(*wrong)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_debug_log_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    done = run("--debug-log", str(tmp_path))
    assert done.returncode == 1
    assert "Name another file." in done.stderr


def test_defaults_and_everything_said() -> None:
    assert parse_options([]) == Options(None, None, False, frozenset({"default"}), None)
    said = parse_options(
        ["--root", "p", "--session", "s", "--read-only", "--toolset", "admin", "--toolset", "telemetry"]
    )
    assert said == Options("p", "s", True, frozenset({"default", "admin", "telemetry"}), None)
    assert parse_options(["--toolset", "all"]).toolsets == {"default", "telemetry", "admin"}
    assert parse_options(["--toolset", "admin,default"]).toolsets == {"admin", "default"}


def test_a_debug_log_tells_what_was_called(tmp_path: Path) -> None:
    log = tmp_path / "debug.log"
    with Server([*FAKE, str(log)]) as server:
        server.handshake()
        server.call("echo", {"text": "a"})
        server.call("fail", {"how": "bug"})
    text = log.read_text(encoding="utf-8")
    assert "echo answered" in text
    assert "secret detail" in text
