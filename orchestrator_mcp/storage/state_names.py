"""Which branch, and which remote, do the settings mean?"""

import re

from orchestrator_mcp.errors import RemoteError, SnapshotError
from orchestrator_mcp.records.base import ID_PATTERN

from .git import Git

_PLACEHOLDER = "<repo-id>"
_TAKEN = re.compile(r"refs|heads|tags|remotes|stash|@|(\w+_)?HEAD|[0-9a-f]{4,64}", re.IGNORECASE)
"""What git, asked for a name, takes for something else: a branch of it would be found in its stead, or the reverse."""


def check_remote(git: Git, remote: str) -> None:
    """Raises RemoteError if git knows no remote of this name; an address is none."""
    if remote not in (git.asks("remote") or "").splitlines():
        raise RemoteError(
            f"state_remote is {remote[:80]!r}, and git has no remote of that name; `git remote` lists them."
        )


def check_name(git: Git, name: str) -> None:
    """Raises SnapshotError if no branch can have this name, or if git would find it where somebody means another."""
    if name.startswith("-") or git.asks("check-ref-format", f"refs/heads/{name}") is None:
        raise SnapshotError(f"state_branch is {name[:80]!r}, which is no name of a branch. Set another.")
    remotes = (git.asks("remote") or "").lower().splitlines()
    shadows = any(f"{name.lower()}/".startswith(f"{one}/") for one in remotes)
    if shadows or _TAKEN.fullmatch(name.partition("/")[0]):
        raise SnapshotError(f"state_branch is {name[:80]!r}, which git takes for something else. Set another.")


def branch_name(git: Git, name: str, repo_id: str | None, remote: str | None) -> str:
    """A branch's name, in which `<repo-id>` stands for the store's id; where there is none, for the only one saved.

    Args:
        git: the repository's.
        name: as it was set.
        repo_id: the store's id, if there is a store.
        remote: where to look too.

    Raises:
        SnapshotError: if no saved state fits, or several do.
    """
    before, placeholder, after = name.partition(_PLACEHOLDER)
    if not placeholder or repo_id:
        return name.replace(_PLACEHOLDER, repo_id or "")
    refs = (git.asks("for-each-ref", "--format=%(refname)", "refs/heads/") or "").split()
    if remote:
        check_remote(git, remote)
        refs += git.reach("ls-remote", "--heads", remote).decode("utf-8", "replace").split()[1::2]
    shape = re.compile(f"refs/heads/({re.escape(before)}{ID_PATTERN.strip('^$')}{re.escape(after)})")
    found = sorted({match[1] for match in map(shape.fullmatch, refs) if match})
    if len(found) != 1:
        raise SnapshotError(
            f"state_branch is {name}, there is no store whose id could stand for {_PLACEHOLDER}, and "
            f"{len(found)} saved states have such a name. Set the whole name of the branch, or state_remote "
            "to the remote that has it."
        )
    return found[0]
