"""`orchestrator failure`: log, list, show and search failures."""

import argparse

from orchestrator_mcp.records.fields import CATEGORIES, FailureType, Severity
from orchestrator_mcp.services import failures

from .command import Arguments, Call
from .prompts import ask


def arguments(parser: Arguments) -> None:
    log = parser.subcommand("log", "log a mistake that should not happen again, with its correction", _log)
    log.add_argument("--context", help="what went wrong: the error as printed, or one sentence")
    log.add_argument("--feedback", help="the correction: what to do instead")
    log.add_argument("--type", choices=[*FailureType], default=FailureType.MISTAKE)
    log.add_argument("--category", default="Testing", help=f"one of {', '.join(CATEGORIES)}")
    log.add_argument("--severity", choices=[*Severity], default=Severity.MEDIUM)
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
    listing = parser.subcommand("list", "list failures, newest first", _list)
    _limit(listing)
    show = parser.subcommand("show", "show one failure", _show)
    show.add_argument("id", help="its id, or the last 6 characters of it")
    search = parser.subcommand("search", "list failures whose texts contain some words", _search)
    search.add_argument("query")
    _limit(search)


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20, help="how many at most (20)")


def _log(call: Call) -> object:
    args = call.args
    return failures.log_failure(
        call.workspace(),
        context=ask("context", args.context, "What went wrong?", interactive=args.interactive),
        feedback=ask("feedback", args.feedback, "What is the correction?", interactive=args.interactive),
        category=args.category,
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


def _list(call: Call) -> object:
    return failures.list_failures(call.workspace(), limit=call.args.limit)


def _show(call: Call) -> object:
    return failures.show_failure(call.workspace(), call.args.id)


def _search(call: Call) -> object:
    return failures.list_failures(call.workspace(), limit=call.args.limit, query=call.args.query)
