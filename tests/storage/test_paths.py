"""Where a project's root is found, and whose store a linked worktree uses."""

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.storage.paths import OrchestratorPaths, Roots, find_repo_root, find_roots

META = ".orchestrator/meta.json"


def put(root: Path, *names: str) -> None:
    """Create what is named; a name that ends in a slash is a folder."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def git(folder: Path, *arguments: str) -> None:
    settings = ("user.name=t", "user.email=t@example.org", "protocol.file.allow=always", "init.defaultBranch=main")
    options = [part for setting in settings for part in ("-c", setting)]
    subprocess.run(["git", *options, *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init")
    git(folder, "commit", "--allow-empty", "-m", "first")
    return folder


@pytest.mark.parametrize(
    ("there", "start", "root"),
    [
        ([".git/", "a/b/"], "a/b", "."),
        ([".git", "a/b/"], "a/b", "."),
        (["workflow.yaml", "a/b/"], "a/b", "."),
        ([META, "a/b/"], "a/b", "."),
        ([".git/", "a/workflow.yaml", "a/b/"], "a/b", "."),
        (["workflow.yaml", "a/.git/", "a/b/"], "a/b", "a"),
        ([".git/", f"a/{META}", "a/b/"], "a/b", "a"),
        ([META, "a/.git/", "a/b/"], "a/b", "a"),
        (["workflow.yaml", "a/workflow.yaml", "a/b/"], "a/b", "a"),
        ([".orchestrator/", "a/b/"], "a/b", "a/b"),
        (["workflow.yaml/", "a/b/"], "a/b", "a/b"),
        ([f"{META}/", "a/b/"], "a/b", "a/b"),
        (["a/b/"], "a/b", "a/b"),
        ([".git/", "/".join("deep" for _ in range(60)) + "/"], "/".join("deep" for _ in range(60)), "."),
    ],
)
def test_the_root_is_the_first_sign_of_a_project_on_the_way_up(
    tmp_path: Path, there: list[str], start: str, root: str
) -> None:
    put(tmp_path, *there)
    assert find_repo_root(tmp_path / start, tmp_path.parent) == tmp_path / root


@pytest.mark.parametrize("sign", [".git/", "workflow.yaml", META])
@pytest.mark.parametrize("start", ["", "documents", "documents/notes"])
def test_the_home_folder_and_what_lies_above_it_is_never_a_project(tmp_path: Path, sign: str, start: str) -> None:
    home = tmp_path / "home"
    put(tmp_path, sign, f"home/{sign}", "home/documents/notes/")
    roots = find_roots({"HOME": str(home)}, home / start)
    assert roots == Roots(home / start, home / start)


def test_a_project_below_home_is_found(tmp_path: Path) -> None:
    put(tmp_path, ".git/", "home/project/.git/", "home/project/src/")
    assert (
        find_roots({"HOME": str(tmp_path / "home")}, tmp_path / "home/project/src").store == tmp_path / "home/project"
    )


def test_a_home_reached_through_a_link_is_home_still(tmp_path: Path) -> None:
    put(tmp_path, "home/.git/", "home/notes/")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert find_roots({"HOME": str(tmp_path / "link")}, tmp_path / "home/notes").store == tmp_path / "home/notes"


def test_without_a_home_the_root_is_found_all_the_same(tmp_path: Path) -> None:
    put(tmp_path, ".git/", "a/")
    assert find_roots({}, tmp_path / "a").store == tmp_path


@pytest.mark.parametrize(
    ("environ", "flag", "root"),
    [
        ({}, None, "cwd"),
        ({"CLAUDE_PROJECT_DIR": "project/src"}, None, "project"),
        ({"CLAUDE_PROJECT_DIR": "project/src", "ORCHESTRATOR_ROOT": "named"}, None, "named"),
        ({"CLAUDE_PROJECT_DIR": "project/src", "ORCHESTRATOR_ROOT": "named"}, "flag", "flag"),
        ({"CLAUDE_PROJECT_DIR": "no/such"}, None, "cwd"),
        ({"CLAUDE_PROJECT_DIR": ""}, None, "cwd"),
        ({"ORCHESTRATOR_ROOT": ""}, None, "cwd"),
        ({"ORCHESTRATOR_ROOT": "project/src"}, None, "project/src"),
    ],
)
def test_the_flag_wins_over_the_variable_over_the_client_over_the_current_folder(
    tmp_path: Path, environ: dict[str, str], flag: str | None, root: str
) -> None:
    put(tmp_path, "cwd/.git/", "cwd/src/", "project/.git/", "project/src/", "named/", "flag/")
    environ = {name: value and str(tmp_path / value) for name, value in environ.items()}
    roots = find_roots(environ, tmp_path / "cwd/src", flag and str(tmp_path / flag))
    assert roots == Roots(tmp_path / root, tmp_path / root)


def test_a_named_root_may_be_relative_or_begin_with_a_tilde(tmp_path: Path) -> None:
    put(tmp_path, "a/", "home/b/")
    assert find_roots({}, tmp_path, "a").store == tmp_path / "a"
    assert find_roots({"HOME": str(tmp_path / "home")}, tmp_path, "~/b").store == tmp_path / "home/b"


@pytest.mark.parametrize("named", ["no/such", "file", "~nobody-of-that-name", "x\0y", "n" * 5000, "/dev/null"])
def test_a_named_root_that_is_no_folder_is_refused(tmp_path: Path, named: str) -> None:
    put(tmp_path, "file")
    with pytest.raises(InvalidInputError, match="--root"):
        find_roots({}, tmp_path, named)


def test_a_linked_worktree_shares_the_main_store_but_is_its_own_work_root(tmp_path: Path) -> None:
    main, linked = repository(tmp_path / "main"), tmp_path / "linked"
    git(main, "worktree", "add", str(linked))
    (linked / "src").mkdir()
    assert find_roots({}, linked / "src") == Roots(main, linked)
    assert find_roots({}, main, str(linked)) == Roots(main, linked)
    assert find_roots({}, main) == Roots(main, main)
    paths = OrchestratorPaths(main, None, linked)
    assert (paths.base_dir, paths.work_root) == (main, linked)


def test_a_worktree_inside_the_main_one_shares_its_store(tmp_path: Path) -> None:
    main = repository(tmp_path / "main")
    git(main, "worktree", "add", "trees/one")
    assert find_roots({}, main / "trees/one") == Roots(main, main / "trees/one")


def test_a_worktree_whose_main_repository_is_gone_stands_alone(tmp_path: Path) -> None:
    main, linked = repository(tmp_path / "main"), tmp_path / "linked"
    git(main, "worktree", "add", str(linked))
    os.rename(main, tmp_path / "elsewhere")
    assert find_roots({}, linked) == Roots(linked, linked)


def test_a_submodule_is_a_project_of_its_own(tmp_path: Path) -> None:
    main, part = repository(tmp_path / "main"), repository(tmp_path / "part")
    git(main, "submodule", "add", str(part), "lib")
    assert (main / "lib/.git").is_file()
    assert find_roots({}, main / "lib") == Roots(main / "lib", main / "lib")


def test_a_worktree_of_a_bare_repository_stands_alone(tmp_path: Path) -> None:
    """A bare repository has no work tree in which a store could lie."""
    main, linked = repository(tmp_path / "main"), tmp_path / "linked"
    git(tmp_path, "clone", "--bare", str(main), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", str(linked))
    assert find_roots({}, linked) == Roots(linked, linked)


@pytest.mark.parametrize(
    "pointer", [b"", b"gitdir: /no/such", b"nonsense", b"gitdir: ../x\0y", b"\xff\xfe", b"gitdir: " + b"x" * 5000]
)
def test_a_git_file_that_says_nothing_useful_is_the_mark_of_a_root_still(tmp_path: Path, pointer: bytes) -> None:
    (tmp_path / ".git").write_bytes(pointer)
    assert find_roots({}, tmp_path) == Roots(tmp_path, tmp_path)


def test_a_current_folder_that_is_a_link_is_followed_to_its_project(tmp_path: Path) -> None:
    put(tmp_path, "project/.git/", "project/src/")
    (tmp_path / "link").symlink_to(tmp_path / "project/src")
    assert find_roots({}, tmp_path / "link").store == tmp_path / "project"


def test_paths_of_a_session_need_a_session(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="session"):
        OrchestratorPaths(tmp_path).session_dir()
    paths = OrchestratorPaths(tmp_path).for_session("one")
    assert paths.feedback_dir() == tmp_path / ".orchestrator/sessions/one/feedback"
