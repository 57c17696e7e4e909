"""`orchestrator migrate`: move legacy .workflow_* files into the store, and back."""

from orchestrator_mcp.services.migration import migrate_state, rollback

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    one = parser.runs(_migrate)
    what = one.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="only say what would move, with sizes")
    what.add_argument("--rollback", action="store_true", help="bring the newest migration's originals back")
    what.add_argument(
        "--auto-rollback", action="store_true", help="leave everything as it was if anything fails (always so)"
    )
    one.add_argument("--force", action="store_true", help="with --rollback: also if the session was written to since")


def _migrate(call: Call) -> object:
    if call.args.rollback:
        return rollback(call.workspace(), force=call.args.force)
    return migrate_state(call.workspace(), dry_run=call.args.dry_run)
