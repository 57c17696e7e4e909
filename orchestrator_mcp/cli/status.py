"""`orchestrator status`: what this project's store holds."""

from orchestrator_mcp.services.sessions import status

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    parser.runs(_status)


def _status(call: Call) -> object:
    return status(call.workspace())
