"""The fake server as a process: started as the real one is, so that what is tested is the real start and end."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_mcp.server.debug_log import start_log
from orchestrator_mcp.server.startup import run_stdio

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


def build() -> "MCPServer[Any]":
    sys.path.insert(0, str(Path(__file__).parent))
    from fakes import fake_server

    return fake_server()


if __name__ == "__main__":
    start_log(Path(sys.argv[1]) if sys.argv[1:] else None)
    sys.exit(run_stdio(build))
