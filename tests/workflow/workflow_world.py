"""What every test of workflows looks at: the two files of a session, and whether they tell the same."""

import json
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.workflow_fold import companion, folded
from orchestrator_mcp.records.workflow import LogEvent, WorkflowState
from orchestrator_mcp.services.workflow_journal import state_file
from orchestrator_mcp.storage.reading import read_records
from orchestrator_mcp.storage.workspace import Workspace

Value = dict[str, Any]


def folder_of(at: Workspace) -> Path:
    return at.paths.for_session(at.session_id()).session_dir()


def log_of(at: Workspace) -> list[LogEvent]:
    read = read_records(LogEvent, folder_of(at) / "log.jsonl")
    assert read.bad_lines == 0
    return read.records


def raw_log(at: Workspace) -> list[Value]:
    return [json.loads(line) for line in (folder_of(at) / "log.jsonl").read_bytes().split(b"\n") if line.strip()]


def raw_state(at: Workspace) -> Value:
    return json.loads((folder_of(at) / "state.json").read_text("utf-8"))


def dumped(state: WorkflowState | None) -> Value:
    assert state is not None
    return json.loads(state.model_dump_json(by_alias=True, exclude_unset=True))


def check_agreement(at: Workspace) -> None:
    """The promise: every workflow's state is exactly what its events add up to, wherever it lies."""
    folder, events = folder_of(at), log_of(at)
    for workflow_id in dict.fromkeys(event.workflow_id for event in events):
        mine = [event for event in events if event.workflow_id == workflow_id]
        assert [event.revision for event in mine] == list(range(1, len(mine) + 1)), "each revision once, in order"
        assert len({event.id for event in mine}) == len(mine)
        state = folded(None, mine)
        assert state is not None
        place = folder / "workflows" / f"{workflow_id}.json" if state.is_over else folder / "state.json"
        assert json.loads(place.read_text("utf-8")) == dumped(state)
        check_valid(state)
        for number, event in enumerate(mine, 1):
            missing = companion(folded(None, mine[:number]), event)
            assert missing is None or mine[number].event_type == "phase_started"
    running = folded(None, [one for one in events if one.workflow_id == events[-1].workflow_id]) if events else None
    assert (folder / "state.json").exists() == bool(running and not running.is_over)


def check_valid(state: WorkflowState) -> None:
    """Only words of the wild, and at most one active phase: all before it are completed, all after it are pending."""
    assert state.status in {"active", "paused", "completed", "abandoned"}
    assert (state.completed_at is not None) == state.is_over
    statuses = [phase.status for phase in state.phases.values()]
    assert set(statuses) <= {"pending", "active", "completed"}
    assert statuses == sorted(statuses, key=["completed", "active", "pending"].index)
    assert statuses.count("active") <= 1
    for phase in state.phases.values():
        for item in phase.items.values():
            assert item.status in {"pending", "completed", "skipped"}
            assert (item.completed_at is not None) == (item.status == "completed")
            assert (item.skipped_at is not None) == (item.status == "skipped") == (item.skip_reason is not None)


def read_only_state(at: Workspace) -> WorkflowState | None:
    from orchestrator_mcp.services.workflow_journal import current

    return current(state_file(at, at.session_id()).read())
