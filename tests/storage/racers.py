"""Processes that race: a fresh interpreter forks any number of itself, and all begin at the same moment.

As a script: `racers.py VERB COUNT ROOT [ARGUMENT …]` prints one line of JSON, the list of what each one answered.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stores import digest, failure, failures, open_workspace

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.index import Index
from orchestrator_mcp.storage.intake import Source
from orchestrator_mcp.storage.locks import FolderLock

Verb = Callable[[int, Path, list[str]], Any]


def race(verb: str, count: int, root: Path, *arguments: object) -> list[Any]:
    """What each of `count` processes answered; fails if one of them failed."""
    command = [sys.executable, __file__, verb, str(count), str(root), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == count
    return answers


def hold(lock: Path) -> "subprocess.Popen[str]":
    """A process that holds a lock until its standard input ends."""
    command = [sys.executable, __file__, "hold", "0", str(lock)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    """Kill a process, stopped or not, and close its pipes."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)


def store(number: int, root: Path, _: list[str]) -> list[str]:
    """Make the store, or find it."""
    workspace = open_workspace(root, own_session=True)
    meta = workspace.store()
    return [meta.repo_id, workspace.key().hex()]


def session(number: int, root: Path, arguments: list[str]) -> str:
    """Open the session of a client's conversation."""
    workspace = open_workspace(root, own_session=True, client_session=arguments[0])
    workspace.stream(Failure).append(failure(f"from process {number}"))
    return workspace.session_id()


def own(number: int, root: Path, _: list[str]) -> str:
    """Open a session of one's own."""
    workspace = open_workspace(root, own_session=True)
    workspace.stream(Failure).append(failure(f"from process {number}"))
    return workspace.session_id()


def current(number: int, root: Path, _: list[str]) -> str:
    """Record something as a person does, who names no session."""
    workspace = open_workspace(root)
    workspace.stream(Failure).append(failure(f"from process {number}"))
    return workspace.session_id()


def once(number: int, folder: Path, arguments: list[str]) -> str:
    """Append with a request id that all share."""
    return failures(folder).append(failure("the same", request_id=arguments[0])).id


def conflicting(number: int, folder: Path, arguments: list[str]) -> str:
    """Append with a request id that all share, each something else."""
    try:
        return failures(folder).append(failure(f"text {number}", request_id=arguments[0])).id
    except OrchestratorError as error:
        return type(error).__name__


def update(number: int, folder: Path, arguments: list[str]) -> list[int]:
    """Change one record many times, adding to what the others wrote."""
    stream = failures(folder)
    change = f"{number}"
    return [
        stream.supersede(arguments[0], lambda old: old.model_copy(update={"files": [*old.files, change]})).rev
        for _ in range(int(arguments[1]))
    ]


def put(number: int, folder: Path, arguments: list[str]) -> int:
    """Make a record, or change the one that is there."""

    def change(old: Failure | None) -> Failure:
        if old is None:
            return failure(id=arguments[0], files=[str(number)])
        return old.model_copy(update={"files": [*old.files, str(number)]})

    return failures(folder).put(arguments[0], change).rev


def count_up(number: int, folder: Path, arguments: list[str]) -> int:
    """Read a number, add one and write it back, under the lock."""
    lock = FolderLock(folder / "lock", deadline=60)
    counter = folder / "counter"
    for _ in range(int(arguments[0])):
        with lock.held():
            counter.write_text(str(int(counter.read_text()) + 1))
    return number


def inherit(number: int, folder: Path, arguments: list[str]) -> str:
    """Take a lock, then fork a child that must wait for it as a stranger would."""
    lock = FolderLock(folder / "lock", deadline=0.3)
    with lock.held():
        child = os.fork()
        if not child:
            try:
                with lock.held():
                    os._exit(1)
            except OrchestratorError:
                os._exit(0)
        return "excluded" if os.waitpid(child, 0)[1] == 0 else "let in"


def build(number: int, folder: Path, arguments: list[str]) -> int:
    """Build the cache over one file."""
    index = Index(folder / "cache" / "index.sqlite", "1", digest, FolderLock(folder / "lock", deadline=30))
    index.refresh([Source(folder / "failures.jsonl", "failures", "s")], whole=True)
    with index.open() as db:
        return int(db.execute("SELECT COUNT(*) FROM entries").fetchone()[0])


VERBS: dict[str, Verb] = {
    verb.__name__: verb
    for verb in (store, session, own, current, once, conflicting, update, put, count_up, inherit, build)
}


def _hold(path: Path) -> None:
    with FolderLock(path).held():
        print("held", flush=True)
        sys.stdin.read()


def _one(verb: Verb, number: int, start: float, out: int) -> None:
    code = 1
    try:
        time.sleep(max(0.0, start - time.monotonic()))
        answer = verb(number, Path(sys.argv[3]), sys.argv[4:])
        os.write(out, json.dumps(answer).encode() + b"\n")
        code = 0
    except BaseException:  # noqa: BLE001  a forked child must never return into its parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run() -> int:
    verb = VERBS[sys.argv[1]]
    start = time.monotonic() + 0.05
    children = []
    for number in range(int(sys.argv[2])):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            _one(verb, number, start, write)
        os.close(write)
        children.append((child, read))
    answers = []
    for _, read in children:
        with os.fdopen(read, "rb") as pipe:
            answers.append(pipe.read())
    failed = [child for child, _ in children if os.waitpid(child, 0)[1]]
    if failed:
        return 1
    print(json.dumps([json.loads(answer) for answer in answers]))
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        _hold(Path(sys.argv[3]))
    else:
        sys.exit(_run())
