"""Single files: replaced whole or not at all, private, and never through a link."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_mcp.errors import NotFoundError, StorageError, UnsafePathError
from orchestrator_mcp.storage.files import (
    is_staged,
    make_folder,
    open_plain,
    read_small,
    replace_file,
    staged_name,
    write_new,
)


def _link(path: Path) -> None:
    path.with_name("target").write_text("precious")
    path.symlink_to(path.with_name("target"))


def _hard_link(path: Path) -> None:
    path.with_name("target").write_text("precious")
    path.hardlink_to(path.with_name("target"))


STRANGE: dict[str, Callable[[Path], object]] = {
    "link": _link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link in a circle": lambda path: path.symlink_to(path),
    "hard link": _hard_link,
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str, flags: int) -> None:
    path = tmp_path / "file"
    STRANGE[kind](path)
    began, before = time.monotonic(), len(os.listdir("/proc/self/fd"))
    with pytest.raises(StorageError, match="file"):
        open_plain(path, flags)
    assert time.monotonic() - began < 1
    assert len(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(StorageError):
        read_small(path)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(StorageError):
        open_plain(Path(device), os.O_RDONLY)


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe"])
def test_replacing_puts_a_file_in_the_place_of_a_link_and_leaves_its_target_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    STRANGE[kind](path)
    replace_file(path, b"new")
    assert read_small(path) == b"new"
    assert not path.is_symlink()
    target = tmp_path / "target"
    assert not target.exists() or target.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_replacing_a_folder_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageError):
        replace_file(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_sees_the_old_or_the_new_and_nothing_else(tmp_path: Path) -> None:
    path, stop, seen = tmp_path / "file", threading.Event(), set()
    versions = [letter * 200_000 for letter in (b"a", b"b")]
    replace_file(path, versions[0])

    def read() -> None:
        while not stop.is_set():
            seen.add(read_small(path))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        replace_file(path, versions[number % 2])
    stop.set()
    reader.join()
    assert seen <= set(versions)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_we_make_is_private_whatever_the_mask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make_folder(tmp_path / "a" / "b")
        replace_file(tmp_path / "a" / "b" / "file", b"")
        os.close(open_plain(tmp_path / "a" / "other", os.O_RDWR | os.O_CREAT))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "a").rglob("*")}
    assert modes == {"b": 0o700, "file": 0o600, "other": 0o600}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_a_replaced_file_gets_the_mode_it_is_given(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"", 0o600)
    replace_file(tmp_path / "file", b"", 0o400)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o400


def test_a_new_file_never_replaces_one_that_is_there(tmp_path: Path) -> None:
    write_new(tmp_path / "file", b"first")
    with pytest.raises(StorageError):
        write_new(tmp_path / "file", b"second")
    assert read_small(tmp_path / "file") == b"first"


@pytest.mark.parametrize(("size", "limit", "fits"), [(0, 10, True), (10, 10, True), (11, 10, False)])
def test_a_small_file_is_read_up_to_its_limit(tmp_path: Path, size: int, limit: int, fits: bool) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    if fits:
        assert read_small(tmp_path / "file", limit) == b"x" * size
    else:
        with pytest.raises(StorageError, match="larger than 10 bytes"):
            read_small(tmp_path / "file", limit)


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_small(tmp_path / "file") is None
    assert read_small(tmp_path / "folder" / "file") is None


def test_a_huge_sparse_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StorageError):
        read_small(tmp_path / "file")


def test_writing_where_no_folder_is_says_what_is_gone(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        replace_file(tmp_path / "gone" / "file", b"")


def test_a_name_too_long_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_small(tmp_path / ("n" * 300))


@pytest.mark.parametrize("target", ["folder", "nowhere", "file"])
def test_a_folder_is_never_made_through_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises((UnsafePathError, StorageError)):
        make_folder(tmp_path / "link")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_where_a_file_stands_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError):
            make_folder(path)


def test_staged_names_are_known_again() -> None:
    assert is_staged(staged_name(Path("meta.json")).name)
    assert is_staged(".meta.json.0123456789abcdef.tmp")


@pytest.mark.parametrize(
    "name", ["meta.json", ".notes.tmp", ".a.0123456789abcde.tmp", ".a.0123456789ABCDEF.tmp", "..0123456789abcdef.tmp"]
)
def test_a_person_s_names_are_not_taken_for_staged_ones(name: str) -> None:
    assert not is_staged(name)
