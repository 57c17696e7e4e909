"""`orchestrator serve`: the MCP server, for a client that has this command alone, as in a zipapp."""

from orchestrator_mcp.__main__ import add_options, options_of, serve

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    add_options(parser.runs(_serve))


def _serve(call: Call) -> tuple[int, None]:
    return serve(options_of(call.args)), None
