"""Save the state of a project to its branch, some times over, each time after a failure of its own was logged.

Usage: saver.py ROOT NAME COUNT
"""

import os
import sys
from pathlib import Path

from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.persistence import save_state
from orchestrator_mcp.services.workspace import open_workspace

root, name, count = sys.argv[1:]
workspace = open_workspace(os.environ, Path(root), root=root, own_session=True)
for number in range(int(count)):
    done = log_failure(workspace, context=f"{name} {number} broke", feedback=f"mend {name} {number}", category="api")
    save_state(workspace)
    print(done.id, flush=True)
