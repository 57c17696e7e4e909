"""Many at once on one workflow: nothing is lost, nothing is done twice, and every answer was true."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project
from workflow_world import check_agreement, folder_of, log_of, raw_state

from orchestrator_mcp.errors import OrchestratorError, StateConflictError
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.workflow_journal import state_file
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow
from orchestrator_mcp.storage.workspace import Workspace

SCRIPT = Path(__file__).with_name("complete_items.py")
ITEMS = [f"item_{number:02}" for number in range(60)]


@pytest.fixture
def at(project: Project) -> Workspace:
    items = ", ".join(f"{{id: {name}}}" for name in ITEMS)
    (project.root / "workflow.yaml").write_text(f"phases: [{{id: ALL, items: [{items}]}}]", "utf-8")
    agent = project.agent()
    start_workflow(agent, task="x")
    return agent


def test_two_processes_lose_no_completion(
    project: Project, at: Workspace, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    gate, session = tmp_path / "gate", at.session_id()
    shared = ITEMS[:20]  # both complete these, under the same request ids
    shares = [[*shared, *ITEMS[20:40]], [*shared, *ITEMS[40:]]]
    racers = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(project.root), session, str(gate), *share],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    gate.touch()
    answers = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    check_agreement(at)
    done = [event.item_id for event in log_of(at) if event.event_type == "item_completed"]
    assert sorted(map(str, done)) == ITEMS, "each once"
    assert {item["status"] for item in raw_state(at)["phases"]["ALL"]["items"].values()} == {"completed"}
    assert len(set(answers[0]) | set(answers[1])) == len(ITEMS), "one revision for each completion"
    turns = sum(one.item_id in ITEMS[20:40] for one in log_of(at)[20:42])
    figure(
        f"workflow, 2 processes, {len(ITEMS)} completions, 20 of them by both: 0 lost, 0 doubled ({turns} of 22 mixed)"
    )


def test_threads_of_one_server_lose_no_completion(at: Workspace) -> None:
    problems: list[Exception] = []

    def work(share: list[str]) -> None:
        try:
            for item in share:
                update_workflow(at, action="complete", item=item)
                log_failure(at, context=f"Broke at {item}", feedback="Mend it", category="testing")
        except OrchestratorError as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(ITEMS[number:24:4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert get_workflow(at).phases[0].completed == 24
    check_agreement(at)


def test_two_starts_at_once_make_one_workflow(project: Project) -> None:
    session = project.agent().session_id()
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        agent = project.agent(session=session)  # a workspace each, as processes have
        barrier.wait()
        try:
            outcomes.append(str(start_workflow(agent, task=f"Task {number}").workflow_id))
        except StateConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 3
    check_agreement(project.agent(session=session))


def test_a_swap_drawn_from_something_else_is_refused(project: Project, at: Workspace) -> None:
    """Compare-and-swap: whoever looked before another wrote, another program or `forget`, does not overwrite it."""
    file, path = state_file(at, at.session_id()), folder_of(at) / "state.json"
    seen = file.read()
    assert seen.state
    update_workflow(at, action="complete", item=ITEMS[0])
    newer = path.read_bytes()
    assert file.swap(seen, seen.state) is False
    assert path.read_bytes() == newer
    seen = file.read()
    path.write_bytes(newer.replace(b'"project": null', b'"project": "theirs"'))
    assert seen.state
    assert file.swap(seen, seen.state) is False
    update_workflow(at, action="complete", item=ITEMS[1])
    assert raw_state(at)["project"] == "theirs"
    assert not [one for one in folder_of(at).iterdir() if one.name.endswith(".tmp")]


def test_an_append_drawn_from_something_else_is_drawn_again(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator_mcp.services import workflows

    real, rivals = workflows.step, [ITEMS[1], ITEMS[2]]

    def overtaken(state, update, settled):
        if rivals and update.item == ITEMS[0]:
            update_workflow(at, action="complete", item=rivals.pop())
        return real(state, update, settled)

    monkeypatch.setattr(workflows, "step", overtaken)
    assert update_workflow(at, action="complete", item=ITEMS[0]).phases[0].completed == 3
    check_agreement(at)
    assert [event.item_id for event in log_of(at)[2:]] == [ITEMS[2], ITEMS[1], ITEMS[0]]


def test_readers_see_whole_states_meanwhile(project: Project, at: Workspace) -> None:
    stop, revisions, problems = threading.Event(), [], []
    reader = project.agent(session=at.session_id())

    def look() -> None:
        while not stop.is_set():
            try:
                revisions.append(get_workflow(reader).revision)
            except OrchestratorError as error:
                problems.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for item in ITEMS[:15]:
        update_workflow(at, action="complete", item=item)
    stop.set()
    thread.join()
    assert problems == []
    assert revisions == sorted(revisions), "time never runs backwards for a reader"
