"""Import a snapshot as the command line does, once a gate opens.

Usage: importer.py ROOT SNAPSHOT GATE
"""

import sys
import time
from pathlib import Path

from orchestrator_mcp.cli.main import main

root, snapshot, gate = sys.argv[1:]
print("ready", flush=True)
while not Path(gate).exists():
    time.sleep(0.0005)
sys.exit(main(["--root", root, "snapshot", "import", snapshot, "--on-conflict", "replace", "--json"]))
