"""`orchestrator session`: list, show, open and switch sessions."""

from orchestrator_mcp.services import sessions

from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    listing = parser.subcommand("list", "list sessions, newest first", _list)
    listing.add_argument("--limit", type=int, default=20, help="how many at most (20)")
    new = parser.subcommand("new", "open a session and make it current", _new)
    new.add_argument("--label", help="what it is for")
    show = parser.subcommand("show", "show one session", _show)
    show.add_argument("id", nargs="?", help="its id, or the last 6 characters; the current one if left out")
    switch = parser.subcommand("switch", "make a session current: the default for this command line", _switch)
    switch.add_argument("id", help="its id, or the last 6 characters of it")


def _list(call: Call) -> object:
    return sessions.list_sessions(call.workspace(), limit=checked("limit", call.args.limit, 1, 1000))


def _new(call: Call) -> object:
    return sessions.new_session(call.workspace(), label=call.args.label)


def _show(call: Call) -> object:
    if call.args.id is None:
        return sessions.current_session(call.workspace())
    return sessions.show_session(call.workspace(), call.args.id)


def _switch(call: Call) -> object:
    return sessions.switch_session(call.workspace(), call.args.id)
