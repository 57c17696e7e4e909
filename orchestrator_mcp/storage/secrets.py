"""Where a secret lies: in the environment, in the project's private folder, or in a person's own."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError, OrchestratorError, UnsafePathError
from orchestrator_mcp.records.settings import SecretOrigin

from .files import is_staged, make_folder, open_plain, refusals, replace_file
from .locks import FolderLock
from .paths import HomePaths, OrchestratorPaths
from .store import read_meta

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
LONGEST = 64 * 1024
_OTHERS = 0o077
_KEYS = ".key"
"""How the names of files end that this program keeps beside a person's secrets."""


class Secrets:
    """The secrets that a process may use.

    Args:
        paths: the project's; its secrets count only where the store is ours.
        home: the person's, or None if there is no home folder.
        environ: the environment.
    """

    def __init__(self, paths: OrchestratorPaths, home: HomePaths | None, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._home = home
        self._environ = environ

    def get(self, name: str) -> str | None:
        """A secret's value: of the environment, else the project's, else the person's; None if there is none.

        Raises:
            InvalidInputError: if that is no name of a secret, or the file holds no text.
            UnsafePathError: if others can read or change the file. A weaker place is not asked then.
        """
        origin = next(iter(self.origins(name)), None)
        if origin is None:
            return None
        return self._environ[name] if origin is SecretOrigin.ENVIRONMENT else _read(self.folders()[origin] / name)

    def origins(self, name: str) -> list[SecretOrigin]:
        """Where a secret lies, the place that decides first.

        Raises:
            InvalidInputError: if that is no name of a secret.
        """
        check_name(name)
        found = [SecretOrigin.ENVIRONMENT] if self._environ.get(name) else []
        return found + self.holding(name)

    def holding(self, name: str) -> list[SecretOrigin]:
        """Which folders have a file of this name."""
        return [origin for origin, folder in self.folders().items() if os.path.lexists(folder / name)]

    def problem(self, name: str, origin: SecretOrigin) -> str | None:
        """Why a secret in one place cannot be used; None if it can."""
        if origin is SecretOrigin.ENVIRONMENT:
            return None
        try:
            _read(self.folders()[origin] / name)
        except OrchestratorError as error:
            return str(error)
        return None

    def names(self) -> list[str]:
        """Every name in the folders, also such as are none; the environment holds much that is no secret."""
        return sorted({name for folder in self.folders().values() for name in _names_in(folder)})

    def folders(self) -> dict[SecretOrigin, Path]:
        """Where files are looked for, in their order."""
        found = {}
        try:
            if read_meta(self._paths) is not None:
                found[SecretOrigin.REPO] = self._paths.secrets_dir()
        except OrchestratorError:
            pass  # another tool's folder, whose secrets are none of ours
        if self._home:
            found[SecretOrigin.GLOBAL] = self._home.secrets_dir()
        return found


def write_secret(folder: Path, lock: FolderLock, name: str, value: str) -> bool:
    """Store a secret in a private folder; returns whether it replaced another.

    Raises:
        InvalidInputError: if that is no name of a secret, or no value of one.
    """
    check_name(name)
    data = _well_formed(value, "What was given").encode()
    make_folder(folder)
    with refusals("making private", folder):
        os.chmod(folder, stat.S_IRWXU)
    with lock.held():
        there = os.path.lexists(folder / name)
        replace_file(folder / name, data)
    return there


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a secret; it is not repeated, as a value may have been given in its place.

    Raises:
        InvalidInputError: if it is none.
    """
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            "That is no name of a secret. Use up to 64 capitals, digits and underscores, such as OPENAI_API_KEY."
        )


def _read(path: Path) -> str:
    check_name(path.name)
    with refusals("looking at", path.parent):
        _refuse_open(path.parent, os.lstat(path.parent), "700")
    fd = open_plain(path, os.O_RDONLY)
    with os.fdopen(fd, "rb") as file, refusals("reading", path):
        _refuse_open(path, os.fstat(fd), "600")
        data = file.read(LONGEST + 3)  # as much as tells that it is too long, a line's end included
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is no text. Store it again.") from None
    return _well_formed(text, str(path))


def _well_formed(text: str, what: str) -> str:
    value = text.removesuffix("\n").removesuffix("\r")
    if not value or "\0" in value or len(value.encode("utf-8", "replace")) > LONGEST:
        raise InvalidInputError(f"{what} is no secret: it is empty, holds a NUL, or is longer than {LONGEST} bytes.")
    return value


def _refuse_open(path: Path, info: os.stat_result, mode: str) -> None:
    """As ssh does with its keys."""
    if not hasattr(os, "geteuid"):
        return  # Windows keeps others out by other means
    if stat.S_ISLNK(info.st_mode):
        raise UnsafePathError(f"{path} is a symbolic link, and links are not followed. Remove it and try again.")
    if info.st_uid != os.geteuid():
        raise UnsafePathError(f"{path} belongs to another user, so it is not used. Remove it, and store it again.")
    if info.st_mode & _OTHERS:
        raise UnsafePathError(
            f"{path} is open to others (mode {stat.S_IMODE(info.st_mode):o}), so it is not used. "
            f"Run `chmod {mode} {path}`; if others may have read it, replace the secret."
        )


def _names_in(folder: Path) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    yield from (name for name in names if not (name.endswith(_KEYS) or name == "lock" or is_staged(name)))
