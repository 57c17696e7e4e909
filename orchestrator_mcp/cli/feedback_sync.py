"""`orchestrator feedback sync`: share anonymous tool feedback, look at what would leave, or at what did."""

from orchestrator_mcp.services.feedback_sync import preview_sync, sync_feedback, sync_status

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    sync = parser.subcommand("sync", "share anonymous feedback about the tool, where and when you say so", _sync)
    what = sync.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="only print the very bytes that would leave")
    what.add_argument("--status", action="store_true", help="only say what was synced, and what is missing for more")
    sync.add_argument("--force", action="store_true", help="sync again what was synced before")
    sync.add_argument(
        "--to",
        metavar="TARGET",
        help="endpoint, gist, or a file or folder (your endpoint if you allowed one, else a file among the reports)",
    )


def _sync(call: Call) -> object:
    args, workspace = call.args, call.workspace()
    if args.status:
        return sync_status(workspace)
    verb = preview_sync if args.dry_run else sync_feedback
    return verb(workspace, to=args.to, force=args.force)
