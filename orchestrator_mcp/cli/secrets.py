"""`orchestrator secrets`: store what programs need to prove who you are, and see what is there. Values never show."""

import sys

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.services import secrets
from orchestrator_mcp.storage.secrets import LONGEST

from .command import DONE, FAILED, Arguments, Call
from .prompts import ask_secret


def arguments(parser: Arguments) -> None:
    write = parser.subcommand("set", "store a secret; its value is asked for, or read from a pipe", _set)
    write.add_argument("name", help="its name, such as OPENAI_API_KEY")
    write.add_argument("value", nargs="*", help="refused: it would stay in the shell's history")
    write.add_argument("--stdin", action="store_true", help="read the value from standard input")
    write.add_argument("--global", dest="everywhere", action="store_true", help="for every project of yours")
    parser.subcommand("list", "list the secrets that lie in files, by name", _list)
    test = parser.subcommand("test", "say whether a secret is there and may be used", _test)
    test.add_argument("name", help="its name")
    parser.subcommand("doctor", "check that every secret is private and well-formed", _doctor)


def _set(call: Call) -> object:
    args = call.args
    if args.value:
        raise InvalidInputError(
            "A value on the command line stays in the shell's history and shows in the list of processes, so nothing "
            "was stored. Leave it out to be asked, or use --stdin. If it is real, replace it where it came from."
        )
    value = _piped() if args.stdin else ask_secret("stdin", f"Value of {args.name} (it will not show):")
    return secrets.set_secret(call.workspace(), args.name, value, everywhere=args.everywhere)


def _piped() -> str:
    try:
        return sys.stdin.buffer.read(LONGEST + 3).decode()
    except UnicodeDecodeError:
        raise InvalidInputError("Standard input is no text, so nothing was stored.") from None


def _list(call: Call) -> object:
    return secrets.list_secrets(call.workspace())


def _test(call: Call) -> object:
    found = secrets.look_up_secret(call.workspace(), call.args.name)
    return (DONE if found.present and found.problem is None else FAILED), found


def _doctor(call: Call) -> object:
    checks = secrets.check_secrets(call.workspace())
    return (FAILED if checks.problems else DONE), checks
