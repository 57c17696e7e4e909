"""The documents, executed: what they say to type works as it stands."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator_mcp.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CLIENTS = (ROOT / "docs" / "clients.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def lines_for_people() -> list[str]:
    section = README.split("## For people")[1].split("## What lies where")[0]
    return [line for block in blocks(section, "sh") for line in block.splitlines()]


RUN = [sys.executable, "-m", "orchestrator_mcp.cli"]


def named(folder: Path) -> dict[str, str]:
    """What the words in capitals stand for: a failure, a pattern of two members, one of these, and another pattern."""

    def logged(context: str) -> dict:
        words = ["failure", "log", "--context", context, "--feedback", context[::-1], "--category", "api", "--json"]
        return json.loads(subprocess.check_output([*RUN, *words], cwd=folder))

    first, second, third = (logged(text) for text in ("It broke", "Something else fell over", "A third thing"))
    pattern, member, other = (one["pattern"]["id"] for one in (first, second, third))
    subprocess.check_output([*RUN, "pattern", "merge", pattern, member], cwd=folder)
    return {"ID": first["id"], "PATTERN": pattern, "MEMBER": member, "OTHER": other}


@pytest.mark.parametrize("line", lines_for_people())
def test_what_the_readme_says_to_type_works(line: str, tmp_path: Path) -> None:
    words = shlex.split(line, comments=True)[1:]
    subprocess.check_output([*RUN, "init"], cwd=tmp_path)
    if any(word.isupper() for word in words):
        names = named(tmp_path)
        words = [names.get(word, word) for word in words] + (["--yes"] if words[0] == "forget" else [])
    (tmp_path / "ci.jsonl").write_text('{"message": "It broke"}\n', encoding="utf-8")
    result = subprocess.run([*RUN, *words], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    asks = b"there is no terminal" in result.stderr and "--interactive" in words
    assert result.returncode == 0 or asks, result.stderr


def test_the_readme_names_every_command() -> None:
    shown = {shlex.split(line)[1] for line in lines_for_people()}
    assert shown >= {"failure", "review", "rules", "feedback", "migrate", "session", "telemetry", "forget"}
    assert shown <= {command.name for command in COMMANDS}


def test_the_readme_names_every_tool() -> None:
    from orchestrator_mcp.server.tools import TOOLS

    assert not [row.verb.__name__ for row in TOOLS if f"`{row.verb.__name__}`" not in README]


def test_the_readme_shows_what_the_demo_prints() -> None:
    shown = blocks(README, "")[0]
    printed = subprocess.check_output([sys.executable, "-m", "orchestrator_mcp.cli", "demo"], cwd="/", text=True)
    assert shown in printed
    assert "Four wordings, 4 sessions, one pattern" in printed
    assert "priority HIGH" in printed


def test_snippets_for_clients_parse_and_start_the_server() -> None:
    found = [json.loads(block) for block in blocks(CLIENTS, "json")]
    servers = [next(iter(snippet.values()))["orchestrator"] for snippet in found]
    servers += [tomllib.loads(block)["mcp_servers"]["orchestrator"] for block in blocks(CLIENTS, "toml")]
    assert len(servers) == 5
    from orchestrator_mcp.server.options import parse_options

    for server in servers:
        assert server["command"] == "orchestrator-mcp"
        parse_options([word.replace("${workspaceFolder}", os.curdir) for word in server["args"]])


def test_the_two_command_lines_are_there() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv .venv && ")]
    assert [line.split()[-1].removeprefix(".venv/bin/") for line in lines] == ["demo", "pytest"]
    assert (ROOT / ".ci" / "run").read_text("utf-8").count("README.md") == 1
