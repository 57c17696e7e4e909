"""What does an agent read when its arguments are wrong? Which one, why, and what would be right."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MAX_SHOWN = 80


def unknown_arguments(tool: str, given: Iterable[str], known: Iterable[str]) -> str | None:
    """Name the arguments that a tool does not have; None if it has them all."""
    names = sorted(known)
    wrong = sorted(set(given).difference(names))
    if not wrong:
        return None
    has = f"It takes {', '.join(names)}." if names else "It takes no arguments."
    return f"{tool} has no argument {' and no argument '.join(_quoted(name, names) for name in wrong[:5])}. {has}"


def unknown_tool(name: str, known: Iterable[str]) -> str:
    """Say which tool there is instead."""
    names = sorted(known)
    return f"There is no tool {_quoted(name, names)}. There are {', '.join(names)}."


def invalid_arguments(tool: str, error: "ValidationError") -> str:
    """Put each finding of a validation into words, without addresses of anybody's documentation."""
    found = [_finding(detail) for detail in error.errors(include_url=False, include_context=True)]
    return f"{tool} was not called: {'; '.join(found[:5])}."


def _finding(detail: "ErrorDetails") -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "the arguments"
    if detail["type"] == "missing":
        return f"{where} is required"
    return f"{where}: {_reason(detail['msg'])}, not {_shown(detail['input'])}"


def _reason(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _quoted(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    shown = repr(name[:_MAX_SHOWN])
    return f"{shown} (did you mean {near[0]}?)" if near else shown
