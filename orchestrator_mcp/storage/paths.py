"""Where everything lies: the two roots, and the one place that joins path names."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from orchestrator_mcp.errors import InvalidInputError

DIRECTORY = ".orchestrator"
META = "meta.json"


class Roots(NamedTuple):
    """`store` holds `.orchestrator/`; `work` is this worktree. They differ only in a linked worktree."""

    store: Path
    work: Path


def find_repo_root(start: Path, home: Path | None = None) -> Path:
    """Walk up from `start` to the project's root.

    The first of: a folder with our own `meta.json`, or with `.git` (folder or file). Failing both, the nearest
    with a `workflow.yaml`; failing that, `start`. The home folder and what lies above it never count.
    """
    fallback = None
    for folder in _upwards(start, home):
        if _is(_is_mine, folder / DIRECTORY / META) or _is(Path.exists, folder / ".git"):
            return folder
        if fallback is None and _is(Path.is_file, folder / "workflow.yaml"):
            fallback = folder
    return fallback or start


def find_roots(environ: Mapping[str, str], cwd: Path, root: str | None = None) -> Roots:
    """Find both roots: `root`, else `ORCHESTRATOR_ROOT`, else upwards from `CLAUDE_PROJECT_DIR` or `cwd`.

    Raises:
        InvalidInputError: if a root was named that is not a folder.
    """
    named = root or environ.get("ORCHESTRATOR_ROOT")
    if named:
        work = _named_folder(cwd, named)
        if work is None:
            raise InvalidInputError(f"The root {named!r} is not a folder. Name an existing one with --root.")
        return Roots(_main_worktree(work), work)
    project = environ.get("CLAUDE_PROJECT_DIR")
    start = (cwd / project) if project and (cwd / project).is_dir() else cwd
    home = environ.get("HOME") or environ.get("USERPROFILE")
    work = find_repo_root(start.resolve(), Path(home).resolve() if home else None)
    return Roots(_main_worktree(work), work)


def _is(question: Callable[[Path], bool], path: Path) -> bool:
    """The answer, which is no where we may not look: a folder above may be another user's."""
    try:
        return question(path)
    except OSError:
        return False


def _named_folder(cwd: Path, named: str) -> Path | None:
    try:
        folder = (cwd / Path(named).expanduser()).resolve()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # an unknown ~user, a NUL, a name far too long
        return None


def _upwards(start: Path, home: Path | None) -> Iterator[Path]:
    for folder in (start, *start.parents):
        if folder == home:
            return
        yield folder


def _is_mine(meta: Path) -> bool:
    """Whether a store lies here that belongs to this user: a folder above may be anybody's, such as /tmp."""
    return meta.is_file() and (not hasattr(os, "geteuid") or meta.stat().st_uid == os.geteuid())


def _main_worktree(work: Path) -> Path:
    """The main work tree of a linked one, read from git's own files; otherwise `work` itself."""
    pointer = work / ".git"
    if not pointer.is_file():
        return work
    try:
        git_dir = work / pointer.read_text("utf-8").removeprefix("gitdir:").strip()
        common = (git_dir / (git_dir / "commondir").read_text("utf-8").strip()).resolve()
        back = Path((git_dir / "gitdir").read_text("utf-8").strip())
    except (OSError, ValueError):
        return work  # a submodule has no commondir: it is a repository of its own
    # Git writes both pointers; one alone may have come with an archive, to lead us into another repository.
    is_linked = back.resolve() == pointer.resolve() and common.name == ".git" and common.is_dir()
    return common.parent if is_linked else work


class OrchestratorPaths:
    """Every path of a store, and of one session in it.

    Args:
        base_dir: the folder that holds `.orchestrator/`; found by walking up from the current folder if omitted.
        session_id: the session whose files are meant.
        work_root: this worktree, where legacy files lie; `base_dir` if omitted.
    """

    def __init__(
        self, base_dir: Path | None = None, session_id: str | None = None, work_root: Path | None = None
    ) -> None:
        self.base_dir = base_dir or find_roots(os.environ, Path.cwd()).store
        self.session_id = session_id
        self.work_root = work_root or self.base_dir
        self.orchestrator_dir = self.base_dir / DIRECTORY
        self._sessions_dir = self.orchestrator_dir / "sessions"

    def meta_file(self) -> Path:
        return self.orchestrator_dir / META

    def current_file(self) -> Path:
        return self.orchestrator_dir / "current"

    def lock_file(self) -> Path:
        return self.orchestrator_dir / "lock"

    def sessions_dir(self) -> Path:
        return self._sessions_dir

    def reports_dir(self) -> Path:
        return self.orchestrator_dir / "reports"

    def cache_dir(self) -> Path:
        return self.orchestrator_dir / "cache"

    def tmp_dir(self) -> Path:
        return self.orchestrator_dir / "tmp"

    def backup_dir(self) -> Path:
        return self.orchestrator_dir / "migration_backup"

    def archive_dir(self) -> Path:
        return self.orchestrator_dir / "archive"

    def prd_dir(self) -> Path:
        return self.orchestrator_dir / "prd"

    def config_file(self) -> Path:
        return self.orchestrator_dir / "config.yaml"

    def secrets_dir(self) -> Path:
        return self.orchestrator_dir / "secrets"

    def erasure_mark(self) -> Path:
        return self.orchestrator_dir / ".erased"

    def migration_marker(self) -> Path:
        return self.orchestrator_dir / ".migration_complete"

    def session_dir(self) -> Path:
        """The session's folder.

        Raises:
            InvalidInputError: (a ValueError) if no session was named.
        """
        if not self.session_id:
            raise InvalidInputError("No session ID set. Name one, or let SessionManager open one.")
        return self.sessions_dir() / self.session_id

    def state_file(self) -> Path:
        return self.session_dir() / "state.json"

    def log_file(self) -> Path:
        return self.session_dir() / "log.jsonl"

    def checkpoints_dir(self) -> Path:
        return self.session_dir() / "checkpoints"

    def feedback_dir(self) -> Path:
        return self.session_dir() / "feedback"

    def find_legacy_state_file(self) -> Path | None:
        old = self.work_root / ".workflow_state.json"
        return old if old.exists() else None

    def for_session(self, session_id: str) -> "OrchestratorPaths":
        return OrchestratorPaths(self.base_dir, session_id, self.work_root)
