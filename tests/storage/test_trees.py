"""Trees: however deep, they are walked through and removed; nothing behind a link is seen or touched."""

import os
from pathlib import Path

import pytest

from orchestrator_mcp.storage.files import make_folder
from orchestrator_mcp.storage.trees import files_beneath, remove_tree, walk


def nest(top: Path, levels: int, name: str) -> None:
    """Folders within folders, also where a path would be longer than the system takes."""
    top.mkdir(parents=True)
    inside = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=inside)
        deeper = os.open(name, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = deeper
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o400, dir_fd=inside))
    os.close(inside)


@pytest.mark.parametrize(("levels", "name"), [(1, "a"), (1_000, "a"), (30, "n" * 200), (20, "ü" * 100)])
def test_a_tree_of_any_depth_is_removed(tmp_path: Path, levels: int, name: str) -> None:
    nest(tmp_path / "top", levels, name)
    nest(tmp_path / "top/beside", levels, name)
    remove_tree(tmp_path / "top")
    assert not os.listdir(tmp_path)


def test_a_tree_is_removed_through_no_link_and_though_it_forbids_writing(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").touch()
    nest(tmp_path / "top", 100, "n" * 20)
    (tmp_path / "top/link").symlink_to(tmp_path / "outside")
    (tmp_path / "top/dangling").symlink_to("nowhere")
    for folder, _, _ in reversed(list(walk(tmp_path / "top"))):
        folder.chmod(0o000)
    remove_tree(tmp_path / "top")
    (tmp_path / "top").symlink_to(tmp_path / "outside")
    remove_tree(tmp_path / "top")
    remove_tree(tmp_path / "top")
    assert [path.name for path in tmp_path.rglob("*")] == ["outside", "precious"]


def test_a_deep_tree_is_walked_through_in_order_and_made(tmp_path: Path) -> None:
    make_folder(tmp_path.joinpath("top", *"a" * 1_000))
    (tmp_path / "top/z").mkdir()
    (tmp_path / "top/z/last").touch()
    (tmp_path / "top/link").symlink_to(tmp_path)
    folders = [folder for folder, _, _ in walk(tmp_path / "top")]
    assert folders == [tmp_path.joinpath("top", *"a" * depth) for depth in range(1_001)] + [tmp_path / "top/z"]
    assert list(files_beneath(tmp_path / "top")) == [tmp_path / "top/link", tmp_path / "top/z/last"]
    remove_tree(tmp_path / "top")


def test_a_folder_that_is_taken_out_is_not_gone_into(tmp_path: Path) -> None:
    for name in ("left/out", "gone/into"):
        (tmp_path / name).mkdir(parents=True)
    seen = []
    for folder, folders, _ in walk(tmp_path):
        seen.append(folder.name)
        folders[:] = [name for name in folders if name != "left"]
    assert seen[1:] == ["gone", "into"]
