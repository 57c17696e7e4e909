"""Where everything lies: the two roots, and the one place that joins path names."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from orchestrator_mcp.errors import InvalidInputError

DIRECTORY = ".orchestrator"
META = "meta.json"
CONFIG = "config.yaml"
FALLBACK = "~/.config/orchestrator/config.yaml"


class Roots(NamedTuple):
    """`store` holds `.orchestrator/`; `work` is this worktree. They differ only in a linked worktree.

    `folder` is the store's own, where a person keeps it under the home folder; None is `.orchestrator/` in `store`.
    """

    store: Path
    work: Path
    folder: Path | None = None


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


def find_roots(environ: Mapping[str, str], cwd: Path, root: str | None = None, *, at_home: bool = False) -> Roots:
    """Find both roots: `root`, else `ORCHESTRATOR_ROOT`, else upwards from `CLAUDE_PROJECT_DIR` or `cwd`.

    A store that lies under the home folder for this project is the project's; with `at_home`, one that is yet to be
    made there too.

    Raises:
        InvalidInputError: if a root was named that is not a folder.
    """
    home = home_folder(environ)
    work = _work_root(environ, cwd, root or environ.get("ORCHESTRATOR_ROOT"), home)
    main = _main_worktree(work)
    kept = HomePaths(home).store_dir(main) if home else None
    return Roots(main, work, kept if kept and (at_home or _is(_is_mine, kept / META)) else None)


def _work_root(environ: Mapping[str, str], cwd: Path, named: str | None, home: Path | None) -> Path:
    if named:
        work = _named_folder(typed_path(named, home, cwd))
        if work is None:
            raise InvalidInputError(f"The root {named!r} is not a folder. Name an existing one with --root.")
        return work
    project = environ.get("CLAUDE_PROJECT_DIR")
    start = (cwd / project) if project and (cwd / project).is_dir() else cwd
    return find_repo_root(start.resolve(), home.resolve() if home else None)


def home_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's home folder as the environment names it; None if it names none, or not from the root on."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "")
    return home if home.is_absolute() else None


def _is(question: Callable[[Path], bool], path: Path) -> bool:
    """The answer, which is no where we may not look: a folder above may be another user's."""
    try:
        return question(path)
    except OSError:
        return False


def typed_path(typed: str, home: Path | None, cwd: Path) -> Path:
    """What a person means by a path: `~` is the home folder, and all else begins where they stand."""
    first, _, rest = typed.partition("/")
    return home / rest if first == "~" and home else cwd / typed


def _named_folder(place: Path) -> Path | None:
    try:
        folder = place.resolve()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL, a name far too long
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


class HomePaths:
    """Every path of what is a person's own, on this machine.

    Args:
        home: the home folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.orchestrator_dir = home / DIRECTORY

    def config_file(self) -> Path:
        return self.orchestrator_dir / CONFIG

    def fallback_config_file(self) -> Path:
        return self._home / FALLBACK.removeprefix("~/")

    def store_dir(self, project: Path) -> Path:
        """Where the store of a project lies that is to outlive its folder: computed, so that no table can be lost."""
        name = re.sub(r"[^A-Za-z0-9-]+", "-", project.name)[:40].strip("-") or "project"
        return self.orchestrator_dir / "stores" / f"{name}-{sha256(os.fsencode(project)).hexdigest()[:12]}"

    def templates_dir(self) -> Path:
        return self.orchestrator_dir / "templates"

    def secrets_dir(self) -> Path:
        return self.orchestrator_dir / "secrets"


class OrchestratorPaths:
    """Every path of a store, and of one session in it.

    Args:
        base_dir: the project's main folder, which holds `.orchestrator/`; found by walking up from the current folder
            if omitted.
        session_id: the session whose files are meant.
        work_root: this worktree, where legacy files lie; `base_dir` if omitted.
        folder: the store's own folder, if it is not `.orchestrator/` in `base_dir`.
    """

    def __init__(
        self,
        base_dir: Path | None = None,
        session_id: str | None = None,
        work_root: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        roots = Roots(base_dir, work_root or base_dir, folder) if base_dir else find_roots(os.environ, Path.cwd())
        self.base_dir = roots.store
        self.session_id = session_id
        self.work_root = work_root or self.base_dir
        self.orchestrator_dir = roots.folder or self.base_dir / DIRECTORY
        self._sessions_dir = self.orchestrator_dir / "sessions"

    @property
    def in_project(self) -> bool:
        """Whether the store lies in the project's folder; else a person keeps it under the home folder."""
        return self.orchestrator_dir == self.base_dir / DIRECTORY

    def shown(self, path: Path) -> str:
        """A path in the store, as messages name it: from the project's folder on, or from the home folder."""
        folder = DIRECTORY if self.in_project else f"~/{DIRECTORY}/stores/{self.orchestrator_dir.name}"
        return f"{folder}/{path.relative_to(self.orchestrator_dir).as_posix()}"

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

    def config_file(self) -> Path:
        return self.orchestrator_dir / CONFIG

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
        return OrchestratorPaths(self.base_dir, session_id, self.work_root, self.orchestrator_dir)
