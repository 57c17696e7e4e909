"""Streams: once per request, no update lost, unknown fields kept, the newest by file order."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from racers import race
from stores import NOW, failure, failures, objects

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError, StorageError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.storage.files import replace_file
from orchestrator_mcp.storage.flusher import Flusher
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.streams import Stream


def by_hand(folder: Path, *values: dict[str, Any] | bytes) -> None:
    """Append lines as another program would, without the lock."""
    with (folder / "failures.jsonl").open("ab") as file:
        for value in values:
            file.write(value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n")


def line(id: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": "2026-11-21T12:00:00Z", "context": "c", "feedback": "f"} | fields


def invocations(folder: Path) -> Stream[Invocation]:
    lock = FolderLock(folder / "lock")
    return Stream(Invocation, folder / "runs.jsonl", lock, lambda value: value, Flusher(), durable=False)


def run(features: dict[str, Any]) -> Invocation:
    return Invocation(
        id="a", invocation_id="a", timestamp=NOW, agent_name="x", task_description="t", state_features=features
    )


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_appended_is_read_back_equal(tmp_path: Path, durable: bool) -> None:
    stream = failures(tmp_path, durable=durable)
    said = [failure(f"text {number}\u2028\n\0é😀", files=["a", "b"]) for number in range(5)]
    assert [stream.append(one) for one in said] == said
    assert failures(tmp_path).read().records == said


def test_the_same_request_is_stored_once_and_answered_with_the_first_record(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    first = stream.append(failure("text", request_id="r"))
    for again in (stream, failures(tmp_path)):
        assert again.append(failure("text", request_id="r", session_id="other")) == first
    assert len(objects(stream.path)) == 1


def test_of_many_processes_with_one_request_one_stores_it(tmp_path: Path) -> None:
    ids = race("once", 8, tmp_path, "r")
    assert len(set(ids)) == 1
    assert [one["id"] for one in objects(tmp_path / "failures.jsonl")] == ids[:1]


def test_of_many_processes_that_use_one_request_id_for_different_things_one_wins(tmp_path: Path) -> None:
    answers = race("conflicting", 8, tmp_path, "r")
    assert answers.count("StateConflictError") == 7
    assert len(objects(tmp_path / "failures.jsonl")) == 1


def test_a_request_id_used_for_something_else_is_a_conflict_and_stores_nothing(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    first = stream.append(failure("one", request_id="r"))
    with pytest.raises(StateConflictError, match=first.id):
        failures(tmp_path).append(failure("two", request_id="r"))
    assert stream.append(failure("one", request_id="r")) == first
    assert len(objects(stream.path)) == 1


def test_a_request_is_known_again_when_its_line_lacks_only_its_newline(tmp_path: Path) -> None:
    first = failures(tmp_path).append(failure("text", request_id="r"))
    path = tmp_path / "failures.jsonl"
    os.truncate(path, path.stat().st_size - 1)
    assert failures(tmp_path).append(failure("text", request_id="r")) == first
    assert len(objects(path)) == 1


def test_a_request_whose_line_was_torn_is_stored_anew(tmp_path: Path) -> None:
    failures(tmp_path).append(failure("text", request_id="r"))
    path = tmp_path / "failures.jsonl"
    os.truncate(path, path.stat().st_size - 5)
    again = failures(tmp_path).append(failure("text", request_id="r"))
    assert [one["id"] for one in objects(path)] == [again.id]


def test_a_request_is_answered_with_its_first_revision_after_it_was_changed(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    first = stream.append(failure("text", request_id="r"))
    stream.supersede(first.id, lambda old: old.model_copy(update={"category": "Other"}))
    assert stream.append(failure("text", request_id="r")) == first


def test_no_update_of_eight_processes_is_lost(tmp_path: Path) -> None:
    one = failures(tmp_path).append(failure())
    revs = race("update", 8, tmp_path, one.id, 50)
    assert sorted(rev for revs_of_one in revs for rev in revs_of_one) == list(range(2, 402))
    (kept,) = failures(tmp_path).read().records
    assert kept.rev == 401
    assert sorted(kept.files) == sorted(str(number) for number in range(8) for _ in range(50))
    assert [value["rev"] for value in objects(tmp_path / "failures.jsonl")] == list(range(1, 402))


def test_of_many_processes_that_put_one_record_one_makes_it_and_the_others_change_it(tmp_path: Path) -> None:
    assert sorted(race("put", 8, tmp_path, new_id())) == list(range(1, 9))
    (kept,) = failures(tmp_path).read().records
    assert sorted(kept.files) == [str(number) for number in range(8)]


def test_threads_of_one_process_lose_no_update_either(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    one = stream.append(failure())

    def change() -> None:
        for _ in range(25):
            stream.supersede(one.id, lambda old: old.model_copy(update={"files": [*old.files, "x"]}))

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = stream.read().records
    assert (kept.rev, len(kept.files)) == (101, 100)


def test_a_change_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    one = stream.append(failure())
    assert stream.supersede(one.id, lambda old: old) == one
    assert len(objects(stream.path)) == 1


def test_what_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        failures(tmp_path).supersede("nobody", lambda old: old)
    assert not (tmp_path / "failures.jsonl").exists()


def test_a_change_that_fails_writes_nothing_and_frees_the_lock(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    one = stream.append(failure())
    with pytest.raises(ZeroDivisionError):
        stream.supersede(one.id, lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    failures(tmp_path).append(failure())
    assert len(objects(stream.path)) == 2


def test_fields_of_a_newer_version_survive_a_change(tmp_path: Path) -> None:
    by_hand(tmp_path, line("a", colour="blue", nested={"x": [1, None, {"y": "é"}]}))
    failures(tmp_path).supersede("a", lambda old: old.model_copy(update={"category": "Other"}))
    newest = objects(tmp_path / "failures.jsonl")[-1]
    assert newest["colour"] == "blue"
    assert newest["nested"]["x"][2] == {"y": "é"}
    assert (newest["rev"], newest["category"]) == (2, "Other")


def test_the_newest_is_the_last_in_the_file_whatever_its_revision_and_time(tmp_path: Path) -> None:
    by_hand(tmp_path, line("a", rev=7, context="old"), line("b"), line("a", rev=2, context="new"))
    read = failures(tmp_path).read()
    assert [(one.id, one.context) for one in read.records] == [("a", "new"), ("b", "c")]
    assert failures(tmp_path).supersede("a", lambda old: old.model_copy(update={"files": ["x"]})).rev == 3


def test_what_others_append_is_taken_in_before_a_change(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    stream.append(failure(id="a"))
    other = failure("c", id="b", request_id="r")
    by_hand(tmp_path, line("a", rev=2, context="by hand"), other.model_dump(mode="json", exclude_none=True))
    assert stream.supersede("a", lambda old: old.model_copy(update={"files": ["x"]})).context == "by hand"
    assert stream.append(failure("c", request_id="r")).id == "b"


@pytest.mark.parametrize("how", ["replaced", "cut", "removed"])
def test_a_file_that_became_another_is_read_again_from_its_start(tmp_path: Path, how: str) -> None:
    stream = failures(tmp_path)
    path = stream.path
    stream.append(failure(id="a", request_id="r"))
    stream.supersede("a", lambda old: old.model_copy(update={"files": ["x"]}))
    if how == "cut":
        os.truncate(path, 0)
    else:
        path.unlink()
    if how != "removed":
        by_hand(tmp_path, line("a", rev=9, context="another"))
    new = stream.put("a", lambda old: old.model_copy(update={"files": ["y"]}) if old else failure(id="a"))
    assert new.rev == (1 if how == "removed" else 10)
    assert stream.append(failure(id="b", request_id="r")).id == "b", "the request went with its file"


@pytest.mark.torn
def test_bad_lines_are_counted_and_stop_nobody(tmp_path: Path) -> None:
    by_hand(tmp_path, line("a"), b"nonsense\n", b"[1]\n", {"id": 7}, b"\xff\n", line("b"), b"\n", b"   \r\n")
    read = failures(tmp_path).read()
    assert ([one.id for one in read.records], read.bad_lines) == (["a", "b"], 4)
    failures(tmp_path).append(failure(request_id="r"))
    assert len(failures(tmp_path).read().records) == 3


def test_a_record_spoilt_by_hand_is_named_and_not_overwritten(tmp_path: Path) -> None:
    by_hand(tmp_path, {"id": "a", "timestamp": "never"})
    with pytest.raises(StorageError, match="Record a"):
        failures(tmp_path).supersede("a", lambda old: old)
    assert len(objects(tmp_path / "failures.jsonl")) == 1


@pytest.mark.parametrize("field", ["\\ud800", "\\udfff\\ud800"])
def test_lone_surrogates_by_hand_are_read_as_question_marks(tmp_path: Path, field: str) -> None:
    text = json.dumps(line("a", context="CONTEXT")).replace("CONTEXT", field)
    by_hand(tmp_path, text.encode() + b"\n")
    assert set(failures(tmp_path).read().records[0].context) == {"?"}
    failures(tmp_path).supersede("a", lambda old: old.model_copy(update={"files": ["x"]}))
    assert failures(tmp_path).read().records[0].files == ["x"]


def test_a_record_too_large_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="Shorten"):
        failures(tmp_path).append(failure("x" * 300_000))
    assert not (tmp_path / "failures.jsonl").exists()


@pytest.mark.parametrize("depth", [100, 250, 300, 900, 5_000])
def test_fields_nested_deep_are_stored_or_refused(tmp_path: Path, depth: int) -> None:
    features: dict[str, Any] = {}
    for _ in range(depth):
        features = {"a": features}
    stream = invocations(tmp_path)
    try:
        stream.append(run(features))
    except InvalidInputError:
        assert not stream.path.exists() or not objects(stream.path)
    else:
        assert stream.read().records[0].state_features == features


def test_fields_that_json_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        invocations(tmp_path).append(run({"x": object()}))
    assert invocations(tmp_path).append(run({"x": float("nan")})).state_features == {"x": None}


def test_two_models_are_one_file_each(tmp_path: Path) -> None:
    failures(tmp_path).append(failure())
    invocations(tmp_path).append(run({}))
    assert isinstance(failures(tmp_path).read().records[0], Failure)
    assert len(invocations(tmp_path).read().records) == 1


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_flush_is_silent_even_when_the_folder_was_removed_since(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_removed: bool
) -> None:
    flusher = Flusher()
    (tmp_path / "session").mkdir()
    failures(tmp_path / "session", flusher=flusher).append(failure())
    if is_removed:
        shutil.rmtree(tmp_path / "session")
    flusher.flush()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("request_id", "context"), [(None, "changed"), ("r", "made")])
def test_a_file_replaced_while_a_record_is_looked_for_hides_nothing(
    tmp_path: Path, request_id: str | None, context: str
) -> None:
    """As compaction does it, at the worst moment: after the stream was looked at, before the record is read."""
    stream = failures(tmp_path)
    others = [stream.append(failure(f"number {number}")) for number in range(20)]
    made = stream.append(failure("made", request_id="r"))
    for one in others:
        stream.supersede(one.id, lambda old: old.model_copy(update={"context": "shorter"}))
    look = stream._seen.grow

    def looked_and_replaced() -> None:
        look()
        stream._seen.grow = look  # type: ignore[method-assign]
        with FolderLock(tmp_path / "lock").held():
            lines = {value["id"]: value for value in objects(stream.path)}
            replace_file(stream.path, b"".join(map(encode_line, lines.values())), 0o600)

    stream._seen.grow = looked_and_replaced  # type: ignore[method-assign]
    said = stream.supersede(made.id, lambda old: old.model_copy(update={"context": "changed"}), request_id=request_id)
    assert (said.id, said.context) == (made.id, context)


def test_a_record_is_changed_while_another_process_compacts_without_end(tmp_path: Path) -> None:
    stream = failures(tmp_path)
    script = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.compaction import compact_folder
print("ready", flush=True)
while True:
    compact_folder(Path(sys.argv[1]), {"failures.jsonl": Failure}, datetime(2030, 1, 1, tzinfo=UTC), dry_run=False)
"""
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as compacting:
        try:
            assert compacting.stdout is not None
            assert compacting.stdout.readline() == b"ready\n"
            for number in range(150):
                made = stream.append(failure(f"number {number}"))
                for text in ("changed", "again"):
                    stream.supersede(made.id, lambda old, text=text: old.model_copy(update={"context": text}))
        finally:
            compacting.kill()
    assert [one.context for one in stream.read().records] == ["again"] * 150
