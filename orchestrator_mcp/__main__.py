"""`python -m orchestrator_mcp`, and the command `orchestrator-mcp`: the MCP server on stdin and stdout."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_mcp.server.options import Options, add_options, options_of, parse_options

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from orchestrator_mcp.storage.workspace import Workspace

__all__ = ["add_options", "main", "options_of", "serve"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server as its command line says; the process's exit code."""
    return serve(parse_options(arguments))


def serve(options: Options) -> int:
    """Run the server; the process's exit code."""
    from orchestrator_mcp.server.debug_log import start_log  # noqa: PLC0415  --help and --version need none of it
    from orchestrator_mcp.server.startup import run_stdio  # noqa: PLC0415

    start_log(options.debug_log)
    return run_stdio(lambda: _build(options))


def _build(options: Options) -> "MCPServer[Any]":
    from orchestrator_mcp.server.app import build_server  # noqa: PLC0415  the SDK is imported here

    def workspace() -> "Workspace":
        from orchestrator_mcp.services.workspace import open_workspace  # noqa: PLC0415  the first call needs it

        return open_workspace(
            os.environ,
            Path.cwd(),
            root=options.root,
            session=options.session,
            read_only=options.read_only,
            own_session=True,
        )

    return build_server(
        workspace,
        read_only=options.read_only,
        toolsets=options.toolsets,
    )


if __name__ == "__main__":
    sys.exit(main())
