"""Processes that write while sessions are cleaned up, compacted and rotated under their feet.

As a script: `crowd.py ROOT WRITERS EACH` prints one line of JSON: what each writer was told is stored.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "storage")]

from stores import VERSION, digest, failure

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.session_cleaning import compact_sessions
from orchestrator_mcp.storage.archive import put_away
from orchestrator_mcp.storage.lines import LineFile
from orchestrator_mcp.storage.paths import Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace

LineFile.rotate_at = 8_000
LATER = datetime(3000, 1, 1, tzinfo=UTC)


def opened(root: Path, session: str) -> Workspace:
    thinking = Thinking(lambda value, _key: value, digest, VERSION)
    return Workspace(Roots(root, root), Settings(session=session, own_session=True), thinking, lambda: LATER)


def write(root: Path, number: int, each: int) -> list[str]:
    """Append to a session of one's own and to one that all share; every third record is changed as well."""
    workspaces = [opened(root, f"writer-{number}"), opened(root, "shared")]
    stored = []
    for count in range(each):
        workspace = workspaces[count % 2]
        text = f"{number} {count}"
        one = patiently(lambda: workspace.stream(Failure).append(failure(text)))  # noqa: B023  called at once
        stored.append(text)
        if count % 3 == 0:
            change(workspace, one.id, text)
    return stored


def patiently(act):  # type: ignore[no-untyped-def]
    """What a caller does whose session was cleaned up at that moment: try again, which opens it anew."""
    while True:
        try:
            return act()
        except NotFoundError:
            continue


def change(workspace: Workspace, record_id: str, text: str) -> None:
    """A newer version; where the session went to the archive meanwhile there is nothing to change any more."""
    try:
        workspace.stream(Failure).supersede(record_id, lambda old: old.model_copy(update={"files": [text]}))
    except NotFoundError:
        return


def tidy(root: Path, stop: Path) -> None:
    """Compact, and put any session away, again and again, until told to stop."""
    workspace = opened(root, "tidier")
    lock = workspace.locks.of(workspace.paths.orchestrator_dir)
    while not stop.exists():
        compact_sessions(workspace)
        put_away(workspace.paths, lock, workspace.sessions.list_sessions(), lambda _: None)
        time.sleep(0.02)


def child(act, *arguments) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    read, out = os.pipe()
    pid = os.fork()
    if pid:
        os.close(out)
        return pid, read
    code = 1
    try:
        with os.fdopen(out, "wb") as pipe:
            pipe.write(json.dumps(act(*arguments)).encode())
        code = 0
    finally:
        os._exit(code)


def main() -> int:
    root, writers, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    opened(root, "writer-0").session_id()
    stop = root / "stop"
    tidier = child(tidy, root, stop)
    children = [child(write, root, number, each) for number in range(writers)]
    answers = []
    for _, read in children:
        with os.fdopen(read, "rb") as pipe:
            answers.append(pipe.read())
    failed = [pid for pid, _ in children if os.waitpid(pid, 0)[1]]
    stop.touch()
    failed += [tidier[0]] if os.waitpid(tidier[0], 0)[1] else []
    print(json.dumps([] if failed else [json.loads(answer) for answer in answers]))
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
