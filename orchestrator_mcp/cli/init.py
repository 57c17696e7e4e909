"""`orchestrator init`: make the store, say what of it git sees, and take over a template."""

import argparse
from typing import cast

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.setup import Mode
from orchestrator_mcp.services.setup import set_up

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    one = parser.runs(_init)
    modes = one.add_mutually_exclusive_group()
    for mode, what in (
        (Mode.PRIVATE, "keep all of it out of git; a new store is so anyway"),
        (Mode.PORTABLE, "let git have what was recorded, but no secrets, locks and caches, and nothing private"),
        (Mode.SHARE_CONFIG, "let git have config.yaml alone"),
    ):
        modes.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=what)
    modes.add_argument(
        "--home", action="store_true", help="keep it under ~/.orchestrator/stores/, where `git clean` cannot remove it"
    )
    one.add_argument(
        "--include-private", action="store_true", help="with --portable: also process feedback and agents' runs"
    )
    one.add_argument(
        "--template",
        metavar="SOURCE",
        help="take workflow.yaml and config.yaml from a folder, a name in ~/.orchestrator/templates/, "
        "or a git repository such as github.com/owner/name/folder",
    )


def _init(call: Call) -> object:
    return set_up(call.workspace(at_home=call.args.home), mode=_mode(call.args), template=call.args.template)


def _mode(args: argparse.Namespace) -> Mode | None:
    if not args.include_private:
        return cast("Mode | None", args.mode)
    if args.mode is not Mode.PORTABLE:
        raise InvalidInputError("Private entries are committed in portable mode alone. Add --portable.")
    return Mode.PORTABLE_WITH_PRIVATE
