"""What can be said on the server's command line?

Standard library only, and asked first: `--help` and `--version` answer before the SDK is imported.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator_mcp import __version__

TOOLSETS = ("default", "telemetry", "admin")


@dataclass(frozen=True)
class Options:
    """The command line, parsed. None means: not said, so the environment or the default decides."""

    root: str | None
    session: str | None
    read_only: bool
    toolsets: frozenset[str]
    debug_log: Path | None


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; exits with 0 for `--help` and `--version`, with 2 for what it does not know."""
    return options_of(_parser().parse_args(arguments))


def options_of(said: Namespace) -> Options:
    """What a parser with `add_options`, `--root` and `--session` read."""
    return Options(
        root=said.root,
        session=said.session,
        read_only=said.read_only,
        toolsets=frozenset({"default"}).union(*said.toolset or ()),
        debug_log=said.debug_log,
    )


def add_options(parser: ArgumentParser) -> None:
    """Add what is the server's alone."""
    say = parser.add_argument
    say("--read-only", action="store_true", help="list only tools that change nothing")
    say(
        "--toolset",
        type=_toolsets,
        action="append",
        metavar="NAME",
        help=f"tools to list: {', '.join(TOOLSETS)} or all; may be repeated (default: default)",
    )
    say("--debug-log", type=Path, metavar="FILE", help="append a detailed log to this file")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="orchestrator-mcp",
        description="MCP server over stdio: feedback, failures, patterns and rules of coding agents.",
        epilog="A client starts it; people use the command `orchestrator`.",
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("--root", metavar="PATH", help="project folder (else ORCHESTRATOR_ROOT, else found from here)")
    say("--session", metavar="ID", help="session to join (else ORCHESTRATOR_SESSION_ID, else the client's own)")
    add_options(parser)
    say("--version", action="version", version=f"orchestrator-mcp {__version__}")
    return parser


def _toolsets(text: str) -> frozenset[str]:
    names = frozenset(text.split(","))
    if unknown := sorted(names.difference(TOOLSETS, {"all"})):
        raise ArgumentTypeError(f"there is no toolset {unknown[0]!r}; choose from {', '.join(TOOLSETS)}, all")
    return frozenset(TOOLSETS) if "all" in names else names
