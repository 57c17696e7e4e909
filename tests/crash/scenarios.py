"""Operations of the store: what is there before, what is done, and what must hold after it was done once more."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stores import NOW, failure, open_workspace, suggestion

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.storage.lines import parse_object, read_lines
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.sessions import SessionManager
from orchestrator_mcp.storage.store import make_redaction_key, open_store, read_meta

SESSION = "session-1"


@dataclass(frozen=True)
class Scenario:
    """One operation: what is there before, what is done, and what must hold after it was done once more.

    `done` is checked against a disk on which the operation was acknowledged before the power went.
    """

    name: str
    before: Callable[[Path], Any]
    act: Callable[[Path], Any]
    holds: Callable[[Path], None]
    done: Callable[[Path], None] | None = None


def readable(path: Path) -> list[dict[str, Any]]:
    """The objects in a file. After a power loss there may be other lines too, of what was never acknowledged."""
    return [value for line in read_lines(path) if (value := parse_object(line.data)) is not None]


def lock_of(root: Path) -> FolderLock:
    return FolderLock(OrchestratorPaths(root).lock_file(), deadline=1)


def make_store(root: Path) -> Any:
    return open_store(OrchestratorPaths(root), lock_of(root), NOW)


def store_holds(root: Path) -> None:
    assert read_meta(OrchestratorPaths(root)) is not None
    assert (root / ".orchestrator" / ".gitignore").read_bytes() == b"*\n", "the store is visible to git"


def make_session(root: Path) -> Any:
    return SessionManager(OrchestratorPaths(root)).create_session(SESSION, client="test", now=NOW)


def session_holds(root: Path) -> None:
    manager = SessionManager(OrchestratorPaths(root))
    assert manager.list_sessions() == [SESSION], "a session is there twice, or half-made"
    assert manager.read(SESSION).client == "test"


def point_current(root: Path) -> None:
    SessionManager(OrchestratorPaths(root)).set_current_session(SESSION)


def current_holds(root: Path) -> None:
    assert SessionManager(OrchestratorPaths(root)).get_current_session() == SESSION


def make_key(root: Path) -> bytes:
    return make_redaction_key(OrchestratorPaths(root), lock_of(root))


def key_holds(root: Path) -> None:
    assert make_key(root) == make_key(root)
    assert len(make_key(root)) == 32


def log_first(root: Path) -> None:
    workspace = open_workspace(root, session=SESSION)
    workspace.stream(Failure).append(failure("first", request_id="r-1"))


def first_holds(root: Path) -> None:
    store_holds(root)
    session_holds_in(root)
    names = [value["request_id"] for value in readable(root / ".orchestrator/sessions" / SESSION / "failures.jsonl")]
    assert names == ["r-1"], names


def session_holds_in(root: Path) -> None:
    assert open_workspace(root).sessions.read(SESSION).session_id == SESSION


def log_event(root: Path) -> None:
    event = LogEvent.model_validate({"timestamp": NOW, "event_type": "x", "workflow_id": "w", "request_id": "r-1"})
    open_workspace(root, session=SESSION).stream(LogEvent).append(event)


def event_holds(root: Path) -> None:
    values = readable(root / ".orchestrator/sessions" / SESSION / "log.jsonl")
    assert [value["request_id"] for value in values] == ["r-1"], values


def suggest(root: Path) -> None:
    """Make a rule, or change what an attempt before this one made."""
    stream = open_workspace(root, session=SESSION).stream(Suggestion)
    stream.put("rule_1", lambda old: suggestion("new" if old is None else old.title, id="rule_1"))


def suggestion_holds(root: Path) -> None:
    (found,) = open_workspace(root).read(Suggestion).records
    assert found.title == "new"
    revisions = [value["rev"] for value in readable(root / ".orchestrator/rules/suggestions.jsonl")]
    assert revisions == list(range(1, len(revisions) + 1)), f"revisions are {revisions}"


def change_rule(root: Path) -> None:
    stream = open_workspace(root, session=SESSION).stream(Suggestion)
    stream.supersede("rule_1", lambda old: old.model_copy(update={"title": old.title + "!"}))


def change_holds(root: Path) -> None:
    values = readable(root / ".orchestrator/rules/suggestions.jsonl")
    assert [value["rev"] for value in values] == list(range(1, len(values) + 1)), values
    assert values[-1]["title"] == "new" + "!" * (len(values) - 1), "an update is lost"


def changed_at_all(root: Path) -> None:
    change_holds(root)
    assert len(readable(root / ".orchestrator/rules/suggestions.jsonl")) >= 2, "an acknowledged update is lost"


def with_session(root: Path) -> None:
    make_store(root)
    make_session(root)
    make_key(root)


def with_rule(root: Path) -> None:
    with_session(root)
    suggest(root)


def report(root: Path) -> None:
    open_workspace(root, session=SESSION).write_report("r.md", "new" * 2_000)


def report_holds(root: Path) -> None:
    assert (root / ".orchestrator/reports/r.md").read_text() == "new" * 2_000


def with_torn_tail(root: Path) -> None:
    with_session(root)
    path = root / ".orchestrator/sessions" / SESSION / "failures.jsonl"
    path.write_bytes(b'{"id": "torn", "context": "' + b"x" * 100)


def nothing(_root: Path) -> None:
    pass


SCENARIOS = (
    Scenario("make a store", nothing, make_store, store_holds, store_holds),
    Scenario("a session arrives", make_store, make_session, session_holds, session_holds),
    Scenario("current is set", with_session, point_current, current_holds, current_holds),
    Scenario("the key is made", make_store, make_key, key_holds, key_holds),
    Scenario("a first failure in a bare folder", nothing, log_first, first_holds, session_holds_in),
    Scenario("a first event in a bare folder", nothing, log_event, event_holds, event_holds),
    Scenario("a failure after a torn tail", with_torn_tail, log_first, first_holds, session_holds_in),
    Scenario("a first rule", with_session, suggest, suggestion_holds, suggestion_holds),
    Scenario("a rule is changed", with_rule, change_rule, change_holds, changed_at_all),
    Scenario("a report", with_session, report, report_holds, report_holds),
)
