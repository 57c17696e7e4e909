"""Logs one failure and prints whether it was stored, or an error of ours told. `one_failure.py ROOT`."""

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "storage"), str(Path(__file__).parents[2])]

from scenarios import log_first

from orchestrator_mcp.errors import OrchestratorError

try:
    log_first(Path(sys.argv[1]))
    print(json.dumps("stored"))
except OrchestratorError:
    print(json.dumps("told"))
