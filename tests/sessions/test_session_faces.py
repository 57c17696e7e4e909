"""Sessions and checkpoints as people, programs and agents meet them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project
from session_world import STORE, archived, fail, leave, sessions

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.services.session_cleaning import compact_sessions
from orchestrator_mcp.services.sessions import list_sessions, new_session, show_session
from orchestrator_mcp.services.telemetry import log_invocation
from orchestrator_mcp.storage.archive import put_away
from orchestrator_mcp.storage.ids import meant
from orchestrator_mcp.storage.locks import FolderLock, Locks
from orchestrator_mcp.storage.manifests import backups, stages
from orchestrator_mcp.storage.migration import recover
from orchestrator_mcp.storage.paths import OrchestratorPaths, Roots
from orchestrator_mcp.storage.sessions import SessionManager
from orchestrator_mcp.storage.settings import Settings
from orchestrator_mcp.storage.snapshot_import import recover as finish_imports
from orchestrator_mcp.storage.travel import travels
from orchestrator_mcp.storage.workspace import Workspace

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


@pytest.mark.parametrize("read_only", [False, True])
def test_compacting_on_trial_writes_nothing(project: Project, *, read_only: bool) -> None:
    assert compact_sessions(project.person(read_only=read_only), dry_run=True).lines == 0
    assert list(project.root.iterdir()) == []
    two_versions(project, "s")
    (project.root / ".orchestrator/lock").unlink()
    before = project.files()
    assert compact_sessions(project.person(read_only=read_only), dry_run=True).lines == 1
    assert project.files() == before


def test_compacting_an_archived_session_leaves_no_lock_in_it(project: Project) -> None:
    """Where a lock lies, tidying was cut short."""
    two_versions(project, "s")
    project.person().sessions.set_current_session(project.agent(session="other").session_id())
    lock = FolderLock(project.root / ".orchestrator/lock")
    put_away(OrchestratorPaths(project.root), lock, ["s"], lambda _: None)
    assert compact_sessions(project.person()).lines == 1
    assert sorted(os.listdir(project.root / ".orchestrator/archive/s")) == ["agent_invocations.jsonl", "meta.json"]


def two_versions(project: Project, session: str) -> None:
    """A session with one record in two versions, of two days ago."""
    agent = project.agent(session=session)
    made = log_invocation(agent, agent_name="a", task_description="work")
    log_invocation(agent, invocation_id=made.invocation_id, outcome_status=OutcomeStatus.SUCCESS)
    agent.close()
    project.wait(days=2)


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


GOOD = {"context": "c", "feedback": "f", "timestamp": "2026-01-01T00:00:00Z"}
UNREADABLE = {"type": {"x": 1}, "context": None, "timestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("versions", "left"),
    [
        ([GOOD, UNREADABLE], [0, 1]),
        ([UNREADABLE, GOOD], [0, 1]),
        ([GOOD, GOOD, UNREADABLE], [0, 1, 2]),
        ([GOOD, UNREADABLE, GOOD], [0, 1, 2]),
        ([GOOD, GOOD], [1]),
        ([GOOD, GOOD | {"timestamp": "2999-01-01T00:00:00Z"}], [0, 1]),
    ],
)
def test_a_version_that_cannot_be_read_supersedes_nothing(
    project: Project, versions: list[dict[str, object]], left: list[int]
) -> None:
    """And writers find what they found: a record of which one version cannot be read is left alone."""
    agent = project.agent(session="s")
    agent.session_id()
    path = agent.paths.for_session("s").session_dir() / "failures.jsonl"
    lines = [json.dumps({"id": "a", "rev": rev} | one).encode() + b"\n" for rev, one in enumerate(versions, 1)]
    path.write_bytes(b"".join(lines))
    before = agent.read(Failure).records
    assert len(before) == 1
    compact_sessions(project.person())
    assert agent.read(Failure).records == before
    assert path.read_bytes() == b"".join(lines[number] for number in left)


def test_records_without_an_id_are_each_its_own(project: Project) -> None:
    agent = project.agent(session="s")
    agent.session_id()
    path = agent.paths.for_session("s").session_dir() / "failures.jsonl"
    path.write_bytes(b"".join(json.dumps(GOOD | {"id": "", "context": one}).encode() + b"\n" for one in "ab"))
    compact_sessions(project.person())
    assert [one.context for one in agent.read(Failure).records] == ["a", "b"]


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


def test_a_worktree_whose_name_is_far_too_long_is_gone(project: Project) -> None:
    project.agent(session="s").session_id()
    path = project.root / ".orchestrator/sessions/s/meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"worktree": "/" + "a" * 300}))
    assert "which is gone" in run(project.root, "session", "list")
    assert "worktrees that are gone" in run(project.root, "doctor")


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


@pytest.mark.parametrize("recovery", [recover, finish_imports], ids=["migration", "import"])
@pytest.mark.parametrize("name", ["tmp", "migration_backup"])
def test_a_strange_folder_is_told_in_a_sentence(
    tmp_path: Path, name: str, recovery: Callable[[OrchestratorPaths, Locks], list[str]]
) -> None:
    paths = OrchestratorPaths(tmp_path)
    (tmp_path / STORE).mkdir()
    for folder in ("migration-photos", "import-photos", "01m7ysgtr07f5qd0qx20ttxkah"):
        (tmp_path / "elsewhere" / folder).mkdir(parents=True)
        (tmp_path / "elsewhere" / folder / "a.txt").write_text("precious")
        (tmp_path / "elsewhere" / folder / "pending.json").write_text(
            '{"version": "1", "created_at": "2026-11-21T10:13:06Z"}'
        )
    before = sorted(tmp_path.rglob("elsewhere/**/*"))
    (tmp_path / STORE / name).symlink_to(tmp_path / "elsewhere")
    assert list(stages(paths)) == list(backups(paths)) == [], "links are not followed"
    assert recovery(paths, Locks()) == []
    assert sorted(tmp_path.rglob("elsewhere/**/*")) == before
    (tmp_path / STORE / name).unlink()
    (tmp_path / STORE / name).write_text("a file")
    assert list(stages(paths)) == list(backups(paths)) == []
    assert recovery(paths, Locks()) == []


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


def test_a_secret_in_a_label_is_taken_out(project: Project) -> None:
    token = "ghp_" + "A1b2C3d4E5" * 3 + "f6G7h8"
    shown = new_session(project.person(), label=f"deploy with {token}")
    assert token not in (shown.label or "")
    assert not [name for name, data in project.files().items() if token.encode() in data]
