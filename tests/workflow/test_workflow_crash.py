"""A crash between log and state, or inside of either: the next call finds one truth and goes on from it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project
from workflow_world import check_agreement, folder_of, log_of, raw_log, raw_state

from orchestrator_mcp.errors import OrchestratorError, StorageFullError, UncertainWriteError
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow

SCRIPT = Path(__file__).with_name("kill_workflow.py")


@pytest.mark.parametrize(
    "call",
    [
        {"verb": "start", "task": "Second"},
        {"verb": "update", "action": "complete", "item": "initial_plan", "text": "x"},
        {"verb": "update", "action": "advance"},
        {"verb": "update", "action": "finish"},
    ],
    ids=lambda call: call.get("action", "start"),
)
def test_killed_at_any_step_and_repeated_it_is_done_once(
    call: dict, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    person = Project(base).person()
    start_workflow(person, task="First")
    if call["verb"] == "start":
        update_workflow(person, action="finish")
    before = get_workflow(person).revision
    person.close()
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(base), json.dumps(call)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    outcomes = [json.loads(line) for line in run.stdout.splitlines()]
    assert outcomes[-1]["ended"], "the call ran to its end at last"
    ends = {(one["revision"], one["status"], one["phase"], one["same"]) for one in outcomes}
    assert len(ends) == 1, ends
    assert ends.pop()[3]
    assert {one["lines"] for one in outcomes} == {2 if call.get("action", "start") in {"start", "advance"} else 1}
    seen = {one["seen"] for one in outcomes}
    assert len(seen) > 1, "some kills came before the log was written, and some after"
    assert min(seen) == (before if call["verb"] == "update" else 2)
    kills = sum(not one["ended"] for one in outcomes)
    assert kills > 40
    figure(f"workflow {call.get('action', 'start')}: {kills} kills, one at each step: 0 inconsistent")


def test_wherever_the_log_is_torn_the_rest_follows(project: Project, figure: Callable[[str], None]) -> None:
    """Every prefix of the two lines that `advance` writes, with the state from before: as a power loss leaves it."""
    agent = project.agent()
    start_workflow(agent, task="x")
    folder = folder_of(agent)
    log, state = folder / "log.jsonl", folder / "state.json"
    old_log, old_state = log.read_bytes(), state.read_bytes()
    update_workflow(agent, action="advance", request_id="r")
    group = log.read_bytes().removeprefix(old_log)
    end_of_first = group.index(b"\n")
    agent.close()
    lengths = sorted(
        {*range(0, len(group), 11), *range(end_of_first - 2, end_of_first + 4), *range(len(group) - 3, len(group) + 1)}
    )
    for length in lengths:
        log.unlink()
        log.write_bytes(old_log + group[:length])
        state.write_bytes(old_state)
        (folder / "log.jsonl.quarantine").unlink(missing_ok=True)
        one = project.agent(session=folder.name)
        view = update_workflow(one, action="advance", request_id="r")
        assert (view.phase, view.revision) == ("EXECUTE", 4), length
        check_agreement(one)
        events = [event["event_type"] for event in raw_log(one)]
        assert events == ["workflow_started", "phase_started", "phase_completed", "phase_started"], length
        one.close()
    figure(f"workflow log torn at {len(lengths)} places within one action: 0 inconsistent")


STATES = {
    "lost": lambda folder, old: (folder / "state.json").unlink(),
    "behind": lambda folder, old: (folder / "state.json").write_bytes(old),
    "empty": lambda folder, old: (folder / "state.json").write_bytes(b""),
    "half": lambda folder, old: (folder / "state.json").write_bytes(old[: len(old) // 2]),
    "zeros": lambda folder, old: (folder / "state.json").write_bytes(b"\0" * len(old)),
    "staged beside": lambda folder, old: (folder / ".state.json.0123456789abcdef.tmp").write_bytes(old[:50]),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("action", ["note", "finish", "start"])
def test_whatever_is_left_of_the_state_the_log_makes_it_again(name: str, action: str, project: Project) -> None:
    agent = project.agent()
    start_workflow(agent, task="x")
    folder = folder_of(agent)
    old = (folder / "state.json").read_bytes()
    update_workflow(agent, action="complete", item="initial_plan", text="Kept.")
    STATES[name](folder, old)
    assert get_workflow(agent).phases[0].completed == 1
    if action == "start":
        with pytest.raises(OrchestratorError, match="is active in this session"):
            start_workflow(agent, task="y")
    else:
        update_workflow(agent, action=action, text="x")
    check_agreement(agent)


@pytest.mark.parametrize("left", ["state.json", "both", "neither"])
def test_an_end_whose_move_was_cut_short_is_carried_on(left: str, project: Project) -> None:
    agent = project.agent()
    start_workflow(agent, task="x")
    folder = folder_of(agent)
    before = (folder / "state.json").read_bytes()
    view = update_workflow(agent, action="finish")
    moved = folder / "workflows" / f"{view.workflow_id}.json"
    if left != "neither":
        (folder / "state.json").write_bytes(before)
    if left != "both":
        moved.unlink()
    assert get_workflow(agent).status == "completed"
    second = start_workflow(agent, task="y")
    assert second.workflow_id != view.workflow_id
    assert moved.exists()
    check_agreement(agent)


def test_a_log_that_lost_its_end_does_not_take_the_state_back(project: Project) -> None:
    """Only a person can do that. Nothing that the state has is dropped, and no revision is used twice."""
    agent = project.agent()
    start_workflow(agent, task="x")
    update_workflow(agent, action="complete", item="initial_plan")
    log = folder_of(agent) / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:2]))
    assert get_workflow(agent).phases[0].completed == 1
    assert update_workflow(agent, action="complete", item="risk_analysis").revision == 4
    assert raw_state(agent)["phases"]["PLAN"]["items"]["initial_plan"]["status"] == "completed"
    assert [event.revision for event in log_of(agent)] == [1, 2, 4]


def test_a_disk_that_does_not_confirm_is_told_and_asked_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = project.agent()
    start_workflow(agent, task="x")

    def refuse(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(UncertainWriteError, match="same request id"):
        update_workflow(agent, action="complete", item="initial_plan", request_id="r")
    monkeypatch.undo()
    calls = watched_calls(monkeypatch)
    assert update_workflow(agent, action="complete", item="initial_plan", request_id="r").revision == 3
    # The pages pass for clean after a failed sync: only bytes that are written again are synced again.
    written = calls.index("pwrite log.jsonl")
    assert "fdatasync log.jsonl" in calls[written:]
    assert len(raw_log(agent)) == 3
    check_agreement(agent)


def test_a_state_that_cannot_be_written_is_a_warning_for_the_log_has_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator_mcp.storage import workflow_state

    agent = project.agent()
    start_workflow(agent, task="x")

    def full(*_: object) -> None:
        raise StorageFullError("No room. Free some space and try again.")

    monkeypatch.setattr(workflow_state, "write_new", full)
    view = update_workflow(agent, action="complete", item="initial_plan")
    assert view.phases[0].completed == 1
    assert view.warnings[0].startswith("This is in the log; state.json is not up to date")
    with pytest.raises(StorageFullError):  # the debt comes first: another action on top of it would hide it
        update_workflow(agent, action="complete", item="risk_analysis")
    monkeypatch.undo()
    assert update_workflow(agent, action="complete", item="risk_analysis").phases[0].completed == 2
    assert len(raw_log(agent)) == 4
    check_agreement(agent)


def test_a_session_that_is_removed_while_it_is_used(project: Project) -> None:
    agent = project.agent()
    start_workflow(agent, task="x")
    shutil.rmtree(folder_of(agent))
    with pytest.raises(OrchestratorError):
        update_workflow(agent, action="advance")
    assert start_workflow(agent, task="y").revision == 2
    check_agreement(agent)


def test_forgetting_and_going_on(project: Project) -> None:
    from orchestrator_mcp.services.forgetting import forget

    agent = project.agent()
    start_workflow(agent, task="x")
    text = "The raspberry pudding fell on the production database"
    update_workflow(agent, action="complete", item="initial_plan", text=text)
    update_workflow(agent, action="note", text=text)
    event = next(event for event in log_of(agent) if event.event_type == "item_completed")
    forget(project.person(), str(event.id))
    view = update_workflow(agent, action="complete", item="risk_analysis")
    assert (view.phases[0].completed, view.revision) == (2, 5)
    assert not [name for name, data in project.files().items() if b"raspberry" in data]
    state = raw_state(agent)["phases"]["PLAN"]["items"]["initial_plan"]
    assert (state["status"], "raspberry" in str(state["notes"])) == ("completed", False)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the kernel does not say which file a descriptor is")
@pytest.mark.parametrize("action", ["complete", "advance", "finish"])
def test_the_state_never_claims_what_the_disk_does_not_have(
    action: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a power loss: the log is written, then synced, and the state, itself synced, takes its place after that."""
    agent = project.agent()
    start_workflow(agent, task="x")
    calls = watched_calls(monkeypatch)
    update_workflow(agent, action=action, item="initial_plan" if action == "complete" else None)
    at = [calls.index(step) for step in ("pwrite log.jsonl", "fdatasync log.jsonl", "pwrite staged", "replace staged")]
    assert at == sorted(at), calls
    assert "fsync staged" in calls[at[2] : at[3]]
    assert calls.count("pwrite log.jsonl") == 1, "an action of two lines is one write"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the kernel does not say which file a descriptor is")
def test_who_repairs_a_state_syncs_the_log_that_another_may_not_have(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = project.agent()
    start_workflow(agent, task="x")
    old = (folder_of(agent) / "state.json").read_bytes()
    update_workflow(agent, action="complete", item="initial_plan")
    (folder_of(agent) / "state.json").write_bytes(old)
    calls = watched_calls(monkeypatch)
    with pytest.raises(OrchestratorError):
        update_workflow(agent, action="complete", item="nope")  # nothing is recorded, but the state is mended
    assert calls.index("fsync log.jsonl") < calls.index("replace staged")
    assert raw_state(agent)["_revision"] == 3


def watched_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the system calls made from now on, each with the file it was about."""
    calls: list[str] = []

    def watch(name: str, path_of: Callable[..., str]) -> None:
        real = getattr(os, name)

        def watched(*args: object, **kwargs: object) -> object:
            path = Path(path_of(*args))
            calls.append(f"{name} {path.name if path.suffix != '.tmp' else 'staged'}")
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, watched)

    def open_path(fd: int, *_: object) -> str:
        return str(Path(f"/proc/self/fd/{fd}").readlink())

    for name in ("pwrite", "fsync", "fdatasync"):
        watch(name, open_path)
    watch("replace", lambda staged, _target: str(staged))
    return calls
