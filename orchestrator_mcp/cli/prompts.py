"""Questions to a person: asked only on a terminal; elsewhere the option that replaces them is named."""

import sys

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
    answer = _read(option, f"{question} ")
    if not answer:
        raise InvalidInputError(f"Nothing was entered for --{option}, so nothing was recorded.")
    return answer


def ask_optional(option: str, question: str) -> str | None:
    """A person's answer, or None for a bare return."""
    return _read(option, f"{question} (return to skip) ") or None


def choose(option: str, question: str, choices: list[str]) -> str | None:
    """One of some choices, asked again until it is one; None for a bare return."""
    while True:
        answer = _read(option, f"{question} [{'/'.join(choices)}] (return to skip) ").lower()
        if not answer:
            return None
        if answer in choices:
            return answer
        print(f"  one of: {', '.join(choices)}", file=sys.stderr)


def confirm(question: str, option: str, *, given: bool) -> bool:
    """Whether a person agrees; only y and yes are a yes."""
    return given or _read(option, f"{question} [y/N] ").lower() in {"y", "yes"}


def _read(option: str, question: str) -> str:
    if not on_terminal():
        raise InvalidInputError(f"This asks a question, and there is no terminal. Use --{option} instead.")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
