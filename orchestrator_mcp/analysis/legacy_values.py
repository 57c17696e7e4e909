"""What is a value of an old line worth? It has the type that we want, or there is none."""

import json
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)


def one_of(kind: type[E], value: Any) -> E | None:
    return kind(value) if isinstance(value, str) and value in set(kind) else None


def flag_of(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def text_of(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def texts_of(value: Any) -> list[str]:
    """The parts of a list, each as a text."""
    parts = value if isinstance(value, list) else []
    return [part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts]


def joined_of(value: Any) -> str | None:
    """One text, also where a list of texts stands."""
    return "\n".join(texts_of(value)) or None if isinstance(value, list) else text_of(value)


def seconds_of(value: Any) -> float | None:
    """A length of time: finite, and not negative."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
    return float(value) if fits else None


def whole_seconds_of(value: Any) -> int | None:
    seconds = seconds_of(value)
    return None if seconds is None else int(seconds)


def fraction_of(value: Any) -> float | None:
    part = seconds_of(value)
    return part if part is not None and part <= 1 else None
