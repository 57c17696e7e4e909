"""What a pattern is called: after the wording of its oldest entry, whatever it grows into.

A wording outlives caches, and the algorithm that grouped it. Any wording's id therefore leads to the pattern that
holds it now, also after two patterns became one.
"""

from hashlib import blake2b

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_BITS, _LENGTH = 5, 13
BITS = 63  # of a fingerprint
PREFIX = "pat_"
SHORT = 6  # characters that are enough, if only one pattern ends in them


def fingerprint(space: str, text: str) -> int:
    """`BITS` bits by which a wording is known again within a space, without keeping it."""
    return int.from_bytes(blake2b(f"{space}\0{text}".encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def pattern_id(wording: int) -> str:
    """The id of the pattern whose oldest entry has this fingerprint."""
    return PREFIX + "".join(_DIGITS[wording >> _BITS * place & 31] for place in reversed(range(_LENGTH)))


def wording_of(typed: str) -> tuple[int, int] | None:
    """The fingerprint that an id means and how many of its last bits were given; None if it is no id.

    The last six characters or more may stand for the whole.
    """
    digits = typed.strip().lower().removeprefix(PREFIX)
    if not SHORT <= len(digits) <= _LENGTH or not set(digits) <= set(_DIGITS):
        return None
    value = 0
    for digit in digits:
        value = value << _BITS | _DIGITS.index(digit)
    return (value, min(BITS, _BITS * len(digits))) if value < 1 << BITS else None
