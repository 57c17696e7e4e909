"""Git, run so that it touches nothing of the user's: no hook, no prompt, no index, no work tree of theirs."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, BinaryIO

from orchestrator_mcp.errors import RemoteError, SnapshotError

LOCAL_SECONDS = 120.0
REMOTE_SECONDS = 60.0

_KEPT = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"}
"""Of git's own variables, those that say how to reach a remote; `GIT_DIR` and its like would lead elsewhere."""

_SETTINGS = (
    f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "core.quotePath=false", "core.logAllRefUpdates=true",
    "gc.auto=0", "maintenance.auto=false", "commit.gpgSign=false", "push.gpgSign=false", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "fetch.writeCommitGraph=false", "i18n.commitEncoding=utf-8",
)  # fmt: skip
_SAID = 300


class Git:
    """One repository, of which only objects, and the refs that are named, are ever written.

    Args:
        root: the folder that has `.git`; a repository around it does not count.
        environ: the environment that git is started with, less most of git's own variables.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = {name: value for name, value in environ.items() if not name.startswith("GIT_") or name in _KEPT}
        self._environ |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        self._environ["GIT_CEILING_DIRECTORIES"] = str(root.parent)

    def run(
        self, *words: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> bytes:
        """What git prints, run in `folder`, or in the root.

        Raises:
            SnapshotError: if there is no git, no repository, or git refuses; the text says which.
        """
        code, said, problem = self._ended(words, stdin, extra or {}, LOCAL_SECONDS, folder)
        if code:
            raise SnapshotError(f"git {words[0]} failed: {_line(problem) or f'exit code {code}'}. Nothing was changed.")
        return said

    def asks(self, *words: str) -> str | None:
        """What git prints, or None if it says no."""
        code, said, problem = self._ended(words, b"", {}, LOCAL_SECONDS)
        if code and b"not a git repository" in problem:
            raise SnapshotError(f"{self._root} is no git repository, so it has no branch to save to. Use a snapshot.")
        if code and b"dubious ownership" in problem:
            raise SnapshotError(
                f"git does not trust {self._root}: {_line(problem)}. See safe.directory in git's manual."
            )
        return None if code else said.decode("utf-8", "replace").strip()

    def reach(self, *words: str, extra: Mapping[str, str] | None = None) -> bytes:
        """The same over a network.

        Raises:
            RemoteError: if git refuses, or takes longer than a minute.
        """
        code, said, problem = self._ended(words, b"", extra or {}, REMOTE_SECONDS)
        if code:
            raise RemoteError(f"git {words[0]} failed: {_line(problem) or f'exit code {code}'}.")
        return said

    @contextlib.contextmanager
    def piped(self, *words: str) -> Iterator[tuple[IO[bytes], BinaryIO]]:
        """A git that answers line by line: where to write, and where to read."""
        with self._started(words, {}, subprocess.DEVNULL) as process:
            try:
                assert process.stdin is not None  # noqa: S101  for the type checker
                assert process.stdout is not None  # noqa: S101
                yield process.stdin, process.stdout  # type: ignore[misc]
            finally:
                _end(process)

    def _ended(
        self,
        words: tuple[str, ...],
        stdin: bytes,
        extra: Mapping[str, str],
        seconds: float,
        folder: Path | None = None,
    ) -> tuple[int, bytes, bytes]:
        with self._started(words, extra, subprocess.PIPE, folder) as process:
            try:
                said, problem = process.communicate(stdin, timeout=seconds)
            except subprocess.TimeoutExpired:
                return 1, b"", b"it took too long"
            finally:
                _end(process)
        return process.returncode, said, problem

    def _started(
        self, words: tuple[str, ...], extra: Mapping[str, str], stderr: int, folder: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        settings = [part for one in _SETTINGS for part in ("-c", one)]
        try:
            return subprocess.Popen(
                ["git", "-C", str(folder or self._root), *settings, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**self._environ, **extra},
                start_new_session=True,  # no terminal to ask on, and its helpers end with it
            )
        except OSError as error:
            raise SnapshotError(f"git cannot be run ({error.strerror}). Install it, or use a snapshot.") from error


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it with everything that it started, such as ssh."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


def _line(problem: bytes) -> str:
    """What git said, on one line; of a hint only its beginning."""
    return " ".join(problem.decode("utf-8", "replace").split())[:_SAID].rstrip(".")
