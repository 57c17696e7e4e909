"""`orchestrator init`: make the store now, instead of at the first write."""

from orchestrator_mcp.services.sessions import make_store

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    parser.runs(_init)


def _init(call: Call) -> object:
    return make_store(call.workspace())
