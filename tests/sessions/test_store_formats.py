"""A store of every format there ever was opens, is reviewed and written; and how the next format will be reached."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from projects import Project
from session_world import STORE, fail

from orchestrator_mcp.errors import ForeignStoreError, WorkspaceBusyError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.feedback_sync import Synced
from orchestrator_mcp.records.pattern_decision import PatternDecision
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.records.session import FORMAT, StoreMeta
from orchestrator_mcp.records.streams import STREAMS
from orchestrator_mcp.records.telemetry import Invocation, SuccessMetric
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.services.checkpoints import list_checkpoints, show_checkpoint
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.sessions import list_sessions
from orchestrator_mcp.services.workflows import update_workflow
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.store import read_meta
from orchestrator_mcp.storage.upgrades import Upgrade, upgrade

FIXTURES = Path(__file__).parents[1] / "fixtures"
COUNTS = {
    Failure: 10, Invocation: 4, SuccessMetric: 4, ToolFeedback: 4, ProcessFeedback: 4, LogEvent: 22, Suggestion: 1,
    PatternDecision: 1, Synced: 1,
}  # fmt: skip


@pytest.fixture
def format_1(project: Project) -> Project:
    """A store as it was written when the format was 1."""
    shutil.copytree(FIXTURES / "format_1", project.root / STORE)
    project.wait(days=60)
    return project


def test_there_is_a_store_of_every_format() -> None:
    assert sorted(os.listdir(FIXTURES)) == [f"format_{number}" for number in range(1, FORMAT + 1)]
    assert COUNTS.keys() == {spec.model for spec in STREAMS}


def test_a_store_of_format_1_is_read_whole(format_1: Project) -> None:
    reader = format_1.person(read_only=True)
    reads = {model: reader.read(model) for model in COUNTS}
    assert {model: len(read.records) for model, read in reads.items()} == COUNTS
    assert [read.bad_lines for read in reads.values()] == [0] * len(COUNTS)
    review = review_patterns(reader, all=True, limit=9)
    assert (review.counts.entries, review.counts.sessions, review.counts.workflows) == (18, 5, 5)
    assert review.patterns[0].title == "tests ran against the live database"
    assert (review.patterns[0].occurrences, review.patterns[0].sessions) == (4, 4)
    listed = list_sessions(reader)
    assert (listed.total, listed.archived) == (3, 2)
    checkpoints = list_checkpoints(reader)
    assert (checkpoints.total, checkpoints.warnings) == (3, [])
    assert "half of page 3" in "".join(
        show_checkpoint(reader, one.checkpoint_id).resume_prompt for one in checkpoints.checkpoints
    )


def test_a_store_of_format_1_is_written(format_1: Project) -> None:
    agent = format_1.agent()
    logged = log_failure(agent, context="tests ran against the live database", feedback="Use a copy.", category="API")
    assert logged.pattern is not None
    assert (logged.pattern.occurrences, logged.pattern.sessions) == (5, 5)
    open_one = next(one for one in list_sessions(agent).sessions if one.workflow_id)
    assert update_workflow(agent, action="finish", workflow_id=open_one.workflow_id).status == "completed"
    assert agent.store().format == 1


OLD, NEW = b'{"mood":"old"}\n', b'{"mood":"new"}\n'
MOOD = "sessions/lone/mood.jsonl"


def moody(project: Project) -> OrchestratorPaths:
    agent = project.agent(session="lone")
    fail(agent)
    agent.close()
    (project.root / STORE / MOOD).write_bytes(OLD)
    return agent.paths


def to_2(paths: OrchestratorPaths) -> Iterable[tuple[str, bytes]]:
    """What a format 2 might want of us: other content in one stream."""
    old = json.loads((paths.orchestrator_dir / MOOD).read_bytes())
    assert old == {"mood": "old"}
    return [(MOOD, NEW)]


def lift(paths: OrchestratorPaths, latest: int, upgrades: dict[int, Upgrade]) -> StoreMeta:
    return upgrade(paths, FolderLock(paths.lock_file()), read_meta, latest, upgrades)


def test_an_upgrade_changes_what_it_names_and_nothing_else(project: Project) -> None:
    paths = moody(project)
    before = project.files()
    assert lift(paths, 2, {1: to_2}).format == 2
    after = project.files()
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {f"{STORE}/{MOOD}", f"{STORE}/meta.json"}
    assert after.keys() == before.keys()
    assert json.loads(after[f"{STORE}/meta.json"])["repo_id"] == json.loads(before[f"{STORE}/meta.json"])["repo_id"]


def test_several_formats_are_passed_one_after_the_other(project: Project) -> None:
    paths = moody(project)
    passed = []

    def step(number: int) -> Upgrade:
        def run(_: OrchestratorPaths) -> Iterable[tuple[str, bytes]]:
            passed.append(number)
            return [(MOOD, b'{"mood":"%d"}\n' % number)]

        return run

    assert lift(paths, 4, {number: step(number) for number in (1, 2, 3)}).format == 4
    assert passed == [1, 2, 3]
    assert (paths.orchestrator_dir / MOOD).read_bytes() == b'{"mood":"3"}\n'


def test_an_upgrade_that_fails_changes_nothing(project: Project) -> None:
    paths = moody(project)
    before = project.files()

    def breaks(_: OrchestratorPaths) -> Iterable[tuple[str, bytes]]:
        yield MOOD, NEW
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lift(paths, 2, {1: breaks})
    assert project.files() == before


def test_a_format_from_which_no_way_leads_is_left_alone(project: Project) -> None:
    paths = moody(project)
    before = project.files()
    with pytest.raises(ForeignStoreError, match="no way leads"):
        lift(paths, 2, {})
    assert project.files() == before


def test_a_newer_format_is_read_and_never_written(project: Project) -> None:
    paths = moody(project)
    lift(paths, FORMAT + 1, {FORMAT: to_2})
    before = project.files()
    for session in ("lone", "another"):
        with pytest.raises(ForeignStoreError, match="Update orchestrator-mcp"):
            fail(project.agent(session=session))
    assert len(project.agent(read_only=True).read(Failure).records) == 1
    assert project.files() == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files a process has open")
def test_a_store_that_another_process_writes_is_not_upgraded(project: Project) -> None:
    paths = moody(project)
    program = f"f = open({str(paths.orchestrator_dir / MOOD)!r}); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(WorkspaceBusyError, match=str(process.pid)):
            lift(paths, 2, {1: to_2})
        process.communicate(b"\n")
    assert lift(paths, 2, {1: to_2}).format == 2
