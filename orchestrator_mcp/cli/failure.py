"""`orchestrator failure`: log, list, show and search failures."""

import argparse

from orchestrator_mcp.records.fields import CATEGORIES, FailureType, Severity
from orchestrator_mcp.services import failures

from .command import Arguments, Call, checked
from .prompts import ask, ask_one_of


def arguments(parser: Arguments) -> None:
    log = parser.subcommand("log", "log a mistake that should not happen again, with its correction", _log)
    log.add_argument("--context", help="required: what went wrong, as printed or in one sentence")
    log.add_argument("--feedback", help="required: the correction, what to do instead")
    log.add_argument("--category", help=f"required: one of {', '.join(CATEGORIES)}, or your own")
    log.add_argument(
        "--type",
        choices=[one.value for one in FailureType],
        default=FailureType.MISTAKE.value,
        help="a new mistake, a repeated one, or an unclear instruction (mistake)",
    )
    log.add_argument(
        "--severity",
        choices=[one.value for one in Severity],
        default=Severity.MEDIUM.value,
        help="how much it hurts (medium)",
    )
    log.add_argument("--error", help="the full error output")
    log.add_argument("--command", dest="failed_command", help="the command that failed")
    log.add_argument("--file", dest="files", action="append", help="a file concerned; may be repeated")
    log.add_argument("--wrong", help="code as it was written")
    log.add_argument("--correct", help="code as it should be")
    log.add_argument("--workflow", help="the workflow's id")
    log.add_argument("--agent", help="the agent's name")
    log.add_argument("--test", action="store_true", help="a trial entry, left out of reviews")
    log.add_argument("--request-id", help="repeat it to retry safely")
    log.add_argument("--interactive", action="store_true", help="ask for what is missing, on a terminal")
    log.set_defaults(fail=log.error)
    listing = parser.subcommand("list", "list failures, newest first", _list)
    _limit(listing)
    show = parser.subcommand("show", "show one failure", _show)
    show.add_argument("id", help="its id, or the last 6 characters of it")
    search = parser.subcommand("search", "list failures whose texts contain some words", _search)
    search.add_argument("query", help="words that stand in any text of the failure, in any case")
    _limit(search)

    answer = parser.subcommand("answer", "say that a failure is the same as a candidate it was shown, or new", _answer)
    answer.add_argument("id", help="the failure's id, or the last 6 characters of it")
    answer.add_argument("same_as", metavar="PATTERN", help="the candidate's id, or `new` if it is none of them")
    answer.add_argument("--request-id", help="repeat it to retry safely")


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20, help="how many at most (20)")


def _log(call: Call) -> object:
    args = call.args
    missing = [f"--{name}" for name in ("context", "feedback", "category") if getattr(args, name) is None]
    if missing and not args.interactive:
        verb = "is" if len(missing) == 1 else "are"
        args.fail(f"{', '.join(missing)} {verb} missing. Give all of it, or use --interactive on a terminal.")
    workspace = call.workspace()
    own = workspace.config.categories
    return failures.log_failure(
        workspace,
        context=ask("context", args.context, "What went wrong?", interactive=args.interactive),
        feedback=ask("feedback", args.feedback, "What is the correction?", interactive=args.interactive),
        category=ask_one_of("category", args.category, "Category?", CATEGORIES + own, interactive=args.interactive),
        severity=Severity(args.severity),
        type=FailureType(args.type),
        workflow_id=args.workflow,
        agent_name=args.agent,
        files=args.files,
        command=args.failed_command,
        error=args.error,
        wrong=args.wrong,
        correct=args.correct,
        is_test=args.test,
        request_id=args.request_id,
    )


def _answer(call: Call) -> object:
    args = call.args
    return failures.log_failure(call.workspace(), failure_id=args.id, same_as=args.same_as, request_id=args.request_id)


def _list(call: Call) -> object:
    return failures.list_failures(call.workspace(), limit=checked("limit", call.args.limit, 1, 10_000))


def _show(call: Call) -> object:
    return failures.show_failure(call.workspace(), call.args.id)


def _search(call: Call) -> object:
    return failures.list_failures(
        call.workspace(), limit=checked("limit", call.args.limit, 1, 10_000), query=call.args.query
    )
