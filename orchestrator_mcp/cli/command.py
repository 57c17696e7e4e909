"""What a command is: its row in the table, its arguments, and one call of it."""

import argparse
import os
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator_mcp.errors import InvalidInputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from orchestrator_mcp.storage.workspace import Workspace

DONE, FAILED, USAGE, BUG, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 3, 4, 130


@dataclass(frozen=True)
class Command:
    """One row: `cli/<name>.py`, dashes as underscores, whose `arguments` says what it takes and which functions run."""

    name: str
    help: str

    def load(self) -> Any:
        return import_module(f"orchestrator_mcp.cli.{self.name.replace('-', '_')}")


@dataclass(frozen=True)
class Call:
    """One invocation of the command line: its parsed arguments, and the workspace they mean."""

    args: argparse.Namespace
    opened: "list[Workspace]" = field(default_factory=list)

    def workspace(self, *, at_home: bool = False) -> "Workspace":
        from orchestrator_mcp.services.sessions import resolve  # noqa: PLC0415  --help needs none of it
        from orchestrator_mcp.services.workspace import open_workspace  # noqa: PLC0415

        ask = partial(
            open_workspace, os.environ, _here(), root=self.args.root, flags=_settings(self.args.set), at_home=at_home
        )
        workspace = ask()
        if self.args.session is not None:
            workspace = ask(session=resolve(workspace, self.args.session))
        self.opened.append(workspace)
        return workspace

    def noted(self, result: "BaseModel") -> "BaseModel":
        """A result, with a word among its warnings if settings of its workspace are broken."""
        from orchestrator_mcp.services.settings_warning import noted  # noqa: PLC0415

        return noted(self.opened[-1], result) if self.opened else result


class Parser(argparse.ArgumentParser):
    """A parser that guesses what was meant by a word it does not know."""

    def error(self, message: str) -> NoReturn:
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        close = get_close_matches(wrong[1], re.findall(r"[\w-]+", wrong[2]), n=1) if wrong else []
        super().error(f"{message[: message.index(' (choose')]}. Did you mean {close[0]}?" if close else message)


class Arguments:
    """A command's parser, to which each command adds its own options or its own subcommands."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser
        self._subcommands: Any = None

    def runs(self, run: Any, *, failed: int = FAILED) -> argparse.ArgumentParser:
        """Have the parser run a function when nothing more specific was asked for.

        `failed`: the exit code of an error, where FAILED means that something was found.
        """
        common(self.parser)
        self.parser.set_defaults(run=run, failed=failed)
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


def _settings(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if not all(equals for _, equals, _ in pairs):
        raise InvalidInputError("--set takes KEY=VALUE. `orchestrator config list` names every key.")
    return {key: value for key, _, value in pairs}


def add_min_frequency(parser: argparse.ArgumentParser) -> None:
    """Add `--min-frequency`; `min_frequency_of` reads it."""
    parser.add_argument("--min-frequency", type=int, help="entries that make a pattern (3, or as configured)")


def min_frequency_of(args: argparse.Namespace) -> int | None:
    """How many entries make a pattern; None is as configured."""
    return None if args.min_frequency is None else checked("min-frequency", args.min_frequency, 2, 10_000)


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
