"""Whatever is done in whatever order: the state is valid, and the log alone makes it again."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import Project
from workflow_world import check_agreement, check_valid, dumped, folder_of, log_of, raw_state, read_only_state

from orchestrator_mcp.analysis.extraction import one_workflow, workflow_facts
from orchestrator_mcp.analysis.workflow_actions import Update, next_step, open_items, phase_views, step
from orchestrator_mcp.analysis.workflow_definition import default_definition
from orchestrator_mcp.analysis.workflow_fold import companion, folded
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.fields import WorkflowAction, WorkflowEventKind
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.services.workflows import start_workflow, update_workflow

ITEMS = ("check_roadmap", "initial_plan", "write_tests", "security_review", "document_learnings", "nonsense")
TEXTS = (
    st.none()
    | st.sampled_from(("ok", "It was tricky.", "\u2028\x00\ud800", "  ", "Added ghp_abc: no"))
    | st.text(max_size=20)
)
UPDATES = st.builds(
    Update,
    action=st.sampled_from(WorkflowAction),
    item=st.none() | st.sampled_from(ITEMS),
    text=TEXTS,
    event=st.none() | st.sampled_from(WorkflowEventKind),
    command=st.none() | st.just("make"),
    exit_code=st.none() | st.integers(-2, 2),
)
SENSIBLE = st.one_of(
    st.builds(
        Update, st.sampled_from([WorkflowAction.COMPLETE, WorkflowAction.NOTE]), st.sampled_from(ITEMS), st.just("x")
    ),
    st.builds(Update, st.just(WorkflowAction.SKIP), st.sampled_from(ITEMS), st.just("why")),
    st.builds(Update, st.sampled_from([WorkflowAction.ADVANCE, WorkflowAction.PAUSE, WorkflowAction.RESUME])),
    st.builds(Update, st.just(WorkflowAction.EVENT), event=st.just(WorkflowEventKind.PARALLEL_AGENTS)),
    UPDATES,
)
ENDS = st.builds(Update, st.sampled_from([WorkflowAction.FINISH, WorkflowAction.ABANDON]))
ENDLESS = SENSIBLE.filter(lambda update: update.action not in {WorkflowAction.FINISH, WorkflowAction.ABANDON})


START = datetime(2026, 11, 21, tzinfo=UTC)


def first() -> list[LogEvent]:
    details = {"definition": default_definition().model_dump(mode="json")}
    started = LogEvent(
        timestamp=START, event_type="workflow_started", workflow_id="wf", message="x", details=details, revision=1
    )
    state = folded(None, [started])
    assert state
    second = companion(state, started)
    assert second
    return [started, second]


def extended(events: list[LogEvent], update: Update) -> list[LogEvent]:
    """Pure and in memory: what the journal does on disk."""
    state = folded(None, events)
    assert state
    try:
        made = step(state, update)
    except OrchestratorError:
        return events
    when = START + timedelta(seconds=len(events))
    one = made.event.model_copy(update={"revision": len(events) + 1, "timestamp": when})
    after = folded(state, [one])
    assert after
    two = companion(after, one)
    return [*events, one, *([two] if two else [])]


@settings(max_examples=100, deadline=None)
@given(st.lists(SENSIBLE, max_size=12))
def test_every_prefix_of_every_log_gives_a_valid_state(updates: list[Update]) -> None:
    events = first()
    for update in updates:
        longer = extended(events, update)
        for length in range(len(events), len(longer) + 1):
            state = folded(None, longer[:length])
            assert state
            check_valid(state)
            assert state.revision == length
            # From any earlier state the rest of the log leads to the same: so a state that is behind is repaired.
            for behind in (2, length // 2 or 1, length):
                assert folded(folded(None, longer[:behind]), longer[:length]) == state
            assert next_step(state, "agent")
            assert sum(phase.items for phase in phase_views(state)) == 31
            assert len(open_items(state)) <= 31
            workflow_facts(one_workflow(longer[:length], state))
        if longer is not events and state.is_over:
            return
        events = longer


class Once:
    """Folders that outlive an example are too many: each example has its own."""

    def __enter__(self) -> Project:
        self._folder = tempfile.TemporaryDirectory()
        return Project(Path(self._folder.name))

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def call(at, update: Update, request_id: str | None = None):
    said = {name: value for name, value in vars(update).items() if value is not None}
    try:
        return update_workflow(at, **said, request_id=request_id)
    except OrchestratorError as error:
        if not str(error).endswith((".", "?")):
            raise  # a refusal is a sentence
        return None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SENSIBLE | ENDS, max_size=10), st.lists(st.booleans(), min_size=10, max_size=10))
def test_on_disk_state_and_log_agree_after_every_action(updates: list[Update], repeats: list[bool]) -> None:
    with Once() as project:
        at = project.agent()
        start_workflow(at, task="x")
        for number, (update, again) in enumerate(zip(updates, repeats, strict=False)):
            project.wait(seconds=1)
            answer = call(at, update, request_id=f"r{number}")
            check_agreement(at)
            if answer is None:
                continue
            if again:
                before = project.files()
                assert call(at, update, request_id=f"r{number}") == answer
                assert project.files() == before
            if answer.status in {"completed", "abandoned"}:
                start_workflow(at, task="y")
        at.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENDLESS, max_size=8), st.data())
def test_a_state_of_any_age_is_brought_up_to_the_log(updates: list[Update], data: st.DataObject) -> None:
    """The state lost, or as old as it may be: the next action makes it what it would have been."""
    with Once() as project:
        at = project.agent()
        start_workflow(at, task="x")
        ages: list[bytes | None] = [None]
        for update in updates:
            call(at, update)
            ages.append((folder_of(at) / "state.json").read_bytes())
        old = data.draw(st.sampled_from(ages))
        path = folder_of(at) / "state.json"
        path.unlink() if old is None else path.write_bytes(old)
        expected = dumped(folded(None, log_of(at)))
        shown = read_only_state(at)
        assert dumped(shown) == expected
        assert (path.read_bytes() if path.exists() else None) == old  # reading repairs nothing
        project.wait(seconds=2)  # else it may be the last action once more
        update_workflow(at, action="note", text="x")
        assert raw_state(at)["_revision"] == expected["_revision"] + 1
        check_agreement(at)
        at.close()
