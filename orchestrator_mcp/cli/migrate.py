"""`orchestrator migrate`: move legacy .workflow_* files into the store, and back."""

from argparse import Namespace
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.migration import Choices, MigrationResult, Prefer
from orchestrator_mcp.services.gitignore import contain_gitignore
from orchestrator_mcp.services.migration import migrate, rollback
from orchestrator_mcp.services.migration_report import check_report, write_report
from orchestrator_mcp.storage.workspace import Workspace

from .command import Arguments, Call
from .prompts import confirm, on_terminal


def arguments(parser: Arguments) -> None:
    one = parser.runs(_migrate)
    what = one.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="only say what would move, with sizes")
    what.add_argument("--rollback", action="store_true", help="bring the newest migration's originals back")
    what.add_argument(
        "--auto-rollback", action="store_true", help="leave everything as it was if anything fails (always so)"
    )
    one.add_argument("--force", action="store_true", help="with --rollback: also if the session was written to since")
    prefer = one.add_mutually_exclusive_group()
    for option, side, whose in (("old", Prefer.OLD, "the legacy file's"), ("new", Prefer.NEW, "the session's")):
        help_text = f"where a workflow has two different states, {whose} is used; the other goes into the backup"
        prefer.add_argument(f"--force-from-{option}", dest="prefer", action="store_const", const=side, help=help_text)
    one.add_argument("--include", metavar="G", action="append", default=[], help="only legacy names that fit a pattern")
    one.add_argument("--exclude", metavar="G", action="append", default=[], help="no legacy names that fit a pattern")
    one.add_argument("--keep-legacy", action="store_true", help="leave the originals where they are")
    one.add_argument("--report", metavar="FILE", type=Path, help="also write the result to a file, as JSON")
    one.add_argument("--gitignore", action="store_true", help="replace the legacy lines of .gitignore by one")


def _migrate(call: Call) -> MigrationResult:
    args, workspace = call.args, call.workspace()
    _refuse_strays(args)
    if args.report:
        check_report(args.report)
    result = rollback(workspace, force=args.force) if args.rollback else _moved(call, workspace)
    if args.report:
        write_report(args.report, result)
    return result


def _refuse_strays(args: Namespace) -> None:
    """Options that would be passed over in silence.

    Raises:
        InvalidInputError: if there is one.
    """
    chosen = {
        "--include": args.include, "--exclude": args.exclude, "--keep-legacy": args.keep_legacy,
        "--force-from-old or --force-from-new": args.prefer, "--gitignore": args.gitignore,
    }  # fmt: skip
    if args.rollback and (strays := [name for name, value in chosen.items() if value]):
        raise InvalidInputError(f"A rollback takes no {', '.join(strays)}. Leave that out; nothing was changed.")
    if args.force and not args.rollback:
        raise InvalidInputError("--force goes with --rollback alone. Leave it out, or add that; nothing was changed.")


def _moved(call: Call, workspace: Workspace) -> MigrationResult:
    args = call.args
    choices = Choices(
        include=tuple(args.include), exclude=tuple(args.exclude), prefer=args.prefer, stays=args.keep_legacy
    )
    result = migrate(workspace, choices, dry_run=args.dry_run)
    if args.dry_run or not result.gitignore:
        return result
    asks = on_terminal() and not (args.json or args.quiet)
    if args.gitignore or (asks and confirm(f"{result.gitignore}\nChange .gitignore so?", "gitignore", given=False)):
        contain_gitignore(workspace)
        return result.model_copy(update={"gitignore": "", "next_step": f"{result.next_step} .gitignore was changed."})
    return result
