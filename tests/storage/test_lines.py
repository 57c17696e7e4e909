"""JSON lines: what is appended is whole, what was torn is healed or kept aside, and lines end at newlines alone."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from stores import objects

from orchestrator_mcp.errors import InvalidInputError, StorageError, UnsafePathError
from orchestrator_mcp.records.base import MAX_RECORD_BYTES
from orchestrator_mcp.storage.lines import LineFile, encode_line, parse_object, read_lines
from orchestrator_mcp.storage.locks import FolderLock

FIRST = b'{"id":"first"}\n'
NEXT = b'{"id":"next"}\n'
TORN = {
    "half an object": b'{"id":"to',
    "half a character": '{"id":"é'.encode()[:-1],
    "NULs": b"\0" * 100,
    "an object and NULs": b'{"id":"x"}' + b"\0" * 100,
    "200 kB": b'{"id":"' + b"x" * 200_000,
    "two records glued": b'{"id":"a"}{"id":"b"}',
    "a list": b'["id"]',
    "a number": b"12",
    "true": b"true",
    "a blank, then an object": b' {"id":"x"}',
    "a carriage return": b"\r",
    "a byte order mark": b"\xef\xbb\xbf",
    "UTF-16": '{"id":"x"}'.encode("utf-16-le"),
    "raw surrogates": b'{"id":"\xed\xa0\x80"}',
    "too deep": b'{"a":' * 100_000,
}


@pytest.fixture
def file(tmp_path: Path) -> LineFile:
    return LineFile(tmp_path / "x.jsonl", FolderLock(tmp_path / "lock", deadline=5))


def quarantined(file: LineFile) -> list[dict[str, Any]]:
    path = file.path.with_name("x.jsonl.quarantine")
    return objects(path) if path.exists() else []


@pytest.mark.parametrize("before", [b"", FIRST, FIRST * 1000], ids=["first", "second", "late"])
@pytest.mark.parametrize("tail", TORN.values(), ids=TORN)
def test_a_torn_tail_is_kept_aside_and_the_next_record_is_whole(file: LineFile, before: bytes, tail: bytes) -> None:
    file.path.write_bytes(before + tail)
    offset = file.append(NEXT)
    data = file.path.read_bytes()
    assert data == before + b" " * len(tail) + b"\n" + NEXT
    assert data[offset:] == NEXT
    (note,) = quarantined(file)
    assert note["offset"] == len(before)
    assert base64.b64decode(note["bytes_b64"]) == tail
    assert [one["id"] for one in objects(file.path)] == ["first"] * (len(before) // len(FIRST)) + ["next"]


@pytest.mark.parametrize("before", [b"", FIRST])
@pytest.mark.parametrize("tail", [b'{"id":"whole"}', b'{"id":"whole"} ', b'{"id":"whole"}\r'])
def test_a_whole_object_that_lacks_its_newline_is_kept_as_a_record(file: LineFile, before: bytes, tail: bytes) -> None:
    file.path.write_bytes(before + tail)
    file.append(NEXT)
    assert file.path.read_bytes() == before + tail + b"\n" + NEXT
    assert quarantined(file) == []


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"   ", b"   \n"), (FIRST + b"   ", FIRST + b"   \n")])
def test_spaces_that_a_killed_healer_left_are_ended_and_not_kept_again(
    file: LineFile, before: bytes, after: bytes
) -> None:
    file.path.write_bytes(before)
    file.append(NEXT)
    assert file.path.read_bytes() == after + NEXT
    assert quarantined(file) == []


def test_a_note_torn_by_a_crash_is_written_again_whole(file: LineFile) -> None:
    file.path.write_bytes(b'{"to')
    file.path.with_name("x.jsonl.quarantine").write_bytes(b'{"at":"then","offset":0,"bytes_b64":"eA=="}\n{"at":"n')
    file.append(NEXT)
    assert [note["bytes_b64"] for note in quarantined(file)] == ["eA==", base64.b64encode(b'{"to').decode()]


def test_healing_alone_leaves_a_file_that_is_not_there_alone(file: LineFile) -> None:
    with file.lock.held():
        file.heal_locked()
    assert not file.path.exists()


@pytest.mark.torn
def test_a_quarantine_that_is_a_link_is_not_written_through(file: LineFile) -> None:
    file.path.write_bytes(b'{"to')
    target = file.path.with_name("target")
    target.write_bytes(b"precious\n")
    file.path.with_name("x.jsonl.quarantine").symlink_to(target)
    with pytest.raises(UnsafePathError, match="quarantine"):
        file.append(NEXT)
    assert target.read_bytes() == b"precious\n"
    assert file.path.read_bytes() == b'{"to', "what cannot be kept is not blanked"


@pytest.mark.parametrize(
    "text", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\r\n", "\n", "\0", "\ufeff"]
)
def test_only_a_newline_ends_a_line(file: LineFile, text: str) -> None:
    for number in range(3):
        file.append(encode_line({"id": f"{number}{text}"}))
    raw = json.dumps({"id": text}, ensure_ascii=False).encode() if text >= " " else encode_line({"id": text})[:-1]
    with file.path.open("ab") as end:
        end.write(raw + b"\n")
    assert [one["id"] for one in objects(file.path)] == [f"{number}{text}" for number in range(3)] + [text]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\n\n \n\t\n\r\n", []),
        (b'{"a":1}\r\n{"a":2}\r\n', [0, 9]),
        (b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', [0, 11]),
        (b'\n{"a":1}\n\n{"a":2}\n', [1, 10]),
        (b'{"a":1}\n{"a":', [0]),
        (b'{"a":1}', []),
    ],
)
def test_finished_lines_are_read_and_blank_ones_left_out(file: LineFile, data: bytes, found: list[int]) -> None:
    file.path.write_bytes(data)
    lines = list(read_lines(file.path))
    assert [line.offset for line in lines] == found
    assert all(parse_object(line.data) for line in lines)
    assert all(data[line.offset :].startswith(line.data + b"\n") for line in lines)


def test_a_part_is_read_from_an_offset_up_to_an_end(file: LineFile) -> None:
    offsets = [file.append(encode_line({"n": number})) for number in range(5)]
    read = [line.offset for line in read_lines(file.path, offsets[1], offsets[4])]
    assert read == offsets[1:4]
    assert list(read_lines(file.path, 1 << 40)) == []


def test_a_file_that_is_not_there_has_no_lines(file: LineFile) -> None:
    assert list(read_lines(file.path)) == []
    assert list(read_lines(file.path.parent / "gone" / "x")) == []


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":"\\ud800"}', {"a": "?"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
        (b'{"\\udfff":1}', {"?": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":1}\r', {"a": 1}),
        (b'{"a":"\xed\xa0\x80"}', None),
        (b'{"a":"\xff"}', None),
        ('{"a":1}'.encode("utf-16-le"), None),
        ('{"a":1}'.encode("utf-32"), None),
        (b"[1]", None),
        (b"null", None),
        (b"", None),
        (b'{"a":' + b"9" * 5000 + b"}", None),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None),
    ],
)
def test_an_object_is_read_or_nothing(data: bytes, value: dict[str, Any] | None) -> None:
    assert parse_object(data) == value


def test_a_lone_surrogate_is_written_as_a_question_mark() -> None:
    assert encode_line({"a": "x\ud800y"}) == b'{"a":"x?y"}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(InvalidInputError, match="JSON"):
        encode_line({"a": value})


def test_what_is_nested_too_deep_is_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"a": value}
    with pytest.raises(InvalidInputError, match="JSON"):
        encode_line(value)


def test_a_record_may_fill_its_limit_and_not_one_byte_more(file: LineFile) -> None:
    room = MAX_RECORD_BYTES - len(encode_line({"a": ""}))
    file.append(encode_line({"a": "x" * room}))
    with pytest.raises(InvalidInputError, match="262,145 bytes"):
        encode_line({"a": "x" * (room + 1)})
    with pytest.raises(InvalidInputError):
        encode_line({"a": "é" * (room // 2 + 1)})
    assert len(objects(file.path)) == 1


@pytest.mark.parametrize("how", ["removed", "rotated", "replaced"])
def test_a_file_lost_while_open_is_not_written_to_any_more(file: LineFile, how: str) -> None:
    file.append(FIRST)
    old = file.path.with_name("old")
    if how == "removed":
        file.path.unlink()
    else:
        os.rename(file.path, old)
    if how == "replaced":
        file.path.write_bytes(FIRST)
    file.append(NEXT)
    file.sync()
    assert file.path.read_bytes() == (FIRST if how == "replaced" else b"") + NEXT
    assert how == "removed" or old.read_bytes() == FIRST


def test_a_file_cut_short_by_hand_is_appended_to_at_its_new_end(file: LineFile) -> None:
    file.append(FIRST)
    file.append(NEXT)
    os.truncate(file.path, len(FIRST) + 3)
    file.append(NEXT)
    assert [one["id"] for one in objects(file.path)] == ["first", "next"]


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_what_is_no_plain_file_is_neither_appended_to_nor_read(file: LineFile, kind: str) -> None:
    target = file.path.with_name("target")
    target.write_bytes(FIRST)
    {"link": file.path.symlink_to, "hard link": file.path.hardlink_to}.get(kind, lambda _: None)(target)
    if kind == "pipe":
        os.mkfifo(file.path)
    if kind == "folder":
        file.path.mkdir()
    with pytest.raises(StorageError):
        file.append(NEXT)
    with pytest.raises(StorageError):
        list(read_lines(file.path))
    assert target.read_bytes() == FIRST


def test_a_closed_file_can_be_appended_to_again(file: LineFile) -> None:
    before = len(os.listdir("/proc/self/fd"))
    file.append(FIRST)
    file.close()
    file.lock.close()
    assert len(os.listdir("/proc/self/fd")) == before
    file.append(NEXT)
    assert file.size() == len(FIRST + NEXT)
