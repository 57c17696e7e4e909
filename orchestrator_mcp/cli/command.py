"""What a command is: its row in the table, its arguments, and one call of it."""

import argparse
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_mcp.errors import InvalidInputError

if TYPE_CHECKING:
    from orchestrator_mcp.storage.workspace import Workspace

DONE, FAILED, USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Command:
    """One row: `cli/<name>.py`, whose `arguments` says what it takes and which functions run."""

    name: str
    help: str

    def load(self) -> Any:
        return import_module(f"orchestrator_mcp.cli.{self.name}")


@dataclass(frozen=True)
class Call:
    """One invocation of the command line: its parsed arguments, and the workspace they mean."""

    args: argparse.Namespace

    def workspace(self) -> "Workspace":
        from orchestrator_mcp.services.sessions import resolve  # noqa: PLC0415  --help needs none of it
        from orchestrator_mcp.services.workspace import open_workspace  # noqa: PLC0415

        workspace = open_workspace(os.environ, _here(), root=self.args.root)
        if self.args.session is None:
            return workspace
        session = resolve(workspace, self.args.session)
        return open_workspace(os.environ, _here(), root=self.args.root, session=session)


class Arguments:
    """A command's parser, to which each command adds its own options or its own subcommands."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser
        self._subcommands: Any = None

    def runs(self, run: Any) -> argparse.ArgumentParser:
        """Have the parser run a function when nothing more specific was asked for."""
        common(self.parser)
        self.parser.set_defaults(run=run)
        return self.parser

    def subcommand(self, name: str, help: str, run: Any) -> argparse.ArgumentParser:
        """Add `COMMAND name`."""
        if self._subcommands is None:
            alone = self.parser.get_default("run") is None
            self._subcommands = self.parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=alone)
        parser: argparse.ArgumentParser = self._subcommands.add_parser(name, help=help, description=sentence(help))
        common(parser)
        parser.set_defaults(run=run)
        return parser


def common(parser: argparse.ArgumentParser, *, defaults: bool = False) -> None:
    """Add the options that stand before or after any command; only the first parser sets their defaults."""
    group = parser.add_argument_group("everywhere")
    default: Any = None if defaults else argparse.SUPPRESS
    flag: Any = False if defaults else argparse.SUPPRESS
    group.add_argument("--root", metavar="PATH", default=default, help="the project's folder")
    group.add_argument("--session", metavar="ID", default=default, help="the session to work in")
    group.add_argument("--json", action="store_true", default=flag, help="print the result as JSON")
    group.add_argument("--quiet", action="store_true", default=flag, help="print nothing but errors")


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise InvalidInputError("The folder you stand in was removed. Change to another one.") from None


def add_window(parser: argparse.ArgumentParser) -> None:
    """Add `--days`, `--weekly` and `--all`; `days_of` reads them."""
    window = parser.add_mutually_exclusive_group()
    # Without a default of its own: argparse takes a given 7 for one that was not given.
    window.add_argument("--days", type=int, help="look back this many days (7)")
    window.add_argument("--weekly", action="store_true", help="the same as --days 7")
    window.add_argument("--all", action="store_true", help="look at the whole history")


def days_of(args: argparse.Namespace) -> int:
    """How many days to look back."""
    return 7 if args.days is None else checked("days", args.days, 1, 36_500)


def checked(option: str, value: int, least: int, most: int) -> int:
    """A number within its bounds.

    Raises:
        InvalidInputError: otherwise.
    """
    if not least <= value <= most:
        raise InvalidInputError(f"--{option} {value} is out of range. Use {least} to {most}.")
    return value


def sentence(text: str) -> str:
    """A phrase as a sentence."""
    return f"{text[0].upper()}{text[1:]}."
