"""`orchestrator checkpoint`: keep where a workflow stands, and go on from there later."""

from orchestrator_mcp.services import checkpoints

from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    create = parser.subcommand("create", "keep where this session's workflow stands", _create)
    create.add_argument("--message", metavar="TEXT", help="what to know when going on")
    create.add_argument("--decision", action="append", default=[], metavar="TEXT", help="a decision taken; repeatable")
    create.add_argument("--file", action="append", default=[], metavar="PATH", help="a file that matters; repeatable")
    listing = parser.subcommand("list", "list checkpoints of all sessions, newest first", _list)
    listing.add_argument("--limit", type=int, default=20, help="how many at most (20)")
    show = parser.subcommand("show", "print a prompt with which an agent goes on from a checkpoint", _show)
    show.add_argument("id", help="its id, or the last 6 characters of it")


def _create(call: Call) -> object:
    args = call.args
    return checkpoints.create_checkpoint(
        call.workspace(), message=args.message, decisions=args.decision, files=args.file
    )


def _list(call: Call) -> object:
    return checkpoints.list_checkpoints(call.workspace(), limit=checked("limit", call.args.limit, 1, 1000))


def _show(call: Call) -> object:
    return checkpoints.show_checkpoint(call.workspace(), call.args.id)
