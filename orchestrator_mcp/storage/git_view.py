"""What git makes of the store: which of its files it tracks, and which it would take."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .git import Git
from .paths import DIRECTORY


class GitView:
    """One repository, asked about the store in it and never told anything.

    Args:
        root: the project's folder.
        environ: the environment that git is started with.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ
        self._git = Git(root, environ)

    def is_repository(self) -> bool:
        """Whether git's own folder, or the file that points to it, lies here."""
        return os.path.lexists(self._root / ".git")

    def is_installed(self) -> bool:
        """Whether there is a git to ask."""
        return shutil.which("git", path=self._environ.get("PATH")) is not None

    def tracked(self) -> list[str]:
        """The files of the store that git tracks.

        Raises:
            GitError: if git does not answer.
        """
        return self._names("--cached")

    def tracked_by_mistake(self) -> list[str]:
        """Those of them that its own rules tell git to ignore."""
        return self._names("--cached", "--ignored", "--exclude-standard")

    def takeable(self) -> list[str]:
        """The files of the store that git would take if everything were added."""
        return self._names("--others", "--exclude-standard")

    def _names(self, *which: str) -> list[str]:
        """Relative to `.orchestrator/`; they need not be UTF-8."""
        found = self._git.run("ls-files", "-z", *which, "--", DIRECTORY)
        return [os.fsdecode(name).removeprefix(f"{DIRECTORY}/") for name in found.split(b"\0") if name]
