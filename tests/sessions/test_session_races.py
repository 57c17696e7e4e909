"""Real processes write while others clean up, compact and rotate; and some of these are killed."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import failure, open_workspace

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.lines import LineFile, encode_line, parse_object, read_lines
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.parts import rotated

HERE = Path(__file__).parent
Figure = Callable[[str], None]


def test_nothing_is_lost_or_doubled_while_sessions_are_cleaned_compacted_and_rotated(
    tmp_path: Path, figure: Figure
) -> None:
    writers, each = 8, 150
    command = [sys.executable, str(HERE / "crowd.py"), str(tmp_path), str(writers), str(each)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    told = [text for texts in json.loads(done.stdout) for text in texts]
    workspace = open_workspace(tmp_path)
    found = Counter(one.context for one in workspace.read(Failure).records)
    assert found == Counter(told)
    assert len(told) == writers * each
    with workspace.index().open() as db:
        assert db.execute("SELECT COUNT(DISTINCT record), COUNT(*) FROM entries").fetchone() == (len(told), len(told))
    moved = len(list((tmp_path / ".orchestrator/archive").iterdir()))
    assert moved > writers, "sessions were to be moved while they were written"
    figure(f"{writers} writers, sessions cleaned {moved} times meanwhile: {len(told)} records, 0 lost, 0 doubled")


def test_a_cleaner_killed_before_any_of_its_calls_leaves_all_there_once(tmp_path: Path, figure: Figure) -> None:
    command = [sys.executable, str(HERE / "kill_cleaner.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["wrong"] == []
    assert summary["kills"] > 40
    figure(f"session clean and compact: {summary['kills']} real kills, one before each call: 0 inconsistent")


WRITER = """
import sys
from pathlib import Path
from orchestrator_mcp.storage.lines import LineFile, encode_line
from orchestrator_mcp.storage.locks import FolderLock
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
LineFile.rotate_at = 500_000
file = LineFile(folder / "log.jsonl", FolderLock(folder / "lock", deadline=60))
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    file.append(encode_line({"id": f"{name}{number}", "writer": name, "number": number, "pad": "x" * 60}))
"""


def test_a_stream_of_100000_entries_is_rotated_while_two_processes_write_it(tmp_path: Path, figure: Figure) -> None:
    each = 50_000
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name, str(each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    looks = 0
    while any(writer.poll() is None for writer in writers):
        assert_in_order(tmp_path)
        looks += 1
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert assert_in_order(tmp_path) == {"a": each, "b": each}
    parts = len(rotated(tmp_path / "log.jsonl"))
    assert parts >= 10
    figure(f"rotation: 2 processes, {2 * each} lines, {parts} rotations, read {looks} times meanwhile: 0 lost")


def assert_in_order(folder: Path) -> dict[str, int]:
    """What a reader finds at any moment: of each writer all lines up to some point, each once, in order."""
    seen: dict[str, int] = {}
    for line in read_lines(folder / "log.jsonl"):
        value = parse_object(line.data)
        assert value is not None
        assert value["number"] == seen.get(value["writer"], 0), "a line is missing, doubled or in another's place"
        seen[value["writer"]] = value["number"] + 1
    return seen


def test_a_record_in_a_rotated_part_is_still_changed_found_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LineFile, "rotate_at", 1_000)
    workspace = open_workspace(tmp_path, session="s")
    stream = workspace.stream(Failure)
    first = stream.append(failure("the first", request_id="r-1"))
    for number in range(20):
        stream.append(failure(f"number {number}"))
    assert len(rotated(stream.path)) > 3
    assert stream.append(failure("the first", request_id="r-1")).id == first.id, "the request is remembered"
    changed = stream.supersede(first.id, lambda old: old.model_copy(update={"context": "changed"}))
    assert changed.rev == 2
    for again in (workspace, open_workspace(tmp_path, session="s")):
        records = again.read(Failure).records
        assert [one.context for one in records] == ["changed", *(f"number {number}" for number in range(20))]
        with again.index().open() as db:
            assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (21,)
            assert db.execute("SELECT COUNT(*) FROM entries WHERE record = ?", (first.id,)).fetchone() == (1,)
        assert again.sessions.count_entries("s") == 22


def test_the_cache_goes_on_where_it_was_after_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFile, "rotate_at", 1_000)
    workspace = open_workspace(tmp_path, session="s")
    for number in range(30):
        workspace.stream(Failure).append(failure(f"number {number}"))
        with workspace.index().open() as db:
            rows = db.execute("SELECT id, offset FROM entries ORDER BY id").fetchall()
        assert [row[0] for row in rows] == list(range(1, number + 2)), "nothing was taken in anew"
        lines = [line.offset for line in read_lines(workspace.stream(Failure).path)]
        assert [row[1] for row in rows] == lines


def test_a_rotated_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside/1"
    outside.mkdir(parents=True)
    (outside / "log.jsonl").write_bytes(encode_line({"id": "theirs"}))
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "rotated").symlink_to(tmp_path / "outside")
    file = LineFile(folder / "log.jsonl", FolderLock(folder / "lock"))
    file.append(encode_line({"id": "ours"}))
    assert [parse_object(line.data) for line in read_lines(file.path)] == [{"id": "ours"}]


@pytest.mark.parametrize("name", ["01", "x", "-1", "1.5", "١", "9" * 30])
def test_an_odd_name_among_the_parts_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "rotated" / name).mkdir(parents=True)
    (tmp_path / "rotated" / name / "log.jsonl").write_bytes(encode_line({"id": "odd"}))
    file = LineFile(tmp_path / "log.jsonl", FolderLock(tmp_path / "lock"))
    file.append(encode_line({"id": "ours"}))
    assert [parse_object(line.data) for line in read_lines(file.path)] == [{"id": "ours"}]


@pytest.mark.parametrize("planted", ["", "/other.jsonl", "/log.jsonl"], ids=["empty", "another's", "its own"])
def test_a_huge_number_among_the_parts_loses_nothing(tmp_path: Path, planted: str) -> None:
    """After a part of its own with the last number a file can only grow; any other planted thing is in nobody's way."""
    folder = tmp_path / "rotated/999999999"
    folder.mkdir(parents=True)
    if planted:
        (tmp_path / f"rotated/999999999{planted}").write_bytes(encode_line({"id": "planted"}))
    (tmp_path / "rotated/2").write_text("no folder")
    (tmp_path / "rotated/3").symlink_to(tmp_path)
    file = LineFile(tmp_path / "log.jsonl", FolderLock(tmp_path / "lock"))
    file.rotate_at = 100
    ids = [f"number {number}" for number in range(30)]
    for one in ids:
        file.append(encode_line({"id": one}))
    own = planted == "/log.jsonl"
    assert [(parse_object(line.data) or {}).get("id") for line in read_lines(file.path)] == ["planted"] * own + ids
    assert len(rotated(file.path)) > (0 if own else 3)
    assert file.path.stat().st_size > 100 if own else file.path.stat().st_size <= 100
    assert (tmp_path / "rotated/2").read_text() == "no folder"
