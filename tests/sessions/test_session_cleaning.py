"""Cleaning up: what goes, what stays and why, and that reviews say the same before and after."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from session_world import STORE, archived, date_files, fail, leave, sessions, worked

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, ReadOnlyError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import SessionStatus, WorkflowAction
from orchestrator_mcp.services.failures import list_failures, show_failure
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.forgetting import forget
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules
from orchestrator_mcp.services.session_cleaning import clean_sessions
from orchestrator_mcp.services.sessions import list_sessions, show_session
from orchestrator_mcp.services.telemetry import get_agent_ranking
from orchestrator_mcp.services.workflows import start_workflow, update_workflow


def everything_said(project: Project) -> dict[str, Any]:
    """What every question that looks at all sessions answers."""
    person = project.person()
    answers = {
        "patterns": review_patterns(person, all=True, limit=50),
        "feedback": review_feedback(person, all=True),
        "rules": suggest_rules(person, limit=50),
        "ranking": get_agent_ranking(person),
        "failures": list_failures(person, limit=100),
    }
    person.close()
    return {name: answer.model_dump(mode="json") for name, answer in answers.items()}


def why(project: Project, **asked: Any) -> dict[str, str]:
    cleaned = clean_sessions(project.person(), **asked)
    assert cleaned.cleaned == []
    return {one.session_id: one.why for one in cleaned.kept}


def lone(project: Project, days: float = 40) -> str:
    """One old session that is not the current one, with one failure."""
    agent = project.agent(session="lone")
    fail(agent)
    agent.close()
    project.person().sessions.create_session("other")
    project.person().sessions.set_current_session("other")
    leave(project, days)
    return "lone"


def test_reviews_say_the_same_before_and_after(project: Project) -> None:
    for number in range(4):
        worked(project, number)
        project.wait(hours=1)
    leave(project, 40)
    worked(project, 4)
    before = everything_said(project)
    assert before["patterns"]["counts"]["sessions"] == 5
    assert before["patterns"]["patterns"]
    assert before["rules"]["suggestions"][0]["of_sessions"] == 5
    cleaned = clean_sessions(project.person())
    assert (len(cleaned.cleaned), len(sessions(project)), len(archived(project))) == (3, 2, 3)
    assert {one.why for one in cleaned.kept} == {"It is the current session."}
    assert everything_said(project) == before
    (project.root / STORE / "cache/index.sqlite").unlink()
    assert everything_said(project) == before
    reader = project.person(read_only=True)
    assert review_patterns(reader, all=True, limit=50).model_dump(mode="json") == before["patterns"]


def test_every_stream_of_a_cleaned_session_is_in_the_archive_byte_for_byte(project: Project) -> None:
    worked(project, 1)
    session = worked(project, 2).known_session()
    leave(project, 40)
    folder = project.root / STORE / "sessions" / session
    streams = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.jsonl")}
    assert len(streams) == 6
    clean_sessions(project.person())
    there = project.root / STORE / "archive" / session
    assert {path.relative_to(there): path.read_bytes() for path in there.rglob("*.jsonl")} == streams
    assert sorted(os.listdir(there)) == [
        "agent_invocations.jsonl", "failures.jsonl", "feedback", "log.jsonl", "meta.json", "success_metrics.jsonl",
    ]  # fmt: skip


def test_what_is_not_ours_in_a_session_is_not_removed(project: Project) -> None:
    lone(project)
    note = project.root / STORE / "sessions/lone/notes.md"
    note.write_text("mine")
    draft = note.with_name(".notes.tmp")
    draft.write_text("mine too")
    for path in (note, draft):
        os.utime(path, (0, 0))
    clean_sessions(project.person())
    assert (project.root / STORE / "archive/lone/notes.md").read_text() == "mine"
    assert (project.root / STORE / "archive/lone/.notes.tmp").read_text() == "mine too"


def test_a_dry_run_says_the_same_and_changes_nothing(project: Project) -> None:
    lone(project)
    before = project.files()
    planned = clean_sessions(project.person(), dry_run=True)
    assert project.files() == before
    assert planned.dry_run
    assert clean_sessions(project.person()).cleaned == planned.cleaned


@pytest.mark.parametrize(("days", "asked", "goes"), [(29, 30, False), (31, 30, True), (8, 7, True), (6, 7, False)])
def test_age_counts_from_the_last_thing_written(project: Project, days: int, asked: int, *, goes: bool) -> None:
    lone(project, days)
    assert len(clean_sessions(project.person(), older_than=asked).cleaned) == goes


def test_a_session_opened_long_ago_and_used_lately_stays(project: Project) -> None:
    lone(project)
    fail(project.agent(session="lone"))
    date_files(project.root / STORE / "sessions/lone", project.now)
    assert "lone" not in why(project)


def test_a_negative_age_is_refused(project: Project) -> None:
    with pytest.raises(InvalidInputError, match="future"):
        clean_sessions(project.person(), older_than=-1)


def test_the_current_session_stays_and_so_does_the_one_a_process_was_told_to_use(project: Project) -> None:
    lone(project)
    assert clean_sessions(project.person(session="lone"), dry_run=True).cleaned == []
    project.person().sessions.set_current_session("lone")
    date_files(project.root / STORE, project.now)
    project.wait(days=40)
    kept = {one.session_id: one.why for one in clean_sessions(project.person(), dry_run=True).kept}
    assert kept == {"lone": "It is the current session."}


def test_a_session_written_to_within_hours_stays_whatever_age_is_asked(project: Project) -> None:
    lone(project, days=0.3)
    assert "12 hours" in why(project, older_than=0)["lone"]


def test_a_session_with_an_open_workflow_stays_until_it_is_called_abandoned(project: Project) -> None:
    agent = project.agent(session="lone")
    start_workflow(agent, task="never finished")
    agent.close()
    lone(project, days=10)
    assert "workflow is open" in why(project, older_than=5)["lone"]
    assert why(project, older_than=5, status=SessionStatus.ABANDONED) == {}, "it is stale by now, not yet abandoned"
    assert "workflow is open" in why(project, older_than=5, status=SessionStatus.STALE)["lone"]
    project.wait(days=30)
    assert "workflow is open" in why(project)["lone"]
    assert len(clean_sessions(project.person(), status=SessionStatus.ABANDONED).cleaned) == 1


def _no_date(folder: Path) -> None:
    value = json.loads((folder / "meta.json").read_text())
    del value["created_at"]
    (folder / "meta.json").write_text(json.dumps(value))


BROKEN: dict[str, Callable[[Path], object]] = {
    "no date": _no_date,
    "garbage": lambda folder: (folder / "meta.json").write_bytes(b"{"),
    "no description": lambda folder: (folder / "meta.json").unlink(),
    "a description that is a link": lambda folder: (
        (folder / "meta.json").unlink(),
        (folder / "meta.json").symlink_to("/etc/hostname"),
    ),
    "a state that is a link": lambda folder: (folder / "state.json").symlink_to("/etc/hostname"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_session_of_which_not_enough_is_known_stays_and_is_named(project: Project, how: str) -> None:
    lone(project)
    BROKEN[how](project.root / STORE / "sessions/lone")
    date_files(project.root / STORE / "sessions/lone", project.now.replace(month=1))
    assert why(project)["lone"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files a process has open")
def test_a_session_that_a_live_process_has_open_stays(project: Project) -> None:
    lone(project)
    program = f"f = open({str(project.root / STORE / 'sessions/lone/failures.jsonl')!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert why(project)["lone"] == f"Process {process.pid} has it open."
        process.communicate("\n")
    assert len(clean_sessions(project.person()).cleaned) == 1


def test_a_link_among_the_sessions_is_neither_followed_nor_moved(project: Project, tmp_path: Path) -> None:
    lone(project)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_text("precious")
    (project.root / STORE / "sessions/linked").symlink_to(tmp_path / "outside")
    (project.root / STORE / "sessions/..x").mkdir()
    clean_sessions(project.person())
    assert archived(project) == ["lone"]
    assert (tmp_path / "outside/precious").read_text() == "precious"
    assert {"linked", "..x"} <= set(sessions(project))


def test_an_archive_that_is_a_link_is_not_written_through(project: Project, tmp_path: Path) -> None:
    lone(project)
    (tmp_path / "outside").mkdir()
    (project.root / STORE / "archive").symlink_to(tmp_path / "outside")
    with pytest.raises(Exception, match="symbolic link"):
        clean_sessions(project.person())
    assert os.listdir(tmp_path / "outside") == []
    assert "lone" in sessions(project)


def test_a_session_used_again_and_cleaned_again_is_counted_whole(project: Project) -> None:
    for _ in range(3):
        lone(project)
        clean_sessions(project.person())
    assert archived(project) == ["lone", "lone~2", "lone~3"]
    review = review_patterns(project.person(), all=True)
    assert (review.counts.entries, review.counts.sessions) == (3, 1)
    assert list_failures(project.person()).total == 3


def test_a_server_whose_session_was_cleaned_goes_on_in_a_new_one(project: Project) -> None:
    agent = project.agent(client_session="a conversation")
    fail(agent)
    first = agent.known_session()
    lone(project)
    agent.close()
    agent.locks = type(agent.locks)()  # gives back what it holds open, as an idle machine that slept
    clean_sessions(project.person())
    assert first in archived(project)
    fail(agent)
    assert agent.session_id() == first, "the same conversation is the same session"
    assert first in sessions(project)
    assert list_failures(project.person()).total == 3


def test_read_only_cleans_nothing(project: Project) -> None:
    lone(project)
    before = project.files()
    with pytest.raises(ReadOnlyError):
        clean_sessions(project.person(read_only=True))
    assert project.files() == before


def test_forget_reaches_the_archive(project: Project) -> None:
    lone(project)
    (one,) = list_failures(project.person()).failures
    clean_sessions(project.person())
    assert show_failure(project.person(), one.id).context == one.context
    forgotten = forget(project.person(), one.id)
    assert forgotten.files == ["archive/lone/failures.jsonl"]
    left = [
        path for path in (project.root / STORE).rglob("*") if path.is_file() and b"live database" in path.read_bytes()
    ]
    assert left == []
    assert list_failures(project.person()).failures[0].context == "[FORGOTTEN]"


def test_a_cleaned_session_is_no_session_any_more(project: Project) -> None:
    lone(project)
    clean_sessions(project.person())
    listed = list_sessions(project.person())
    assert ([one.session_id for one in listed.sessions], listed.total, listed.archived) == (["other"], 1, 1)
    with pytest.raises(NotFoundError):
        show_session(project.person(), "lone")


@pytest.mark.torn
def test_one_file_that_cannot_be_read_does_not_keep_all_others(project: Project) -> None:
    lone(project)
    fail(project.agent())
    broken = project.root / STORE / "sessions/lone/failures.jsonl"
    broken.unlink()
    broken.symlink_to("/etc/hostname")
    read = project.person().read(Failure)
    assert len(read.records) == 1
    assert "symbolic link" in read.unread[0]
    assert list_failures(project.person()).warnings == read.unread


def test_how_a_session_stands(project: Project) -> None:
    done, open_one = project.agent(session="done"), project.agent(session="open")
    for agent in (done, open_one):
        start_workflow(agent, task="a page")
    update_workflow(done, action=WorkflowAction.FINISH)
    fail(project.agent(session="none"))
    date_files(project.root / STORE, project.now)
    stages = {
        0: ("active", "active", "active"),
        0.6: ("finished", "idle", "idle"),
        1.1: ("finished", "stale", "idle"),
        31: ("finished", "abandoned", "idle"),
    }
    start = project.now
    for days, wanted in stages.items():
        project.now = start
        project.wait(days=days)
        found = {one.session_id: one.status for one in list_sessions(project.person()).sessions}
        assert tuple(found[name] for name in ("done", "open", "none")) == wanted, days
        for status in set(wanted):
            listed = {one.session_id for one in list_sessions(project.person(), status=status).sessions}
            assert listed == {name for name, stands in found.items() if stands == status}
    with pytest.raises(InvalidInputError, match="no status"):
        list_sessions(project.person(), status="sleepy")
