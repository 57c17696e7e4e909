"""Making ids: ULIDs, which sort by time and do not collide."""

import hashlib
import os
import time
from collections.abc import Iterable

SHORTEST = 6
"""Characters of an id's end that are enough, where only one ends so: what a person is asked to type."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def encode(number: int) -> str:
    """Write a 128-bit number as 26 characters of Crockford's base 32, lower case."""
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def new_id() -> str:
    """A ULID (https://github.com/ulid/spec): 48 bits of milliseconds since 1970, then 80 random bits."""
    return encode((time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10)))


def id_of(name: str) -> str:
    """An id of the same shape that always is the same for the same `name`."""
    return encode(int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]))


def new_workflow_id() -> str:
    """`wf_` and hex digits, as in the logs found in the wild; there it is 8 of them, which collide."""
    return f"wf_{os.urandom(8).hex()}"


def meant(ids: Iterable[str], typed: str) -> list[str]:
    """The ids that a person may mean: the one that was typed whole, else those that end so. Case does not count."""
    wanted = typed.strip().lower()
    known = list(dict.fromkeys(ids))
    whole = [one for one in known if one.lower() == wanted]
    return whole or [one for one in known if len(wanted) >= SHORTEST and one.lower().endswith(wanted)]
