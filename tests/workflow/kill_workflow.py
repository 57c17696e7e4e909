"""Kill one call of a workflow's verb at each of its steps in turn, with SIGKILL, and have the next call go on.

Usage: kill_workflow.py FOLDER CALL
CALL is JSON: {"verb": "start"|"update", …arguments}. Prints one JSON object a kill: where it was, and what was left.
"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "migration")]

from kill_at import arm
from projects import Project
from workflow_world import check_agreement

from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow


def act(project: Project, call: dict, request_id: str | None = None):
    said = {name: value for name, value in call.items() if name != "verb"}
    verb = start_workflow if call["verb"] == "start" else update_workflow
    agent = project.person()
    return verb(agent, **said, request_id=request_id), agent


def main() -> None:
    base, call = Path(sys.argv[1]), json.loads(sys.argv[2])
    count, over = 0, False
    while not over:
        count += 1
        for moment in ("before", "after"):
            root = base.with_name(f"{base.name}-{count}-{moment}")
            shutil.copytree(base, root, symlinks=True)
            child = os.fork()
            if child == 0:
                project = Project(root)
                arm(count, moment)
                try:
                    act(project, call, "r-1")
                    os._exit(0)
                finally:
                    traceback.print_exc()
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            ended = os.WIFEXITED(status)
            assert status in {0, 9}, status
            print(json.dumps(outcome(root, call) | {"kill": f"{count} {moment}", "ended": ended}), flush=True)
            shutil.rmtree(root)
            over = over or (ended and moment == "before")  # a call that fails is not killed after


def outcome(root: Path, call: dict) -> dict:
    """What a killed call left, and what the same call, repeated by another process, makes of it."""
    project = Project(root)
    logs = list(root.rglob("log.jsonl"))
    lines = logs[0].read_bytes().split(b"\n") if logs else []
    torn = bool(lines and lines[-1])
    read_before = get_workflow(project.person()).revision  # a reader who comes in between is not misled
    view, agent = act(project, call, "r-1")
    check_agreement(agent)
    again, _ = act(project, call, "r-1")
    requests = logs[0].read_bytes().count(b'"r-1"') if logs else 0
    return {
        "torn": torn, "seen": read_before, "revision": view.revision, "same": again == view, "lines": requests,
        "status": view.status, "phase": view.phase,
    }  # fmt: skip


if __name__ == "__main__":
    main()
