"""The state goes to a branch of its own and comes back; nothing else in the repository is touched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from persist_world import BRANCH, NAMED, git, here, logged, repository, untouched

from orchestrator_mcp.errors import GitError, SnapshotError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.snapshot import ImportAction
from orchestrator_mcp.services.persistence import persist_status, restore_state, save_state
from orchestrator_mcp.services.workflows import start_workflow, update_workflow

SAVER = Path(__file__).with_name("saver.py")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a commit, and work that is staged, unstaged and untracked."""
    root = repository(tmp_path / "repo")
    (root / ".gitignore").write_text(".orchestrator/\n*.log\n")
    (root / ".gitattributes").write_text("* text eol=crlf\n*.jsonl filter=broken\n")
    (root / "a").write_text("a\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    (root / "a").write_text("staged\n")
    git(root, "add", "a")
    (root / "a").write_text("unstaged\n")
    (root / "new").write_text("untracked\n")
    (root / "x.log").write_text("ignored\n")
    return root


def plainly(root: Path) -> None:
    """As the fixture made it."""


def detached(root: Path) -> None:
    git(root, "stash", "-q")
    git(root, "checkout", "-q", "--detach")
    git(root, "stash", "pop", "-q", "--index")


def rebasing(root: Path) -> None:
    git(root, "checkout", "-q", "-f", "-b", "side")
    (root / "a").write_text("side\n")
    git(root, "commit", "-q", "-a", "-m", "side")
    git(root, "checkout", "-q", "-B", "other", "HEAD~1")
    (root / "a").write_text("other\n")
    git(root, "commit", "-q", "-a", "-m", "other")
    git(root, "rebase", "side", check=False)
    assert (root / ".git" / "rebase-merge").is_dir()


def with_hooks(root: Path) -> None:
    hooks = root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "pre-push", "post-index-change"):
        (hooks / name).write_text("#!/bin/sh\ntouch hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)


def with_settings(root: Path) -> None:
    """Of a user who signs, names an identity, aliases and refuses much."""
    settings = {"commit.gpgsign": "true", "gpg.program": "false", "user.useConfigOnly": "true", "core.autocrlf": "true",
                "filter.broken.clean": "false", "filter.broken.required": "true", "core.safecrlf": "true",
                "alias.write-tree": "!false", "core.fsmonitor": "false", "core.commentChar": "o",
                "i18n.commitEncoding": "latin1", "core.logAllRefUpdates": "always", "core.splitIndex": "true"}  # fmt: skip
    for name, value in settings.items():
        git(root, "config", name, value)


def locked(root: Path) -> None:
    """Another git is at work, or was killed: its index must be nobody's business."""
    (root / ".git" / "index.lock").write_text("")


@pytest.mark.parametrize("prepare", [plainly, detached, rebasing, with_hooks, with_settings, locked])
def test_nothing_of_the_users_is_touched(prepare: Callable[[Path], None], repo: Path) -> None:
    prepare(repo)
    logged(repo, "it broke")
    before = untouched(repo)
    saved = save_state(here(repo))
    assert saved.saved
    assert saved.warnings == []
    assert untouched(repo) == before
    assert not list(repo.rglob("hook-ran"))
    assert not list(repo.rglob("sharedindex.*"))
    assert git(repo, "log", "--format=%an <%ae>", BRANCH).strip() == "orchestrator-mcp <orchestrator-mcp@localhost>"
    tree = git(repo, "ls-tree", "-r", "--name-only", BRANCH).split()
    assert {name.split("/")[0] for name in tree} == {"manifest.jsonl", "sessions"}
    assert git(repo, "merge-base", "HEAD", BRANCH, check=False) == ""
    git(repo, "fsck", "--strict", "--no-dangling")
    assert save_state(here(repo)).saved is False
    assert git(repo, "rev-list", "--count", BRANCH).strip() == "1"


@pytest.mark.parametrize(
    "options", [(), ("--object-format=sha256",), ("-b", "odd/name"), ("--separate-git-dir=../apart",)]
)
def test_a_repository_without_a_commit_will_do(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    root = tmp_path / "repo"
    done = subprocess.run(["git", "init", "-q", *options, "."], cwd=root, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.decode())
    logged(root, "it broke")
    apart = tmp_path / "apart"
    before = untouched(root, apart if apart.exists() else None)
    assert save_state(here(root)).saved
    assert untouched(root, apart if apart.exists() else None) == before
    shutil.rmtree(root / ".orchestrator")
    assert restore_state(here(root)).action is ImportAction.IMPORTED


def test_a_linked_worktree_saves_for_the_whole_repository(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    (tmp_path / "linked" / "b").write_text("b")
    git(tmp_path / "linked", "add", "b")
    logged(tmp_path / "linked", "it broke")
    before = untouched(repo), untouched(tmp_path / "linked", repo / ".git" / "worktrees" / "linked")
    environ = {
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_INDEX_FILE": str(repo / ".git" / "index"),
        "GIT_WORK_TREE": "/",
    }
    assert save_state(here(tmp_path / "linked", **environ)).saved
    assert (untouched(repo), untouched(tmp_path / "linked", repo / ".git" / "worktrees" / "linked")) == before
    assert save_state(here(repo)).saved is False


def own_branch(root: Path) -> None:
    git(root, "branch", BRANCH)


def own_orphan(root: Path) -> None:
    commit = git(root, "commit-tree", "-m", "mine", "HEAD^{tree}").strip()
    git(root, "update-ref", f"refs/heads/{BRANCH}", commit)


def checked_out(root: Path) -> None:
    git(root, "worktree", "add", "-q", "--detach", str(root.parent / "w"))
    git(root.parent / "w", "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")


REFUSED = {
    "a branch of the user's own": (own_branch, BRANCH, "not begun by us"),
    "an orphan of the user's own": (own_orphan, BRANCH, "not begun by us"),
    "checked out": (checked_out, BRANCH, "is checked out"),
    "an option": (plainly, "--force", "no name of a branch"),
    "dots": (plainly, "a..b", "no name of a branch"),
    "a space": (plainly, "a b", "no name of a branch"),
    "a lock": (plainly, "a.lock", "no name of a branch"),
    "a revision": (plainly, "HEAD@{1}", "no name of a branch"),
    "the index": (plainly, ":a", "no name of a branch"),
    "a newline": (plainly, "a\nb", "no name of a branch"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_branch_that_is_not_ours_is_left_alone(what: str, repo: Path) -> None:
    prepare, name, said = REFUSED[what]
    logged(repo, "it broke")
    prepare(repo)
    before = untouched(repo), git(repo, "for-each-ref")
    for verb in (save_state, restore_state, persist_status):
        with pytest.raises(SnapshotError, match=said):
            verb(here(repo, ORCHESTRATOR_STATE_BRANCH=name))
    assert (untouched(repo), git(repo, "for-each-ref")) == before


def missing_object(git_dir: Path) -> None:
    (git_dir / "refs" / "heads" / BRANCH).write_text("1" * 40)


def garbage(git_dir: Path) -> None:
    (git_dir / "refs" / "heads" / BRANCH).write_text("garbage")


def left_lock(git_dir: Path) -> None:
    (git_dir / "refs" / "heads" / f"{BRANCH}.lock").touch()


def folder_of_branches(git_dir: Path) -> None:
    git(git_dir.parent, "branch", f"{BRANCH}/mine")


GIT_REFUSES = {
    missing_object: "bad object 1111", garbage: "reference broken", left_lock: "lock': File exists",
    folder_of_branches: f"'refs/heads/{BRANCH}/mine' exists",
}  # fmt: skip


@pytest.mark.parametrize("prepare", GIT_REFUSES)
def test_what_git_says_is_repeated_and_no_others_are_blamed(prepare: Callable[[Path], None], repo: Path) -> None:
    logged(repo, "it broke")
    prepare(repo / ".git")
    with pytest.raises(GitError, match=GIT_REFUSES[prepare]):
        save_state(here(repo))


def test_a_branch_here_that_cannot_follow_fails_no_restore(tmp_path: Path, repo: Path) -> None:
    logged(repo, "it broke")
    save_state(here(repo))
    other = repository(tmp_path / "other")
    git(other, "remote", "add", "origin", str(repo))
    left_lock(other / ".git")
    restored = restore_state(here(other, ORCHESTRATOR_STATE_REMOTE="origin"))
    assert restored.action is ImportAction.IMPORTED
    assert "could not follow: git update-ref failed" in restored.warnings[0]


def test_without_git_or_a_repository_or_a_branch_it_says_so(tmp_path: Path, repo: Path) -> None:
    logged(tmp_path, "it broke")
    with pytest.raises(GitError, match="no git repository"):
        save_state(here(tmp_path))
    (repo / "inner").mkdir()
    logged(repo / "inner", "it broke")
    with pytest.raises(GitError, match="no git repository"):
        save_state(here(repo / "inner"))
    logged(repo, "it broke")
    with pytest.raises(GitError, match="git cannot be run"):
        save_state(here(repo, PATH=str(tmp_path)))
    with pytest.raises(SnapshotError, match="orchestrator config set state_branch"):
        save_state(here(repo, ORCHESTRATOR_STATE_BRANCH=""))
    with pytest.raises(SnapshotError, match="nothing was restored"):
        restore_state(here(repo))
    shutil.rmtree(repo / ".orchestrator")
    with pytest.raises(SnapshotError, match="no store here yet"):
        save_state(here(repo))
    assert not (repo / ".orchestrator").exists()


def test_saves_at_once_lose_nothing(repo: Path) -> None:
    logged(repo, "first")
    before = untouched(repo)
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **NAMED}
    commands = [[sys.executable, str(SAVER), str(repo), name, "3"] for name in ("a", "b", "c")]
    savers = [
        subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
        for one in commands
    ]
    said = [process.communicate(timeout=120) for process in savers]
    assert [process.returncode for process in savers] == [0] * 3, said
    ids = {one for out, _ in said for one in out.split()}
    assert len(ids) == 9
    assert untouched(repo) == before
    shutil.rmtree(repo / ".orchestrator")
    restore_state(here(repo))
    assert {one.id for one in here(repo).read(Failure).records} >= ids
    assert git(repo, "rev-list", "--merges", "--count", BRANCH).strip() == "0"


@pytest.mark.torn
def test_a_secret_that_slipped_in_does_not_get_out(repo: Path) -> None:
    """A migrated log is kept byte for byte; to a branch goes what redaction leaves of it."""
    logged(repo, "it broke")
    log = next(repo.rglob("failures.jsonl")).with_name("log.jsonl")
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    log.write_text(
        f'{{"timestamp":"2026-01-06T02:32:21Z","event_type":"error","message":"used {token}"}}\nnot json {token}\n'
    )
    state = log.with_name("state.json")
    state.write_text(f'{{"workflow_id":"wf_1","note":"{token}"}}')
    (log.parent / "checkpoints").mkdir()
    (log.parent / "checkpoints" / "note.txt").write_text(token)
    (repo / ".orchestrator" / "config.yaml").write_text(f"variables: {{key: {token}}}\n")
    save_state(here(repo))
    names = git(repo, "ls-tree", "-r", "--name-only", BRANCH).split()
    saved = {name: git(repo, "show", f"{BRANCH}:{name}") for name in names}
    assert not [name for name, text in saved.items() if token in text]
    assert any("[REDACTED" in text for text in saved.values())
    assert not any(name.endswith((".txt", ".yaml")) for name in saved)
    assert save_state(here(repo)).saved is False
    assert restore_state(here(repo)).action is ImportAction.NOTHING_TO_DO, "what is here is what was saved"


def test_a_phase_that_was_completed_is_saved_by_itself(repo: Path) -> None:
    web = {"ORCHESTRATOR_WEB_MODE": "true", "CLAUDE_CODE_SESSION_ID": "x"}
    workspace = here(repo, **web)
    start_workflow(workspace, task="a task")
    update_workflow(workspace, action="note", text="n")
    assert git(repo, "branch", "--list", BRANCH) == ""
    assert not any("saved" in one for one in update_workflow(workspace, action="advance").warnings)
    assert git(repo, "rev-list", "--count", BRANCH).strip() == "1"
    update_workflow(workspace, action="finish")
    assert git(repo, "rev-list", "--count", BRANCH).strip() == "2"
    workspace.close()
    stays = here(repo, ORCHESTRATOR_WEB_MODE="false", CLAUDE_CODE_SESSION_ID="y")
    start_workflow(stays, task="another")
    update_workflow(stays, action="advance")
    assert git(repo, "rev-list", "--count", BRANCH).strip() == "2"


def test_a_save_that_fails_does_not_fail_the_phase(tmp_path: Path) -> None:
    workspace = here(tmp_path, ORCHESTRATOR_WEB_MODE="true")
    start_workflow(workspace, task="a task")
    view = update_workflow(workspace, action="advance")
    assert view.phase == "EXECUTE"
    assert "was not saved to its branch" in view.warnings[-1]


def test_a_branch_that_was_tampered_with_changes_nothing(repo: Path) -> None:
    logged(repo, "it broke")
    save_state(here(repo))
    tip = git(repo, "rev-parse", BRANCH).strip()
    blob = subprocess.run(
        ["git", "-C", str(repo), "hash-object", "-w", "--stdin"], input=b"{}", capture_output=True, check=True
    )
    name = blob.stdout.decode().strip()
    listing = git(repo, "ls-tree", "-r", BRANCH)
    first = next(line for line in listing.splitlines() if "sessions/" in line)
    shutil.rmtree(repo / ".orchestrator")
    forged = {
        "another content": listing.replace(first.split()[2], name),
        "one more": listing + f"100644 blob {name}\tsessions/evil\n",
        "a link": listing.replace(first, first.replace("100644", "120000")),
        "a program": listing.replace(first, first.replace("100644", "100755")),
        "one less": listing.replace(first + "\n", ""),
        "a hook": listing + f"100755 blob {name}\t.orchestrator/x\n",
        "no manifest": "".join(line + "\n" for line in listing.splitlines() if "manifest" not in line),
    }
    for what, entries in forged.items():
        index = {**os.environ, "GIT_INDEX_FILE": str(repo / ".git" / "forged")}
        (repo / ".git" / "forged").unlink(missing_ok=True)
        subprocess.run(
            ["git", "-C", str(repo), "update-index", "--index-info"], input=entries.encode(), env=index, check=True
        )
        tree = subprocess.check_output(["git", "-C", str(repo), "write-tree"], env=index).decode().strip()
        commit = git(repo, "commit-tree", "-m", what, "-p", tip, tree).strip()
        git(repo, "update-ref", f"refs/heads/{BRANCH}", commit)
        with pytest.raises(SnapshotError):
            restore_state(here(repo))
        assert not (repo / ".orchestrator").exists(), what
