"""Which of our requests did a refused line mean to answer? Judged by its outermost members, with bounded work."""

import re
from collections.abc import Collection, Iterator
from itertools import islice

_MOST_TOKENS = 100_000
_TOKEN = re.compile(
    rb"""
    "((?:[^"\\]++|\\.)*+)"?                                             # a string, perhaps cut off
        (\s*+:\s*+ (?: "([^"\\]{1,64})" | (-?\d{1,18})(?![\d.eE]) )?)?  # that is a name, and its text or whole number
    | ([\[{]++) | ([\]}]++)
    """,
    re.DOTALL | re.VERBOSE,
)


def meant_for(line: bytes, asked: Collection[str]) -> list[str]:
    """Those of our open requests to which a line was the answer: to all of them if it does not say to which.

    Args:
        line: what was refused, or the beginning of it.
        asked: the ids of the open ones.
    """
    if not asked:
        return []
    members = list(_members(line))
    names = {name for name, _ in members}
    if b"method" in names or not names & {b"result", b"error"}:
        return []
    ids = {value.decode(errors="replace") for name, value in members if name == b"id" and value}
    return [one for one in asked if not ids or one in ids]


def _members(line: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """The names in an object, or in those of a batch, and the values that may be an id."""
    depth = 0
    for token in islice(_TOKEN.finditer(line.lstrip(b"\xef\xbb\xbf \t\r[")), _MOST_TOKENS):
        name, follows, text, number, opens, closes = token.groups()
        depth += len(opens or b"") - len(closes or b"")
        if depth == 1 and follows:
            yield name, text or number
