"""Appends under a resource limit, and once more without. `limited.py FOLDER LIMIT SIZE` prints a JSON summary."""

import json
import os
import resource
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.storage.lines import LineFile, encode_line
from orchestrator_mcp.storage.locks import FolderLock

folder, limit, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LineFile(folder / "log.jsonl", FolderLock(folder / "lock"))
acknowledged: list[str] = []
before = resource.getrlimit(limit)
size = size if limit != resource.RLIMIT_NOFILE else max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(limit, (size, before[1]))
error = OrchestratorError("none")
try:
    for number in range(100):
        file.append(encode_line({"id": str(number), "pad": "x" * 300}))
        acknowledged.append(str(number))
except OrchestratorError as refusal:
    error = refusal
resource.setrlimit(limit, before)
file.append(encode_line({"id": "last"}))
acknowledged.append("last")
print(json.dumps({"error": type(error).__name__, "text": str(error), "acknowledged": acknowledged}))
