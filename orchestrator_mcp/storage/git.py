"""Git, run so that it touches nothing of the user's: no hook, no prompt, no index, no work tree of theirs."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any, BinaryIO

from orchestrator_mcp.errors import GitError, RemoteError

LOCAL_SECONDS = 120.0
REMOTE_SECONDS = 60.0

_KEPT = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"}
"""Of git's own variables, those that say how to reach a remote; `GIT_DIR` and its like would lead elsewhere."""

_SETTINGS = (
    f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "core.quotePath=false", "core.logAllRefUpdates=true",
    "gc.auto=0", "maintenance.auto=false", "commit.gpgSign=false", "push.gpgSign=false", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "fetch.writeCommitGraph=false", "i18n.commitEncoding=utf-8",
    "core.filesRefLockTimeout=2000", "core.splitIndex=false",
)  # fmt: skip
_OURS = "ORCHESTRATOR_"
_SECRET = re.compile(r".*(_TOKEN|_KEY|_SECRET|PASSWORD.*)", re.IGNORECASE)
"""Variables that only a git that reaches a remote may need: every other is started without them."""

_MOST_SAID = 64 << 20
_LONGEST_ENTRY = 64 << 10
_SAID = 300


class Git:
    """One repository, of which only objects, and the refs that are named, are ever written.

    Args:
        root: the folder that has `.git`; a repository around it does not count.
        environ: the environment that git is started with, less most of git's own variables, ours, and secrets.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        given = {name: value for name, value in environ.items()
                 if name in _KEPT or not name.startswith(("GIT_", _OURS))}  # fmt: skip
        self._secrets = {name: value for name, value in given.items() if _SECRET.fullmatch(name)}
        self._environ = {name: value for name, value in given.items() if name not in self._secrets}
        self._environ |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        self._environ["GIT_CEILING_DIRECTORIES"] = str(root.parent)

    def run(
        self, *words: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> bytes:
        """What git prints, run in `folder`, or in the root.

        Raises:
            GitError: if there is no git, no repository, or git refuses; the text says which.
        """
        code, said, problem = self._ended(words, stdin, extra or {}, LOCAL_SECONDS, folder)
        if code:
            raise self._refused(words[0], code, problem)
        return said

    def asks(self, *words: str) -> str | None:
        """What git prints, or None if it says no, which is exit code 1.

        Raises:
            GitError: if it cannot tell; see `run`.
        """
        code, said, problem = self._ended(words, b"", {}, LOCAL_SECONDS)
        if code not in {0, 1}:
            raise self._refused(words[0], code, problem)
        return None if code else said.decode("utf-8", "replace").strip()

    def reach(self, *words: str, extra: Mapping[str, str] | None = None) -> bytes:
        """The same over a network, for which git is given the tokens and passwords that the environment has.

        Raises:
            RemoteError: if git refuses, or takes longer than a minute.
        """
        code, said, problem = self._ended(words, b"", {**self._secrets, **(extra or {})}, REMOTE_SECONDS)
        if code:
            raise RemoteError(f"git {words[0]} failed: {_line(problem) or f'exit code {code}'}.")
        return said

    def listed(self, *words: str) -> Iterator[bytes]:
        """What git lists with `-z`, an entry at a time; whoever has read enough may stop.

        Raises:
            GitError: at the end, if git refuses; or if an entry is none that can be used.
        """
        with self._started(words, {}, subprocess.DEVNULL) as process:
            try:
                assert process.stdout is not None  # noqa: S101  for the type checker
                rest = b""
                while chunk := process.stdout.read(_LONGEST_ENTRY):
                    *whole, rest = (rest + chunk).split(b"\0")
                    yield from whole
                    if len(rest) > _LONGEST_ENTRY:
                        raise self._refused(words[0], 0, b"it names a file with more letters than any has")
                if code := process.wait():
                    raise self._refused(words[0], code, b"")
            finally:
                _end(process)

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

    def _refused(self, verb: str, code: int, problem: bytes) -> GitError:
        if b"not a git repository" in problem:
            return GitError(f"There is no git repository in {self._root}. Use a snapshot, or `git init`.")
        if b"dubious ownership" in problem:
            return GitError(f"git does not trust {self._root}: {_line(problem)}. See safe.directory in git's manual.")
        return GitError(f"git {verb} failed: {_line(problem) or f'exit code {code}'}. Nothing was changed.")

    def _ended(
        self,
        words: tuple[str, ...],
        stdin: bytes,
        extra: Mapping[str, str],
        seconds: float,
        folder: Path | None = None,
    ) -> tuple[int, bytes, bytes]:
        with self._started(words, extra, subprocess.PIPE, folder) as process, ThreadPoolExecutor(4) as aside:
            try:
                aside.submit(_tell, process.stdin, stdin)
                said, problem = (aside.submit(_hear, process, one) for one in (process.stdout, process.stderr))
                all_of_it: list[Future[Any]] = [said, problem, aside.submit(process.wait)]
                if wait(all_of_it, seconds).not_done:
                    _kill(process)
                    return -1, b"", b"it took too long"
            finally:
                _end(process)
            if max(len(said.result()), len(problem.result())) > _MOST_SAID:
                return -1, b"", b"it said more than anybody reads"
            return process.returncode, said.result(), problem.result()

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
            raise GitError(f"git cannot be run ({error.strerror}). Install it.") from error


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it with everything that it started, such as ssh."""
    if process.poll() is None:
        _kill(process)
        process.wait()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


def _tell(stdin: IO[bytes] | None, data: bytes) -> None:
    assert stdin is not None  # noqa: S101  for the type checker
    with contextlib.suppress(OSError), stdin:  # a git that refuses does not read on
        stdin.write(data)


def _hear(process: "subprocess.Popen[bytes]", stream: IO[bytes] | None) -> bytes:
    assert stream is not None  # noqa: S101
    said = stream.read(_MOST_SAID + 1)
    if len(said) > _MOST_SAID:
        _kill(process)
    return said


def _line(problem: bytes) -> str:
    """What git said, on one line; of a hint only its beginning."""
    return " ".join(problem.decode("utf-8", "replace").split())[:_SAID].rstrip(".")
