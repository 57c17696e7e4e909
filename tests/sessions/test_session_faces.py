"""Sessions and checkpoints as people, programs and agents meet them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from projects import Project
from session_world import STORE, archived, fail, leave, sessions

from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.services.session_cleaning import compact_sessions
from orchestrator_mcp.services.sessions import list_sessions, show_session
from orchestrator_mcp.services.telemetry import log_invocation
from orchestrator_mcp.storage.ids import meant
from orchestrator_mcp.storage.locks import Locks
from orchestrator_mcp.storage.manifests import backups, stages
from orchestrator_mcp.storage.migration import recover
from orchestrator_mcp.storage.paths import OrchestratorPaths, Roots
from orchestrator_mcp.storage.sessions import SessionManager
from orchestrator_mcp.storage.travel import travels
from orchestrator_mcp.storage.workspace import Settings, Workspace

RUN = [sys.executable, "-m", "orchestrator_mcp.cli"]


def run(root: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [*RUN, *words], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_the_classes_do_what_their_names_say(tmp_path: Path) -> None:
    paths = OrchestratorPaths(tmp_path)
    manager = SessionManager(paths)
    assert (manager.list_sessions(), manager.get_current_session()) == ([], None)
    first = manager.create_session()
    assert manager.get_current_session() == first, "the first is the current one"
    second = manager.create_session()
    assert manager.get_current_session() == first, "a live one is not overwritten"
    manager._set_current_session(second)
    assert manager.get_current_session() == second
    assert manager.list_sessions() == sorted([first, second])
    here = OrchestratorPaths(tmp_path, session_id=first)
    folder = tmp_path / STORE / "sessions" / first
    assert here.session_dir() == folder
    assert here.state_file() == folder / "state.json"
    assert here.log_file() == folder / "log.jsonl"
    assert here.checkpoints_dir() == folder / "checkpoints"
    assert here.feedback_dir() == folder / "feedback"
    assert here.meta_file() == tmp_path / STORE / "meta.json"
    assert here.migration_marker() == tmp_path / STORE / ".migration_complete"
    for no_session in (paths.session_dir, paths.state_file, paths.log_file, paths.checkpoints_dir, paths.feedback_dir):
        with pytest.raises(ValueError, match="No session ID set"):
            no_session()
    assert run(tmp_path, "session", "list").count(second) == 1, "what the classes made is a store"


def test_the_command_line_cleans_up(project: Project) -> None:
    fail(agent := project.agent(session="lone"))
    agent.close()
    del agent  # and with it what it holds open
    run(project.root, "session", "new", "--label", "mine")
    leave(project, 0)
    for path in (project.root / STORE / "sessions/lone").rglob("*"):
        subprocess.run(["touch", "-d", "2020-01-01", path], check=True)
    meta = project.root / STORE / "sessions/lone/meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"created_at": "2020-01-01T00:00:00Z"}))
    subprocess.run(["touch", "-d", "2020-01-01", meta], check=True)
    assert "idle" in run(project.root, "session", "list", "--status", "idle")
    assert "Would move 1 session" in run(project.root, "session", "clean", "--dry-run")
    assert "--yes" in run(project.root, "session", "clean", code=1)
    assert "lone" in sessions(project)
    assert "Nothing to clean up" in run(project.root, "session", "clean", "--older-than", "36500")
    run(project.root, "session", "clean", "--older-than", "-1", code=1)
    printed = json.loads(run(project.root, "session", "clean", "--yes", "--older-than", "30", "--json"))
    assert [one["session_id"] for one in printed["cleaned"]] == ["lone"]
    assert archived(project) == ["lone"]
    assert "1 session in the archive" in run(project.root, "session", "list")
    assert "tests ran against" in run(project.root, "failure", "list")


def test_the_command_line_keeps_checkpoints(tmp_path: Path) -> None:
    run(tmp_path, "start", "add a page")
    made = json.loads(
        run(tmp_path, "checkpoint", "create", "--message", "m", "--decision", "a", "--decision", "b", "--json")
    )
    assert "m" in run(tmp_path, "checkpoint", "list")
    shown = run(tmp_path, "checkpoint", "show", made["checkpoint_id"][-6:])
    assert "> - a\n> - b" in shown


def test_compacting_drops_versions_and_nothing_that_is_read(project: Project) -> None:
    agent = project.agent(session="s")
    for number in range(5):
        made = log_invocation(agent, agent_name=f"agent-{number}", task_description="work")
        log_invocation(agent, invocation_id=made.invocation_id, outcome_status=OutcomeStatus.SUCCESS)
    path = agent.paths.for_session("s").session_dir() / "agent_invocations.jsonl"
    assert compact_sessions(project.person()).lines == 0, "what is younger than a day stays"
    project.wait(days=2)
    before, lines = agent.read(Invocation), path.read_bytes().splitlines()
    planned = compact_sessions(project.person(), dry_run=True)
    assert path.read_bytes().splitlines() == lines
    done = compact_sessions(project.person())
    assert (done.lines, done.streams, done.bytes) == (5, 1, planned.bytes)
    assert len(path.read_bytes().splitlines()) == 5
    assert agent.read(Invocation) == before
    assert compact_sessions(project.person()).lines == 0
    assert "Nothing to compact" in run(project.root, "session", "compact")


def test_lines_that_are_no_records_survive_compaction(project: Project) -> None:
    agent = project.agent(session="s")
    made = log_invocation(agent, agent_name="a", task_description="work")
    log_invocation(agent, invocation_id=made.invocation_id, outcome_status=OutcomeStatus.SUCCESS)
    agent.close()
    path = agent.paths.for_session("s").session_dir() / "agent_invocations.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    odd = [b'{"no": "id"}\n', b"[1]\n", b"\n", '{"u": "a\u2028b"}\r\n'.encode(), b'{"id": 5}\n']
    path.write_bytes(first + b"".join(odd) + second)
    project.wait(days=2)
    compact_sessions(project.person())
    assert path.read_bytes() == second + b"".join(odd)


def test_a_session_shows_its_worktree_and_that_it_is_gone(project: Project, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    here = project.agent(session="here")
    here.session_id()
    there = Workspace(Roots(project.root, work), Settings(session="there"), here._thinking, here._clock)
    there.session_id()
    shown = {one.session_id: (one.worktree, one.worktree_gone) for one in list_sessions(here).sessions}
    assert shown == {"here": (None, False), "there": (str(work), False)}
    work.rmdir()
    assert show_session(here, "there").worktree_gone
    assert "which is gone" in run(project.root, "session", "list")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("01abcdefgh", ["01abcdefgh"]),
        ("cdefgh", ["01abcdefgh", "02abcdefgh"]),
        ("1ABCDEFGH", ["01abcdefgh"]),
        (" 01ABCDEFGH ", ["01abcdefgh"]),
        ("efgh", []),
        ("", []),
        ("xyz", ["xyz"]),
    ],
)
def test_which_id_a_person_means(typed: str, found: list[str]) -> None:
    assert meant(["01abcdefgh", "02abcdefgh", "xyz"], typed) == found


@pytest.mark.parametrize("name", ["tmp", "migration_backup"])
def test_a_strange_folder_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    paths = OrchestratorPaths(tmp_path)
    (tmp_path / STORE).mkdir()
    (tmp_path / STORE / name).symlink_to("/root")
    assert list(stages(paths)) == list(backups(paths)) == [], "links are not followed"
    (tmp_path / STORE / name).unlink()
    (tmp_path / STORE / name).write_text("a file")
    assert list(stages(paths)) == list(backups(paths)) == []
    assert recover(paths, Locks()) == []


@pytest.mark.parametrize(
    ("path", "private", "goes"),
    [
        ("sessions/s/rotated/1/failures.jsonl", False, True),
        ("sessions/s/rotated/1/agent_invocations.jsonl", False, False),
        ("sessions/s/feedback/rotated/2/process.jsonl", False, False),
        ("sessions/s/feedback/rotated/2/process.jsonl", True, True),
        ("archive/s/feedback/process.jsonl", False, False),
        ("archive/s/success_metrics.jsonl", False, False),
        ("rotated/1/sync.jsonl", True, False),
        ("upgrade/sessions/s/failures.jsonl", True, False),
    ],
)
def test_what_is_private_stays_private_when_it_is_rotated_or_archived(path: str, *, private: bool, goes: bool) -> None:
    assert travels(path, include_private=private) is goes
