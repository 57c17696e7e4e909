"""The parts of the index that keep groups: standings, postings and vectors say what working it all out anew says."""

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from stores import VERSION, digest, hash_of

from orchestrator_mcp.storage import groups, queries
from orchestrator_mcp.storage.index import Index
from orchestrator_mcp.storage.intake import Source
from orchestrator_mcp.storage.lines import encode_line
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.postings import Postings
from orchestrator_mcp.storage.standing import standing_of
from orchestrator_mcp.storage.vectors import Vectors

SPACE = "failure"


class World:
    """One file of failures, and the index over it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "failures.jsonl"
        self.index = Index(folder / "index.sqlite", VERSION, digest, FolderLock(folder))

    def write(self, *lines: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.writelines(map(encode_line, lines))
        self.index.refresh([Source(self.path, "failures", "one")], whole=True)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    world = World(tmp_path)
    yield world
    world.index.close()


def line(number: int, context: str, minute: int) -> dict[str, Any]:
    return {
        "id": f"r{number:04}",
        "timestamp": f"2026-11-21T{minute // 60:02}:{minute % 60:02}:00Z",
        "context": context,
    }


def group_all(db: sqlite3.Connection, pairs: dict[str, str]) -> None:
    """Group contexts as `pairs` says: context → the context it belongs with."""
    found = queries.keys(db, SPACE)
    places = {one.key: number for number, one in enumerate(found)}
    first = [places.get(pairs.get(one.key, ""), number) for number, one in enumerate(found)]
    groups.regroup(db, SPACE, found, engine=repr(pairs), now=0, think=lambda _: first)


@pytest.mark.parametrize("seed", range(12))
def test_a_standing_kept_up_to_date_is_the_one_worked_out_anew(world: World, seed: int) -> None:
    """Entries in and out of order, the same again, other groups, and a file that is rewritten."""
    rng = random.Random(seed)
    lines: list[dict[str, Any]] = []
    for step in range(40):
        lines.append(line(step, rng.choice("abcd"), rng.randrange(600)))
        world.write(lines[-1])
        with world.index.open() as db:
            if step in {3, 20}:
                group_all(db, {"b": "a", "d": "c"} if step == 3 else {"c": "a"})
            for one in queries.keys(db, SPACE):
                groups.place(db, SPACE, one.key_id)
                group = groups.group_of(db, one.key_id)
                assert group is not None
                kept = standing_of(db, SPACE, group)
                db.execute("DELETE FROM standings")
                db.execute("DELETE FROM standing_where")
                assert standing_of(db, SPACE, group) == kept
        if step == 30:
            world.path.write_bytes(b"".join(map(encode_line, lines[10:])))
            world.index.refresh([Source(world.path, "failures", "one")], whole=True)


def test_a_group_whose_entries_are_gone_stands_at_nothing(world: World) -> None:
    world.write(line(1, "a", 1))
    with world.index.open() as db:
        (one,) = queries.keys(db, SPACE)
        groups.place(db, SPACE, one.key_id)
    world.path.write_bytes(b"")
    world.index.refresh([Source(world.path, "failures", "one")], whole=True)
    with world.index.open() as db:
        assert standing_of(db, SPACE, one.key_id).n == 0


def test_postings_count_and_give_the_latest_first(world: World) -> None:
    for number in range(5):
        world.write(line(number, f"{'abcde'[number]} shared", number))
    with world.index.open() as db:
        postings = Postings(db, SPACE, lambda found: found.value["context"].split())
        keys = [one.key_id for one in queries.keys(db, SPACE)]
        postings.add(keys[0])
        postings.add(keys[0])
        postings.add_missing()
        assert (postings.size(), postings.count("shared"), postings.count("a"), postings.count("none")) == (5, 5, 1, 0)
        assert [key for key, _ in postings.latest("shared", 3)] == keys[:-4:-1]
        assert postings.latest("shared", 1) == [(keys[-1], 2)]
        assert postings.latest("none", 3) == []


def test_vectors_are_kept_by_model_and_text(world: World) -> None:
    with world.index.open() as db:
        one, other = Vectors(db, "one"), Vectors(db, "other")
        one.keep({"text": b"1", "\ud800": b"2"})
        one.keep({"text": b"3"})
        assert one.known(["text", "\ud800", "new"]) == {"text": b"1", "\ud800": b"2"}
        assert other.known(["text"]) == {}
        other.keep({"text": b"4"})
        assert one.known(["text"]) == {}


def test_a_wording_is_found_by_its_last_bits(world: World) -> None:
    world.write(line(1, "a", 1), line(2, "b", 2))
    with world.index.open() as db:
        first, second = queries.keys(db, SPACE)
        assert queries.worded(db, hash_of("a"), None) == [(SPACE, first.key_id)]
        assert queries.worded(db, hash_of("b") & 0xFF, 8) == [(SPACE, second.key_id)]
        assert queries.worded(db, 12345, None) == []


def test_postings_are_made_anew_when_lines_vanish(world: World) -> None:
    world.write(line(1, "a shared", 1), line(2, "b shared", 2))
    for left, count in ((line(2, "b shared", 2), 1), (line(3, "c shared", 3), 2)):
        with world.index.open() as db:
            postings = Postings(db, SPACE, lambda found: found.value["context"].split())
            postings.add_missing()
        if count == 1:
            world.path.write_bytes(encode_line(left))
            world.index.refresh([Source(world.path, "failures", "one")], whole=True)
        else:
            world.write(left)
        with world.index.open() as db:
            postings = Postings(db, SPACE, lambda found: found.value["context"].split())
            postings.add(queries.keys(db, SPACE)[-1].key_id)
            assert (postings.size(), postings.count("shared"), postings.count("a")) == (count, count, 0)
