"""What containment is for, one promise a test: real commands in real projects."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash_disk import read_tree
from migration_world import NAMES, make_legacy
from test_choices import SEVEN

pytestmark = pytest.mark.torn  # the backup keeps originals as they were

LOG = ("failure", "log", "--context", "It broke", "--feedback", "Mend it", "--category", "api")
LOOP = (
    LOG,
    ("start", "add a login page"),
    ("workflow", "complete", "check_roadmap", "--notes", "looked"),
    ("workflow", "finish"),
    ("feedback",),
    ("review", "--all"),
    ("rules", "suggest"),
    ("session", "list"),
)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator_mcp.cli", *words]


def run(project: Path, *words: str, **environ: str) -> Any:
    """One command of a person's; what it answers, as JSON."""
    done = subprocess.run(
        command(*words, "--json"), cwd=project, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "src.py").write_text("print()\n")
    return project


def test_new_users_never_see_scattered_files(project: Path) -> None:
    for words in LOOP:
        run(project, *words)
    assert {path.name for path in project.iterdir()} == {".git", "src.py", ".orchestrator"}


def test_existing_users_migrate_with_one_command(project: Path) -> None:
    make_legacy(project)
    assert run(project, "migrate")["action"] == "migrated"
    assert {path.name for path in project.iterdir()} == {".git", "src.py", ".orchestrator"}
    assert run(project, "status")["legacy_files"] == []


def test_seven_ignored_patterns_become_one(project: Path) -> None:
    make_legacy(project)
    (project / ".gitignore").write_text("".join(f"{pattern}\n" for pattern in SEVEN))
    assert run(project, "migrate")["gitignore"].endswith("\n+.orchestrator/")
    run(project, "migrate", "--gitignore")
    assert (project / ".gitignore").read_text().split() == [".orchestrator/"]


def test_cleanup_is_to_remove_one_folder(project: Path) -> None:
    before = _contents(project)
    for words in LOOP:
        run(project, *words)
    shutil.rmtree(project / ".orchestrator")
    assert _contents(project) == before
    assert not list(Path(os.environ["HOME"]).glob("*orchestrator*"))


def _contents(root: Path) -> dict[str, tuple[str, bytes]]:
    return {name: (kind, data) for name, (kind, _, _, data) in read_tree(root).items()}


def test_another_repository_gets_everything_by_copying_one_folder(project: Path, tmp_path: Path) -> None:
    make_legacy(project)
    run(project, "migrate")
    run(project, *LOG)
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    shutil.copytree(project / ".orchestrator", other / ".orchestrator")
    for words in (("failure", "list"), ("review", "--all"), ("session", "list")):
        here, there = run(project, *words), run(other, *words)
        assert _told(here) == _told(there), words
    run(other, *LOG)
    assert run(other, "failure", "list")["total"] == run(project, "failure", "list")["total"] + 1


def _told(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what is said of the moment."""
    if "sessions" in result:
        return {"sessions": [one["session_id"] for one in result["sessions"]]}
    return {name: value for name, value in result.items() if name in {"failures", "counts", "patterns", "total"}}


def test_concurrent_sessions_work_safely(project: Path) -> None:
    agents = [
        subprocess.Popen(
            command(*LOG[:2], "--context", f"Agent {number}", *LOG[4:]), cwd=project,
            env=os.environ | {"ORCHESTRATOR_SESSION_ID": f"agent-{number}"}, stderr=subprocess.PIPE, text=True,
        )
        for number in range(6)
    ]  # fmt: skip
    for agent in agents:
        said = agent.communicate(timeout=120)
        assert agent.returncode == 0, said
    found = run(project, "failure", "list")["failures"]
    assert {(one["context"], one["session_id"]) for one in found} == {
        (f"Agent {number}", f"agent-{number}") for number in range(6)
    }


@pytest.mark.parametrize("sign", ["CLAUDE_CODE_REMOTE", "CODESPACES", "CLAUDE_CODE_WEB"])
def test_a_machine_that_is_thrown_away_needs_no_setup(project: Path, sign: str) -> None:
    run(project, *LOG, **{sign: "true"})
    store = project / ".orchestrator"
    assert json.loads((store / "meta.json").read_bytes())["tool"] == "orchestrator-mcp"
    assert len(list((store / "sessions").iterdir())) == 1
    assert (store / ".gitignore").read_text() == "*\n"


def test_names_of_old_are_never_written(project: Path) -> None:
    for words in LOOP:
        run(project, *words)
    assert not [path for path in project.rglob("*") if path.name in NAMES]
