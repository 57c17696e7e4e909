"""`orchestrator doctor` as people run it, and `diagnose` as agents call it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client

from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.services.workspace import open_workspace

COMMAND = [sys.executable, "-m", "orchestrator_mcp.cli"]


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *words]
    env = os.environ | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    assert run(tmp_path, "init").returncode == 0
    return tmp_path / ".orchestrator"


def test_a_store_that_is_well_ends_with_a_count_and_zero(store: Path) -> None:
    done = run(store.parent, "doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith("checks found nothing wrong.")
    assert done.stderr == ""


def test_findings_come_first_with_advice_under_each_and_make_it_one(store: Path) -> None:
    store.chmod(0o755)
    (store / "config.yaml").write_text("colour: blue\n")
    done = run(store.parent, "doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith("warning  permissions: ")
    assert lines[1].startswith("         → ")
    levels = [line.split()[0] for line in lines if line[:1].isalpha()]
    assert levels == sorted(levels, key=["error", "warning", "note", "ok"].index)
    assert lines[-1].startswith("2 warnings, ")
    assert lines[-1].endswith("`orchestrator doctor --fix` mends 1 of them.")


def test_json_has_the_same_facts(store: Path) -> None:
    store.chmod(0o755)
    text, facts = run(store.parent, "doctor"), json.loads(run(store.parent, "doctor", "--json").stdout)
    for finding in facts["findings"]:
        assert finding["message"] in text.stdout or "free" in finding["message"]
        assert (finding["advice"] or "") in text.stdout
    assert facts["counts"]["warning"] == 1
    assert facts["format"] == 1


def test_fix_says_before_and_after_and_is_then_healthy(store: Path) -> None:
    store.chmod(0o755)
    done = run(store.parent, "doctor", "--fix")
    assert "mended   permissions: .orchestrator: mode 755 → mode 700" in done.stdout
    assert done.returncode == 0
    assert "mended" not in run(store.parent, "doctor", "--fix").stdout


def test_it_could_not_run_is_four(tmp_path: Path) -> None:
    done = run(tmp_path, "--root", str(tmp_path / "nowhere"), "doctor")
    assert done.returncode == 4
    assert "is not a folder" in done.stderr


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_and_lines_that_fit(
    store: Path, environment: dict[str, str], *, coloured: bool
) -> None:
    store.chmod(0o755)
    leader, follower = pty.openpty()
    env = os.environ | environment | {"COLUMNS": "60"}
    env.pop("NO_COLOR", None) if coloured else None
    running = subprocess.Popen([*COMMAND, "doctor"], cwd=store.parent, env=env, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while data := os.read(leader, 4096):
            shown += data
    except OSError:
        pass  # the end of a terminal
    os.close(leader)
    assert running.wait() == 1
    lines = shown.decode().splitlines()
    assert ("\x1b[33mwarning" in shown.decode()) is coloured
    assert ("\x1b" in shown.decode()) is coloured
    assert all(len(line.replace("\x1b[33m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")) <= 60 for line in lines)


def test_an_ephemeral_machine_is_warned_of_by_its_sign_alone(store: Path) -> None:
    done = run(store.parent, "doctor", GITPOD_WORKSPACE_ID="hunter2-workspace")
    assert done.returncode == 1
    assert "GITPOD_WORKSPACE_ID is set" in done.stdout
    assert "hunter2" not in done.stdout


def test_an_agent_gets_the_same_without_paths_and_opens_no_session(store: Path) -> None:
    store.chmod(0o755)
    root = store.parent
    environment = {"HOME": str(root), "API_KEY": "hunter2-hunter2"}

    async def ask() -> dict:
        server = build_server(
            lambda: open_workspace(environment, root, root=str(root), own_session=True), toolsets=("admin",)
        )
        async with Client(server) as client:
            tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "diagnose")
            assert tool.annotations.read_only_hint
            return (await client.call_tool("diagnose", {})).structured_content

    answer = anyio.run(ask)
    assert answer["counts"]["warning"] == 1
    assert str(root) not in json.dumps(answer)
    assert "hunter2" not in json.dumps(answer)
    assert store.stat().st_mode & 0o777 == 0o755
    assert not list((store / "sessions").glob("*"))
