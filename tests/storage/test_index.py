"""The cache: whatever happens to it, the answers are those of the lines themselves."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from racers import race
from stores import digest

from orchestrator_mcp.analysis.digests import digest as real_digest
from orchestrator_mcp.errors import StorageError, UnsafePathError
from orchestrator_mcp.records.digest import Digest
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import newest_lines
from orchestrator_mcp.storage.index import DATABASE, Index
from orchestrator_mcp.storage.intake import Digester, Source
from orchestrator_mcp.storage.locks import FolderLock

Answer = dict[str, Any]


class World:
    """Files of three streams in two sessions, and caches over them."""

    def __init__(self, folder: Path, digester: Digester = digest) -> None:
        self.folder = folder
        self.digester = digester
        self.cache = folder / "cache" / DATABASE
        self.sources = [
            Source(folder / f"{session}-{stream}.lines", stream, session)
            for session in ("s1", "s2")
            for stream in ("failures", "log", "process_feedback")
        ]
        self.opened: list[Index] = []

    def write(self, number: int, *lines: Any) -> None:
        """Append lines to one file, as JSON unless they are bytes."""
        with self.sources[number].path.open("ab") as file:
            file.writelines(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)

    def index(self, *, in_memory: bool = False, version: str = "1") -> Index:
        lock = FolderLock(self.folder / "lock", deadline=5)
        self.opened.append(Index(None if in_memory else self.cache, version, self.digester, lock))
        return self.opened[-1]

    def ask(self, index: Index) -> Answer:
        """Everything that the cache is asked for, by key and not by row."""
        index.refresh(self.sources, whole=True)
        return answers(index)

    def close(self) -> None:
        for index in self.opened:
            index.close()
        self.opened.clear()


_ENTRIES = """SELECT space, keys.key, kind, template, path, record, entries.offset, ts, s.name, w.name, a.name, c.name,
 severity, hit, wording, retry FROM entries JOIN keys ON keys.id = entries.key JOIN files ON files.id = entries.file
 LEFT JOIN names s ON s.id = entries.session LEFT JOIN names w ON w.id = workflow LEFT JOIN names a ON a.id = agent
 LEFT JOIN names c ON c.id = category ORDER BY path, entries.offset, space"""
_TALLIES = """SELECT space, keys.key, name, n, retries, first, last FROM tallies JOIN keys ON keys.id = tallies.key
 JOIN names ON names.id = session ORDER BY space, keys.key, name"""


def answers(index: Index) -> Answer:
    """All that is known, by names and not by row numbers; keys that have no entry any more do not count."""
    with index.open() as db:
        totals = queries.totals(db, (None, None))
        return {
            "totals": totals,
            "entries": db.execute(_ENTRIES).fetchall(),
            "tallies": db.execute(_TALLIES).fetchall(),
        }


def count(found: Answer, key: str) -> tuple[int, int]:
    """How often one key was seen, and how many of these were retries."""
    rows = [row for row in found["entries"] if row[1] == key]
    tallied = [(row[3], row[4]) for row in found["tallies"] if row[1] == key]
    assert (len(rows), sum(row[15] for row in rows)) == (
        sum(n for n, _ in tallied),
        sum(retries for _, retries in tallied),
    )
    return len(rows), sum(row[15] for row in rows)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    world = World(tmp_path)
    yield world
    world.close()


def entry(id: str, context: str = "it failed", second: float = 0, **fields: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": f"2026-11-21T12:00:{second:09.6f}Z", "context": context} | fields


def fill(world: World) -> None:
    for number, source in enumerate(world.sources):
        for line in range(20):
            world.write(number, entry(f"{source.session}{line}", f"kind {line % 4}", line * 2.5))


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _rewrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 500)


def _sql(statement: str) -> Callable[[Path], None]:
    def execute(path: Path) -> None:
        db = sqlite3.connect(path)
        db.executescript(statement)
        db.commit()
        db.close()

    return execute


def _overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:-100] = b"\xa5" * (len(data) - 200)
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "removed": Path.unlink,
    "emptied": lambda path: os.truncate(path, 0),
    "truncated": _truncate,
    "garbage": _rewrite,
    "overwritten inside": _overwrite,
    "another version": _sql("UPDATE about SET version = '0'"),
    "two versions": _sql("INSERT INTO about VALUES ('0')"),
    "no version": _sql("DELETE FROM about"),
    "a foreign trigger": _sql("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END"),
    "a foreign view": _sql("ALTER TABLE keys RENAME TO k; CREATE VIEW keys AS SELECT * FROM k"),
    "a foreign table": _sql("CREATE TABLE other (x)"),
    "a missing index": _sql("DROP INDEX entries_key"),
    "another database": _sql("DROP TABLE entries; CREATE TABLE entries (x)"),
}


def ask_again(world: World, index: Index) -> Answer:
    """As whoever reads "try again" does."""
    with contextlib.suppress(StorageError):
        return world.ask(index)
    return world.ask(index)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_gives_the_same_answers_as_none(world: World, damage: str) -> None:
    fill(world)
    expected = world.ask(world.index(in_memory=True))
    assert world.ask(world.index()) == expected
    world.close()
    DAMAGE[damage](world.cache)
    assert ask_again(world, world.index()) == expected
    world.write(0, entry("new", "kind 0"))
    assert world.ask(world.index()) == world.ask(world.index(in_memory=True))


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "folder", "pipe"])
def test_a_cache_that_is_no_plain_file_is_refused_and_not_written_through(world: World, kind: str) -> None:
    fill(world)
    world.cache.parent.mkdir()
    target = world.folder / "target"
    if kind == "folder":
        world.cache.mkdir()
    elif kind == "pipe":
        os.mkfifo(world.cache)
    else:
        if kind != "dangling link":
            target.write_bytes(b"precious")
        (world.cache.hardlink_to if kind == "hard link" else world.cache.symlink_to)(target)
    with pytest.raises(UnsafePathError, match="cache"):
        world.index().refresh(world.sources)
    assert not target.exists() or target.read_bytes() == b"precious"


def test_a_cache_folder_that_is_a_file_or_a_link_is_no_reason_not_to_answer_or_is_refused(world: World) -> None:
    fill(world)
    expected = world.ask(world.index(in_memory=True))
    world.cache.parent.write_bytes(b"")
    assert world.ask(world.index()) == expected
    world.cache.parent.unlink()
    (world.folder / "outside").mkdir()
    world.cache.parent.symlink_to(world.folder / "outside")
    with pytest.raises(UnsafePathError):
        world.index().refresh(world.sources)
    assert os.listdir(world.folder / "outside") == []


def test_growing_step_by_step_gives_the_same_answers_as_building_at_once(world: World) -> None:
    grown = world.index()
    for step in range(12):
        number = step % 6
        world.write(number, entry(f"{step}", f"kind {step % 3}", step), b"no json\n" if step % 4 == 0 else b"\n")
        if step % 5 == 4:
            world.write(0, entry("0", "kind 9", step, rev=step))
        world.write(number, b'{"id":"torn')
        assert world.ask(grown) == world.ask(world.index(in_memory=True))
        world.write(number, b'","context":"kind 1","timestamp":"2026-11-21T12:00:40Z"}\n')
        assert world.ask(grown) == world.ask(world.index(in_memory=True))
    world.close()
    assert world.ask(world.index()) == world.ask(world.index(in_memory=True))


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(json.dumps(entry("z", "kind z")).encode() + b"\n")
    os.replace(other, path)


def _replace_by_longer(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes() * 3)
    os.replace(other, path)


def _begin_differently(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b'{"id":"more"}\n' + data.replace(b"kind 0", b"kind 7"))


CHANGES: dict[str, Callable[[Path], None]] = {
    "replaced": _replace,
    "replaced by a longer one": _replace_by_longer,
    "written anew in place": _begin_differently,
    "removed": Path.unlink,
    "emptied": lambda path: os.truncate(path, 0),
    "cut in a line": _truncate,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_changed_is_read_anew(world: World, change: str) -> None:
    fill(world)
    index = world.index()
    world.ask(index)
    CHANGES[change](world.sources[0].path)
    assert world.ask(index) == world.ask(world.index(in_memory=True))
    world.write(0, b"\n", entry("later", "kind 0", 59))
    assert world.ask(index) == world.ask(world.index(in_memory=True))


def test_sources_that_are_left_out_are_dropped_only_when_the_rest_is_all(world: World) -> None:
    fill(world)
    index = world.index()
    whole = world.ask(index)
    index.refresh(world.sources[:1])
    assert answers(index) == whole
    index.refresh(world.sources[1:], whole=True)
    world.sources = world.sources[1:]
    assert answers(index) == world.ask(world.index(in_memory=True))


def test_a_superseded_record_counts_once_in_its_newest_form(world: World) -> None:
    world.write(
        0, entry("a", "old"), entry("b", "old", 9), entry("a", "new", 20, rev=2), entry("a", "newer", 30, rev=3)
    )
    found = world.ask(world.index())
    assert [(row[1], row[5]) for row in found["entries"]] == [("old", "b"), ("newer", "a")]
    assert (count(found, "old"), count(found, "new"), count(found, "newer")) == ((1, 0), (0, 0), (1, 0))


@pytest.mark.parametrize(
    ("lines", "n", "retries"),
    [
        ([entry("a"), entry("b", second=1.9)], 1, 1),
        ([entry("a"), entry("b", second=2)], 1, 1),
        ([entry("a"), entry("b", second=2.000001)], 2, 0),
        ([entry("a"), entry("b", "other", 1)], 1, 0),
        ([entry("a"), entry("b", second=1.5), entry("c", second=3)], 1, 2),
        ([entry("a"), entry("b", second=1, timestamp=None)], 2, 0),
    ],
)
def test_the_same_text_again_at_once_is_one_call_made_twice(
    world: World, lines: list[dict[str, Any]], n: int, retries: int
) -> None:
    world.write(0, *lines)
    assert count(world.ask(world.index()), "it failed") == (n + retries, retries)


def test_the_same_text_at_once_in_another_session_is_another_entry(world: World) -> None:
    world.write(0, entry("a"))
    world.write(3, entry("b"))
    found = world.ask(world.index())
    assert count(found, "it failed") == (2, 0)
    assert [row[2] for row in found["tallies"]] == ["s1", "s2"]


def test_undated_and_bad_lines_are_counted(world: World) -> None:
    world.write(0, entry("a", timestamp="never"), {"context": "no time"}, b"no json\n", b"[1]\n", b"\xff\xfe\n", b"\n")
    totals = world.ask(world.index())["totals"]
    assert (totals.entries, totals.undated, totals.bad_lines) == (2, 2, 3)


WRONG: list[Any] = [
    None, True, -1, 0, 1.5, 10**400, -(2**63) - 1, 1e308, "", " ", "\ud800", "\0", "x" * 70_000, [], [[]], {}, {"a": []},
    "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "2026-11-21", "20261121T12",
]  # fmt: skip
FIELDS = [
    "id", "rev", "timestamp", "context", "error", "category", "severity", "workflow_id", "agent_name", "session_id",
    "request_id", "is_test", "message", "details", "item_id", "challenges", "learnings", "outcome", "event_type", "type", "files",
]  # fmt: skip
RAW = [
    b'{"id":"\xed\xa0\x80","context":"\xed\xa0\x80"}', b'{"context":"\\ud800","id":"\\udfff"}', b'{"context":NaN}',
    b'{"context":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b'{"rev":' + b"9" * 5000 + b"}", b"\0" * 50, b"\xff" * 50,
    b'\xef\xbb\xbf{"context":"mark"}', b'{"id":"a","id":"b","context":"twice"}', '{"id":"x"}'.encode("utf-16"), b"{}",
]  # fmt: skip


@pytest.mark.parametrize("digester", [digest, real_digest], ids=["simple", "real"])
@pytest.mark.parametrize("base", [entry("x"), {"event_type": "error", "message": "m"}, {"event_type": "item_skipped"}])
def test_no_poisoned_line_stops_the_others(tmp_path: Path, digester: Digester, base: dict[str, Any]) -> None:
    world = World(tmp_path, digester)
    poison = [base | {field: value} for field in FIELDS for value in WRONG]
    for number in range(6):
        world.write(number, entry("first", "before", challenges="c", event_type="error", message="m"))
        world.write(number, *poison, *[line + b"\n" for line in RAW])
        world.write(number, entry("last", "after", 30))
    built = world.ask(world.index())
    assert built == world.ask(world.index(in_memory=True))
    assert sum(row[5] == "last" for row in built["entries"]) >= 2
    world.close()


def test_an_odd_name_of_a_folder_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff\xfe 'quoted\" \n; --")
    folder.mkdir()
    world = World(folder)
    fill(world)
    found = world.ask(world.index())
    assert found["totals"].entries == 40
    with world.index().open() as db:
        keys = [row[0] for row in db.execute("SELECT id FROM keys")]
        assert len(newest_lines(db, keys, (None, None), 3)) == 3
    assert found == world.ask(world.index(in_memory=True))
    world.close()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "link in a circle", "hard link", "folder that is a circle"])
def test_a_strange_file_among_the_sources_is_left_out_and_named(world: World, kind: str) -> None:
    fill(world)
    path = world.folder / "strange"
    if kind == "link":
        path.symlink_to(world.sources[0].path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "hard link":
        (world.folder / "target").write_bytes(b"{}\n")
        path.hardlink_to(world.folder / "target")
    else:
        path.symlink_to(path)
        path = path / "inside" if kind == "folder that is a circle" else path
    index = world.index()
    problems = index.refresh([Source(path, "failures", "s3"), *world.sources], whole=True)
    assert len(problems) == 1
    assert "strange" in problems[0]
    assert answers(index) == world.ask(world.index(in_memory=True))


def test_two_processes_that_build_at_once_count_each_line_once(tmp_path: Path) -> None:
    with (tmp_path / "failures.jsonl").open("w") as file:
        file.writelines(json.dumps(entry(f"{number}", f"kind {number % 50}")) + "\n" for number in range(12_000))
    assert set(race("build", 4, tmp_path)) == {12_000}


class KilledError(Exception):
    """Stands for a kill: nothing in our code knows it."""


@pytest.mark.parametrize("at", [1, 1_999, 2_000, 2_001, 4_500])
def test_an_interrupted_build_goes_on_where_it_stopped(world: World, at: int) -> None:
    world.write(0, *[entry(f"{number}", f"kind {number % 50}") for number in range(5_000)])
    seen = 0

    def interrupted(stream: str, value: dict[str, Any]) -> Any:
        nonlocal seen
        seen += 1
        if seen == at:
            raise KilledError
        yield from digest(stream, value)

    world.digester = interrupted
    with pytest.raises(KilledError):
        world.index().refresh(world.sources, whole=True)
    world.close()
    found = world.ask(world.index())
    assert seen == at + 5_000 - (at - 1) // 2_000 * 2_000, "what was committed is not read again"
    world.digester = digest
    assert found == world.ask(world.index(in_memory=True))


def test_the_cache_holds_no_text_but_its_keys(world: World) -> None:
    def hashed(stream: str, value: dict[str, Any]) -> Any:
        for one in digest(stream, value):
            yield Digest("failure", "key", "template", "failure", one.ts, wording=one.wording)

    world.digester = hashed
    world.write(0, entry("a", "a very private text"))
    world.ask(world.index())
    world.close()
    assert all(b"private" not in path.read_bytes() for path in world.cache.parent.iterdir())


def test_a_cache_removed_while_open_is_no_reason_not_to_answer(world: World) -> None:
    fill(world)
    index = world.index()
    world.ask(index)
    for path in world.cache.parent.iterdir():
        path.unlink()
    world.write(0, entry("new", "kind 0", 59))
    expected = world.ask(world.index(in_memory=True))
    assert ask_again(world, index) == expected
    assert world.ask(world.index()) == expected
