"""`orchestrator persist`: the state on a branch of its own, for machines that are thrown away."""

from orchestrator_mcp.records.snapshot import OnConflict
from orchestrator_mcp.services import persistence

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    parser.subcommand("save", "commit the state to the branch that state_branch names", _save)
    restore = parser.subcommand("restore", "take in what that branch holds", _restore)
    restore.add_argument(
        "--on-conflict",
        choices=[one.value for one in OnConflict],
        default=OnConflict.KEEP.value,
        help="what becomes of sessions that are here and differ; as for `snapshot import`",
    )
    restore.add_argument("--dry-run", action="store_true", help="only say what would be taken in")
    parser.subcommand("status", "show where the state is saved, and what is not", _status)


def _save(call: Call) -> object:
    return persistence.save_state(call.workspace())


def _restore(call: Call) -> object:
    args = call.args
    on_conflict = OnConflict(args.on_conflict)
    return persistence.restore_state(call.workspace(), on_conflict=on_conflict, dry_run=args.dry_run)


def _status(call: Call) -> object:
    return persistence.persist_status(call.workspace())
