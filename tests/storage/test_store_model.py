"""A store that is used, torn, reopened and tidied at random holds what a plain list says it holds."""

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stores import NOW, failure, objects, open_workspace

from orchestrator_mcp.errors import StateConflictError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.archive import put_away
from orchestrator_mcp.storage.compaction import compact_folder
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import LineFile
from orchestrator_mcp.storage.workspace import Workspace

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what syncs cost is not the question here
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
REQUESTS = st.sampled_from(["r1", "r2", "r3"])
SESSIONS = st.sampled_from(["one", "two"])
TAILS = st.one_of(
    st.sampled_from([b"{", b'{"id":"x', b"\0\0\0", b"\xc3", b"   ", b'{"id":"a"}{"id":"b"}', b"null", b'["x"]']),
    st.binary(min_size=1, max_size=30).filter(lambda data: b"\n" not in data and not data.strip().startswith(b"{")),
)


class Session:
    """What a session should hold: records in the order of their first appearance, and the requests answered."""

    def __init__(self) -> None:
        self.records: dict[str, Failure] = {}
        self.requests: dict[str, Failure] = {}


class Store(RuleBasedStateMachine):
    """Two workspaces, each in a session of its own, over one store."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="store-model-", dir=MEMORY))
        self.model = {name: Session() for name in ("one", "two")}
        self.archived: dict[str, Session] = {}
        self.workspaces = {name: self.open(name) for name in self.model}

    def open(self, name: str) -> Workspace:
        return open_workspace(self.root, session=name, own_session=True)

    def path(self, name: str) -> Path:
        return self.root / ".orchestrator/sessions" / name / "failures.jsonl"

    @rule(name=SESSIONS, text=TEXTS)
    def append(self, name: str, text: str) -> None:
        said = failure(text)
        assert self.workspaces[name].stream(Failure).append(said) == said
        self.model[name].records[said.id] = said

    @rule(name=SESSIONS, text=TEXTS, request=REQUESTS)
    def append_once(self, name: str, text: str, request: str) -> None:
        model, said = self.model[name], failure(text, request_id=request)
        earlier = model.requests.get(request)
        try:
            stored = self.workspaces[name].stream(Failure).append(said)
        except StateConflictError:
            assert earlier is not None
            assert earlier.context != text
            return
        assert stored == (earlier or said)
        if earlier is None:
            model.requests[request] = model.records[said.id] = said

    @rule(name=SESSIONS, request=REQUESTS)
    def retry(self, name: str, request: str) -> None:
        earlier = self.model[name].requests.get(request)
        if earlier is not None:
            again = failure(earlier.context, request_id=request)
            assert self.workspaces[name].stream(Failure).append(again) == earlier

    @rule(name=SESSIONS, other=SESSIONS, data=st.data(), text=TEXTS)
    def put(self, name: str, other: str, data: st.DataObject, text: str) -> None:
        """Either workspace may change a record of either session."""
        records = self.model[name].records
        chosen = data.draw(st.sampled_from([*records, "new"]))
        key = new_id() if chosen == "new" else chosen

        def change(old: Failure | None) -> Failure:
            assert old == records.get(key)
            return failure(text, id=key) if old is None else old.model_copy(update={"files": [*old.files, text]})

        self.workspaces[name].session_id()
        stored = self.workspaces[other].stream(Failure, name).put(key, change)
        assert stored.rev == (records[key].rev + 1 if key in records else 1)
        records[key] = stored

    @rule(name=SESSIONS, tail=TAILS)
    def tear(self, name: str, tail: bytes) -> None:
        """A writer that was killed leaves a torn tail, unless one is there already."""
        path = self.path(name)
        if path.exists() and path.read_bytes()[-1:] in {b"", b"\n"}:
            with path.open("ab") as file:
                file.write(tail)

    @rule(name=SESSIONS)
    def lose_a_newline(self, name: str) -> None:
        """The last record lacks its newline alone: it is a record again after the next write."""
        path = self.path(name)
        if path.exists() and path.read_bytes()[-2:] == b"}\n":
            os.truncate(path, path.stat().st_size - 1)
            key = new_id()
            self.model[name].records[key] = self.workspaces[name].stream(Failure).append(failure("after", id=key))

    @rule(name=SESSIONS)
    def reopen(self, name: str) -> None:
        self.workspaces[name].close()
        self.workspaces[name] = self.open(name)

    @precondition(lambda self: (self.root / ".orchestrator/sessions").exists())
    @rule(name=SESSIONS)
    def remove_session(self, name: str) -> None:
        shutil.rmtree(self.root / ".orchestrator/sessions" / name, ignore_errors=True)
        self.model[name] = Session()

    @precondition(lambda self: (self.root / ".orchestrator/sessions").exists())
    @rule(name=SESSIONS)
    def clean(self, name: str) -> None:
        """Somebody moves a session to the archive, whoever holds it open; its records stay."""
        paths = self.workspaces[name].paths
        if not self.workspaces[name].sessions.exists(name):
            return
        lock = self.workspaces[name].locks.of(paths.orchestrator_dir)
        assert put_away(paths, lock, [name], lambda _: None) == [(name, None)]
        places = set(os.listdir(paths.archive_dir())) - self.archived.keys()
        assert len(places) == 1
        self.archived[places.pop()], self.model[name] = self.model[name], Session()

    @precondition(lambda self: self.is_compactable())
    @rule(name=SESSIONS)
    def compact(self, name: str) -> None:
        """Superseded versions go; what is read stays. A request that was superseded would be forgotten."""
        paths, later = self.workspaces[name].paths, NOW + timedelta(days=2)
        for _, folder in self.workspaces[name].session_folders():
            with self.workspaces[name].locks.of(paths.orchestrator_dir).held():
                assert compact_folder(folder, {"failures.jsonl": Failure}, later, dry_run=False)[1] == []

    def is_compactable(self) -> bool:
        return all(model.records[one.id].rev == 1 for model in self.model.values() for one in model.requests.values())

    @rule(name=SESSIONS)
    def remove_cache(self, name: str) -> None:
        for workspace in self.workspaces.values():
            workspace.close()
        shutil.rmtree(self.root / ".orchestrator/cache", ignore_errors=True)

    @rule(name=SESSIONS)
    def count(self, name: str) -> None:
        with self.workspaces[name].index().open() as db:
            rows = db.execute(
                "SELECT record, n FROM (SELECT record, COUNT(*) n FROM entries GROUP BY record)"
            ).fetchall()
        every = (*self.model.values(), *self.archived.values())
        assert dict(rows) == {key: 1 for session in every for key in session.records}

    @invariant()
    def all_read_what_was_written(self) -> None:
        for name, session in self.model.items():
            for workspace in self.workspaces.values():
                if workspace.sessions.exists(name):
                    assert workspace.read(Failure, name).records == list(session.records.values())
                else:
                    assert not session.records
        every = [self.model[name] for name in sorted(self.model)] + [
            self.archived[name] for name in sorted(self.archived)
        ]
        everything = [one for session in every for one in session.records.values()]
        assert self.workspaces["one"].read(Failure).records == everything

    def teardown(self) -> None:
        for name, workspace in self.workspaces.items():
            workspace.close()
            workspace.session_id()
            workspace.stream(Failure).append(failure("the last"))
            objects(self.path(name))  # the tail is healed: each line is an object
        shutil.rmtree(self.root)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few appends rotate the file."""
    monkeypatch.setattr(LineFile, "rotate_at", 700)


def _run(**wanted: Any) -> None:
    options = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None, **wanted)
    run_state_machine_as_test(Store, settings=options)


def test_a_store_holds_what_a_plain_model_holds() -> None:
    _run(max_examples=200, stateful_step_count=15)


@pytest.mark.campaign
def test_a_store_holds_what_a_plain_model_holds_for_long() -> None:
    _run(max_examples=20_000, stateful_step_count=40)
