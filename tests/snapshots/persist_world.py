"""Repositories whose state is saved to a branch, and all of them that belongs to their user."""

import hashlib
import os
import subprocess
from pathlib import Path

from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.workspace import Workspace

BRANCH = "orchestrator-state"
NAMED = {"ORCHESTRATOR_STATE_BRANCH": BRANCH}
ME = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")


def git(root: Path, *words: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *ME, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.decode()


def here(root: Path, **environ: str) -> Workspace:
    """The project as a process finds it in an environment."""
    given = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **NAMED, **environ}
    return open_workspace(given, root, root=str(root), own_session=True)


def logged(root: Path, context: str, **environ: str) -> str:
    workspace = here(root, **environ)
    done = log_failure(workspace, context=context, feedback=context[::-1], category="api")
    workspace.close()
    return done.id


def repository(root: Path, *options: str) -> Path:
    subprocess.run(["git", "init", "-q", *options, str(root)], check=True, capture_output=True)
    return root


def untouched(root: Path, git_dir: Path | None = None) -> dict[str, object]:
    """All of a repository that belongs to its user."""
    git_dir = git_dir or root / ".git"
    found: dict[str, object] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [one for one in folders if one not in {".git", ".orchestrator"}]
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = (
                path.lstat().st_mtime_ns,
                path.read_bytes() if path.is_file() else b"",
            )
    for name in ("index", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "config", "packed-refs"):
        path = git_dir / name
        found[f"git {name}"] = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    found["status"] = git(root, "--no-optional-locks", "status", "--porcelain=v2", "--branch", check=False)
    refs = git(root, "for-each-ref", "--format=%(refname) %(objectname)")
    found["refs"] = [line for line in refs.splitlines() if BRANCH not in line]
    found["stash"] = git(root, "stash", "list", check=False)
    return found
