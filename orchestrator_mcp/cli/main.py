"""The command line: parse, run, print, exit code. Only the command that was asked for is imported."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_mcp import __version__
from orchestrator_mcp.errors import OrchestratorError

from .command import BUG, DONE, FAILED, INTERRUPTED, Arguments, Call, Command, Parser, common, sentence

if TYPE_CHECKING:
    from pydantic import BaseModel

COMMANDS = (
    Command("demo", "see the whole loop on a small sample project"),
    Command("status", "what this project's store holds"),
    Command("init", "make the store now, choose what of it git sees, take over a template"),
    Command("doctor", "look for what is wrong with the store and its surroundings; --fix mends what is safe"),
    Command("start", "start a workflow, as `workflow start` does"),
    Command("workflow", "start a workflow, record what happens in it, see where it stands"),
    Command("failure", "log, list, show and search failures"),
    Command("feedback", "record feedback about a finished workflow"),
    Command("review", "what recurs: failures, errors, skipped items, learnings"),
    Command("group", "group the texts of any file of JSON lines, such as a CI log's"),
    Command("pattern", "list, show, merge, split and ignore patterns"),
    Command("rules", "suggest rules from what recurs, and list them"),
    Command("session", "list, show, open and switch sessions, and clean up old ones"),
    Command("checkpoint", "keep where a workflow stands, and go on from there later"),
    Command("telemetry", "start, finish and rate agent runs; compare agents"),
    Command("migrate", "move legacy .workflow_* files into the store, and back"),
    Command("import-legacy", "copy what older tools left anywhere, and change nothing there"),
    Command("config", "what can be set, what is set and where, and setting it"),
    Command("secrets", "store secrets, and check that they are private"),
    Command("snapshot", "pack the store into one file, and take one in"),
    Command("persist", "save the store on a branch of its own, for machines that are thrown away"),
    Command("forget", "remove one record's text from every file"),
    Command("serve", "run the MCP server, as `orchestrator-mcp` does"),
    Command("collector", "collect what installations share, for whoever collects for others"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 done, 1 error or finding, 2 usage, 3 a bug of ours, 4 a check that could not run, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    args = argparse.Namespace(json="--json" in words)
    try:
        args = _parse(words)
        return _run(args)
    except OrchestratorError as error:
        _say(str(error), args)
        return int(getattr(args, "failed", FAILED))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left, as `head` does
        return DONE
    except Exception:  # noqa: BLE001  the one place where this face turns any failure into an exit code
        return _bug()


def _run(args: argparse.Namespace) -> int:
    call = Call(args)
    outcome = args.run(call)
    code, result = outcome if isinstance(outcome, tuple) else (DONE, outcome)
    if result is not None:
        _show(call.noted(result), args)
    return int(code)


def _show(result: "BaseModel", args: argparse.Namespace) -> None:
    from . import render  # noqa: PLC0415  --help needs none of it

    if args.json:
        print(result.model_dump_json())
        return
    if not args.quiet:
        print(render.text(result))
    render.notices(result, quiet=args.quiet)


def _say(problem: str, args: argparse.Namespace) -> None:
    if args.json:
        import json  # noqa: PLC0415  only for machines

        print(json.dumps({"error": problem}, ensure_ascii=False))
    else:
        from orchestrator_mcp.analysis.sanitize import single_line  # noqa: PLC0415  a problem may quote what a file says

        print(f"orchestrator: {single_line(problem)}", file=sys.stderr)


def _bug() -> int:
    import tempfile  # noqa: PLC0415  only when something is broken
    import traceback  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", prefix="orchestrator-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exc(file=log)
    print(f"orchestrator: this is a bug of ours; what happened is in {log.name}. Please report it.", file=sys.stderr)
    return BUG


def _parse(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="orchestrator",
        description="Notices what coding agents get wrong again and again, and turns it into rules.",
        epilog="`orchestrator COMMAND --help` describes one. "
        "Exit codes: 0 done, 1 error or finding, 2 usage, 3 bug, 4 a check could not run, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"orchestrator {__version__}")
    common(parser, defaults=True)
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="a setting for this one call")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = {word for word in words if not word.startswith("-")}
    for command in COMMANDS:
        # Else `--to` of a subcommand would pass for a short form of two options of its command.
        sub = commands.add_parser(
            command.name, help=command.help, description=sentence(command.help), allow_abbrev=False
        )
        if command.name in wanted:
            command.load().arguments(Arguments(sub))
    return parser.parse_args(words)
