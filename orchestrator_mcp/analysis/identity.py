"""What a pattern is called from now on."""

from base64 import b32encode
from hashlib import sha256


def pattern_id(space: str, group: str) -> str:
    """The id of a group of entries of one space: the same today and tomorrow, with and without a cache."""
    return "pat_" + b32encode(sha256(f"{space}\0{group}".encode("utf-8", "replace")).digest()[:10]).decode().lower()
