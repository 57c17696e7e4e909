"""`orchestrator session`: list, show, open and switch sessions, and clean up old ones."""

from orchestrator_mcp.records.fields import SessionStatus
from orchestrator_mcp.records.session import SessionsCleaned
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.services import session_cleaning, sessions

from .command import FAILED, Arguments, Call, checked
from .prompts import confirm

_STATUS = [one.value for one in SessionStatus]


def arguments(parser: Arguments) -> None:
    listing = parser.subcommand("list", "list sessions, newest first", _list)
    listing.add_argument("--status", choices=_STATUS, help="only those that stand so")
    listing.add_argument("--limit", type=int, default=20, help="how many at most (20)")
    new = parser.subcommand("new", "open a session and make it current", _new)
    new.add_argument("--label", help="what it is for")
    show = parser.subcommand("show", "show one session", _show)
    show.add_argument("id", nargs="?", help="its id, or the last 6 characters; the current one if left out")
    switch = parser.subcommand("switch", "make a session current: the default for this command line", _switch)
    switch.add_argument("id", help="its id, or the last 6 characters of it")
    clean = parser.subcommand("clean", "move old sessions to the archive, where reviews still count them", _clean)
    old = session_cleaning.OLD
    clean.add_argument("--older-than", type=int, default=old, metavar="DAYS", help=f"unused for so many days ({old})")
    clean.add_argument("--status", choices=_STATUS, help="only those that stand so")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be done")
    clean.add_argument("--yes", action="store_true", help="do not ask")
    compact = parser.subcommand("compact", "drop versions of records that newer ones replaced", _compact)
    compact.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _list(call: Call) -> object:
    limit = checked("limit", call.args.limit, 1, 1000)
    return sessions.list_sessions(call.workspace(), status=call.args.status, limit=limit)


def _new(call: Call) -> object:
    return sessions.new_session(call.workspace(), label=call.args.label)


def _show(call: Call) -> object:
    if call.args.id is None:
        return sessions.current_session(call.workspace())
    return sessions.show_session(call.workspace(), call.args.id)


def _switch(call: Call) -> object:
    return sessions.switch_session(call.workspace(), call.args.id)


def _clean(call: Call) -> object:
    workspace, args = call.workspace(), call.args
    days = checked("older-than", args.older_than, 0, 36_500)
    status = None if args.status is None else SessionStatus(args.status)
    planned = session_cleaning.clean_sessions(workspace, older_than=days, status=status, dry_run=True)
    if args.dry_run or not planned.cleaned:
        return planned
    if not confirm(_question(planned), "yes", given=args.yes):
        return FAILED, None
    return session_cleaning.clean_sessions(workspace, older_than=days, status=status)


def _question(planned: SessionsCleaned) -> str:
    count = counted(len(planned.cleaned), "session")
    return (
        f"Move {count}, unused since {planned.before:%Y-%m-%d}, to the archive? "
        "Their entries still count; their states and checkpoints go."
    )


def _compact(call: Call) -> object:
    return session_cleaning.compact_sessions(call.workspace(), dry_run=call.args.dry_run)
