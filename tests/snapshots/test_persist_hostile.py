"""Whatever a repository's settings, branches and objects say, its user's names, memory and secrets are safe."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from persist_world import BRANCH, git, here, logged, repository, untouched
from take_in import peak

from orchestrator_mcp.cli.render import text
from orchestrator_mcp.errors import GitError, RemoteError, SnapshotError
from orchestrator_mcp.services.persistence import persist_status, restore_state, save_state
from orchestrator_mcp.services.workflows import start_workflow, update_workflow
from orchestrator_mcp.storage.git import Git

MOST_MEMORY = 300_000
"""Kilobytes."""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = repository(tmp_path / "repo", "-b", "main")
    git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(root, "remote", "add", "team/two", str(tmp_path / "remote.git"))
    git(root, "commit", "-q", "--allow-empty", "-m", "x")
    logged(root, "it broke")
    return root


def put(root: Path, *words: str, data: bytes) -> str:
    """The id of what git was given."""
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode().strip()


SHADOWS = ["origin/main", "Origin/main", "origin", "team/two/main", "team/two", "HEAD", "head", "HEAD/x", "FETCH_HEAD",
           "@", "@/x", "stash", "stash/x", "refs/heads/x", "heads/x", "tags/x", "remotes/origin/x", "abc1234"]  # fmt: skip


@pytest.mark.parametrize("name", SHADOWS)
def test_no_name_of_something_else_is_shadowed(name: str, repo: Path) -> None:
    (repo / ".orchestrator" / "config.yaml").write_text(f"state_branch: '{name}'\n")
    before = untouched(repo), git(repo, "for-each-ref")
    for verb in (save_state, restore_state, persist_status):
        with pytest.raises(SnapshotError, match="takes for something else"):
            verb(here(repo, ORCHESTRATOR_STATE_BRANCH=name))
    assert (untouched(repo), git(repo, "for-each-ref")) == before


@pytest.mark.parametrize("name", ["origins/main", "team/state", "heading", "state-of-HEAD", "re/origin"])
def test_a_name_that_only_looks_like_one_will_do(name: str, repo: Path) -> None:
    assert save_state(here(repo, ORCHESTRATOR_STATE_BRANCH=name)).branch == name


def test_a_branch_that_stands_for_another_moves_neither(repo: Path) -> None:
    for target in ("refs/heads/not-yet", "refs/heads/main"):
        git(repo, "symbolic-ref", f"refs/heads/{BRANCH}", target)
        before = git(repo, "for-each-ref")
        with pytest.raises(SnapshotError, match=f"stands for {target}"):
            save_state(here(repo))
        assert git(repo, "for-each-ref") == before
        assert git(repo, "symbolic-ref", f"refs/heads/{BRANCH}").strip() == target


def test_where_no_branch_can_be_made_git_is_repeated(repo: Path) -> None:
    with pytest.raises(GitError, match="'refs/heads/main' exists"):
        save_state(here(repo, ORCHESTRATOR_STATE_BRANCH="main/x"))


def test_a_damaged_object_fails_no_phase(repo: Path) -> None:
    web = {"ORCHESTRATOR_WEB_MODE": "true", "CLAUDE_CODE_SESSION_ID": "x"}
    workspace = here(repo, **web)
    start_workflow(workspace, task="a task")
    save_state(workspace)
    name = next(line.split()[2] for line in git(repo, "ls-tree", "-r", BRANCH).splitlines() if "failures" in line)
    blob = repo / ".git" / "objects" / name[:2] / name[2:]
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    done = update_workflow(workspace, action="finish")
    assert "git fsck" in done.warnings[-1]
    for verb in (save_state, restore_state, persist_status):
        with pytest.raises(SnapshotError, match=f"{name[:12]} .*git fsck"):
            verb(here(repo))


@pytest.mark.parametrize("moment", ["253402300800", "99999999999999999", "18446744073709551614"])
def test_a_date_that_nobody_can_read_is_none(moment: str, repo: Path) -> None:
    save_state(here(repo))
    commit = git(repo, "cat-file", "commit", BRANCH)
    seconds = commit.split("committer ")[1].split("\n")[0].split()[-2]
    name = put(
        repo,
        "hash-object",
        "-w",
        "-t",
        "commit",
        "--stdin",
        "--literally",
        data=commit.replace(seconds, moment).encode(),
    )
    git(repo, "update-ref", f"refs/heads/{BRANCH}", name)
    status = persist_status(here(repo))
    assert status.commit == name
    assert status.saved_at is None
    assert "last saved  unknown" in text(status)


def tree_bomb(repo: Path, leaf: str) -> str:
    """A commit of nine folders in one another, ten of each: a billion of whatever the leaf is."""
    for _ in range(9):
        leaf = put(repo, "mktree", data="".join(f"040000 tree {leaf}\t{number}\n" for number in range(10)).encode())
    return leaf


@pytest.fixture(params=["files", "nothing"])
def bomb(request: pytest.FixtureRequest, repo: Path) -> Path:
    save_state(here(repo))
    blob = put(repo, "hash-object", "-w", "--stdin", data=b"")
    entries = "".join(f"100644 blob {blob}\t{number}\n" for number in range(10)) if request.param == "files" else ""
    bomb = tree_bomb(repo, put(repo, "mktree", data=entries.encode()))
    tree = git(repo, "ls-tree", BRANCH) + f"040000 tree {bomb}\tbomb\n"
    commit = git(repo, "commit-tree", "-m", "x", "-p", BRANCH, put(repo, "mktree", data=tree.encode())).strip()
    git(repo, "update-ref", f"refs/heads/{BRANCH}", commit)
    return repo


def test_a_tree_of_a_billion_files_is_not_walked(bomb: Path) -> None:
    """In a process of its own, whose memory is that of this alone."""
    program = (
        "import sys; from pathlib import Path; from test_persist_hostile import refused; refused(Path(sys.argv[1]))"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", program, str(bomb)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said, _, kilobytes = done.stdout.rpartition(" ")
    assert "more files than we save" in said
    assert int(kilobytes) < MOST_MEMORY


def refused(root: Path) -> None:
    try:
        persist_status(here(root))
    except SnapshotError as error:
        print(error, peak())


def test_git_gets_no_secret_that_it_does_not_need(repo: Path, tmp_path: Path) -> None:
    secrets = {
        "GITHUB_TOKEN": "s1",
        "OPENAI_API_KEY": "s2",
        "my_secret": "s3",
        "PGPASSWORD": "s4",
        "DB_PASSWORDS": "s5",
    }
    repository(tmp_path / "remote.git", "--bare")
    (tmp_path / "bin").mkdir()
    told = tmp_path / "told"
    git_itself = tmp_path / "bin" / "git"
    git_itself.write_text(
        f'#!/bin/sh\nremote=\nfor word; do case "$word" in push|fetch|ls-remote) remote=1;; esac; done\n'
        f'env | sed "s/^/${{remote:-0}} /" >> {told}\nexec {shutil.which("git")} "$@"\n'
    )
    git_itself.chmod(0o755)
    ours = {"ORCHESTRATOR_STATE_REMOTE": "origin", "ORCHESTRATOR_SNAPSHOT_PASSPHRASE": "s6"}
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert save_state(here(repo, PATH=path, HTTPS_PROXY="", **secrets, **ours)).pushed_to == "origin"
    lines = set(told.read_text().splitlines())
    assert {line for line in lines if line.startswith("1 ") and line[2:].partition("=")[0] in secrets} == {
        f"1 {name}={value}" for name, value in secrets.items()
    }
    assert not [line for line in lines if line.startswith("0 ") and line[2:].partition("=")[0] in secrets]
    assert not [line for line in lines if "ORCHESTRATOR_" in line.partition("=")[0]]
    assert "0 HTTPS_PROXY=" in lines


def test_the_status_tells_sessions_from_other_files(repo: Path) -> None:
    (repo / ".orchestrator" / "rules").mkdir(exist_ok=True)
    (repo / ".orchestrator" / "rules" / "patterns.jsonl").write_text('{"id":"a"}\n')
    status = persist_status(here(repo))
    assert (len(status.unsaved), status.sessions_unsaved) == (2, 1)
    assert "0 on the branch, 1 here with something unsaved\n" in text(status)
    assert "other files 1 with something unsaved" in text(status)
    save_state(here(repo))
    assert "other files" not in text(persist_status(here(repo)))


def test_what_to_set_for_another_machine_is_said(repo: Path, tmp_path: Path) -> None:
    repository(tmp_path / "remote.git", "--bare")
    assert "this machine alone; set state_remote" in text(save_state(here(repo)))
    assert "state_remote" not in text(save_state(here(repo, ORCHESTRATOR_STATE_REMOTE="origin")))
    other = repository(tmp_path / "other")
    git(other, "remote", "add", "origin", str(tmp_path / "remote.git"))
    for name in (BRANCH, "state-<repo-id>"):
        with pytest.raises(SnapshotError, match="state_remote"):
            restore_state(here(other, ORCHESTRATOR_STATE_BRANCH=name))


@pytest.mark.parametrize("where", ["", ">&2"])
def test_what_git_says_is_bounded(where: str, tmp_path: Path) -> None:
    """A remote decides how much that is."""
    told = tmp_path / "git"
    told.write_text(f"#!/bin/sh\nexec yes {where}\n")
    told.chmod(0o755)
    command = Git(tmp_path, {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    with pytest.raises(GitError, match="more than anybody reads"):
        command.run("ls-files")
    with pytest.raises(RemoteError, match="more than anybody reads"):
        command.reach("ls-remote")
