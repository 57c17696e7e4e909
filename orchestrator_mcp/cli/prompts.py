"""Questions to a person: asked only on a terminal; elsewhere the option that replaces them is named."""

import getpass
import sys
from collections.abc import Sequence

from orchestrator_mcp.errors import InvalidInputError


def on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(option: str, given: str | None, question: str, *, interactive: bool = True) -> str:
    """The option's value, or a person's answer.

    Raises:
        InvalidInputError: if neither can be had.
    """
    if given is not None:
        return given
    if not interactive:
        raise InvalidInputError(f"--{option} is missing. Give it, or use --interactive on a terminal.")
    return _entered(option, _read(option, f"{question} "))


def ask_optional(option: str, question: str) -> str | None:
    """A person's answer, or None for a bare return."""
    return _read(option, f"{question} (return to skip) ") or None


def choose(option: str, question: str, choices: Sequence[str]) -> str | None:
    """One of some choices, in any case, or how it alone begins, asked until it is one; None for a bare return."""
    return _chosen(option, f"{question} [{'/'.join(choices)}] (return to skip) ", choices)


def ask_one_of(option: str, given: str | None, question: str, choices: Sequence[str], *, interactive: bool) -> str:
    """The option's value, or a person's choice, asked again until it is one: what was answered before is not lost.

    Raises:
        InvalidInputError: if neither can be had.
    """
    if given is not None or not interactive:
        return ask(option, given, question, interactive=interactive)
    return _entered(option, _chosen(option, f"{question} ({', '.join(choices)}) ", choices))


def _entered(option: str, answer: str | None) -> str:
    if not answer:
        raise InvalidInputError(f"Nothing was entered for --{option}, so nothing was recorded.")
    return answer


def _chosen(option: str, question: str, choices: Sequence[str]) -> str | None:
    known = {one.lower(): one for one in choices}
    while answer := _read(option, question).lower():
        fits = [one for one in known if one == answer] or [one for one in known if one.startswith(answer)]
        if len(fits) == 1:
            return known[fits[0]]
        print(f"  one of: {', '.join(choices)}", file=sys.stderr)
    return None


def confirm(question: str, option: str, *, given: bool) -> bool:
    """Whether a person agrees; only y and yes are a yes."""
    return given or _read(option, f"{question} [y/N] ").lower() in {"y", "yes"}


def ask_secret(option: str, question: str) -> str:
    """What a person types without its being shown.

    Raises:
        InvalidInputError: if there is no terminal.
    """
    if not on_terminal():
        raise InvalidInputError(f"This asks a question, and there is no terminal. Use --{option} instead.")
    return getpass.getpass(f"{question} ")


def _read(option: str, question: str) -> str:
    if not on_terminal():
        raise InvalidInputError(f"This asks a question, and there is no terminal. Use --{option} instead.")
    print(question, end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        print("\nNothing was recorded.", file=sys.stderr)
        raise
