"""Import a snapshot in a process of its own, and say what came of it and how much memory it took (Linux).

Usage: take_in.py ROOT SNAPSHOT
"""

import json
import os
import sys
from pathlib import Path

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.services.snapshot_import import import_snapshot
from orchestrator_mcp.services.workspace import open_workspace


def peak() -> int:
    """The most memory that this process had; what its parent had before does not count."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def main() -> None:
    root, snapshot = map(Path, sys.argv[1:])
    workspace = open_workspace(os.environ, root, root=str(root))
    try:
        said = import_snapshot(workspace, snapshot, passphrase=lambda: "wrong").action.value
    except OrchestratorError as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps({"said": said, "kilobytes": peak()}))


if __name__ == "__main__":
    main()
