"""What looks drawn at random, with nothing to name it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from operator import itemgetter

from .redaction_patterns import compiled
from .redaction_placeholders import is_placeholder
from .redaction_spans import Span

LONG = re.compile(r"[^\s\"'`<>,;()]{13,65536}")
_H = "[0-9a-fA-F]"
UUID = f"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"
_BARE = re.compile(r"[A-Za-z0-9_+/-]{20,65536}={0,2}")
_RUN = re.compile(r"[A-Za-z0-9+]{12}")
_IDS = rf"(?i){UUID}|(?<![a-z0-9])[0-9a-f]{{7,64}}(?![a-z0-9])|(?<![a-z0-9])[0-9]{{6,64}}"
_KEPT = r"(?i)(?:[a-z]{2,12}_)?0[0-2][0-9a-hjkmnp-tv-z]{24}|AAAA[BCE][23]N[za][A-Za-z0-9+/=]{0,1024}|[\d_./+-]{0,1024}"
# Digests, package hashes and inline images say what they are just before.
_DIGEST = (
    r"(?i)(?:sha-?\d{1,3}|h1|md5|integrity|etag|checksum|digest|blake2b?|hash)[\"']?[-:= \"'#]{1,4}$|/nix/store/$"
    r"|ssh-[a-z0-9]{3,8} $|nistp\d{3} $|base64,$|/folders/[a-z0-9_+]{1,4}/$|DerivedData/$|%3D$"
)
_PUBLIC_PEM = (
    r"-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|X509 CRL|CERTIFICATE REQUEST"
    r"|PGP SIGNATURE|PGP PUBLIC KEY BLOCK)-----"
    r"(?:[^-]|-(?!----)){0,16384}"
)
# The 300 pairs of letters that make up 98 % of words and names: b is followed by a, b, c, …
_COMMON_PAIRS = """
    baceijlorsuy cacehiklmorstu dabcdeilorstu eabcdefgiklmnopqrstvwxy fadefilorstu gehilnorsu haeikortu
    iabcdefglmnoprstvxz jeou keilsw labcdefilopstuy mabdeimopstu nacdefgiklnopstuvy oabcdefgiklmnoprstuvwx
    padeiloprstuy qu rabcdefgiklmnorstuvy saceghiklmoprstuwy tacdefhilmoprstuwy uabcdefgilmnprst vaei waehinors
    xaceipt yeinpst zei abcdefgiklmnprstuvwxy
"""


def _ordinary_pairs() -> frozenset[str]:
    lower, digits, joints = "abcdefghijklmnopqrstuvwxyz", "0123456789", "_-+/=.~"
    doubles = [letter * 2 for letter in lower + lower.upper()]
    words = [group[0] + letter for group in _COMMON_PAIRS.split() for letter in group[1:]]
    cased = [pair for word in words for pair in (word, word.capitalize(), word.upper())]
    humps = [one + two.upper() for one in lower for two in lower]
    numbers = [one + two for one in digits for two in digits]
    every = lower + lower.upper() + digits + joints
    return frozenset([*cased, *doubles, *humps, *numbers, *(p for j in joints for c in every for p in (j + c, c + j))])


_ORDINARY = _ordinary_pairs()
ODD_MARKED, ODD_NAMED, ODD_MENTIONED, ODD_BARE = 0.06, 0.18, 0.28, 0.36


def oddity(token: str) -> float:
    """The share of neighbours that neither words, names nor numbers have: ~0.6 when drawn at random, ~0.1 in names."""
    odd = sum(pair not in _ORDINARY for pair in map("".join, pairwise(token)))
    return odd / max(1, len(token) - 1)


def bare_secrets(text: str) -> Iterator[Span]:
    public = [found.span() for found in compiled(_PUBLIC_PEM).finditer(text)] if "-----BEGIN" in text else []
    for found in _BARE.finditer(text):
        if _is_digest(text, found.start()) or _is_within(public, found.start()):
            continue
        for start, end in _random_parts(text, *found.span()):
            if not _is_digest(text, start):
                yield Span(start, end, "high-entropy")


def _is_within(stretches: list[tuple[int, int]], at: int) -> bool:
    before = bisect_right(stretches, at, key=itemgetter(0))
    return before > 0 and at < stretches[before - 1][1]


def _is_digest(text: str, start: int) -> bool:
    return compiled(_DIGEST).search(text[max(0, start - 24) : start]) is not None


def _random_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole token when it is base64 with slashes, else the random parts of a path."""
    token = text[start:end]
    if "/" not in token or _is_slashed_base64(token):
        if _is_random(token) or _is_odd_hex(token):
            yield start, end
        return
    for part in _PART.finditer(text, start, end):
        if _is_random(part[0]):
            yield part.span()


_PART = re.compile(r"[^/]{20,1024}")


def _is_slashed_base64(token: str) -> bool:
    parts = [part for part in token.split("/") if len(part) >= _TELLING]
    return len(token) >= _LEAST_BASE64 and token[0] != "/" and all(oddity(part) >= ODD_BARE for part in parts)


_TELLING, _LEAST_BASE64 = 4, 32


def _is_random(token: str) -> bool:
    rest = compiled(_IDS).sub("-", token)
    return (
        len(rest) >= _LEAST_BARE
        and _RUN.search(rest) is not None
        and oddity(rest) >= ODD_BARE
        and not compiled(_KEPT).fullmatch(token)
        and not is_placeholder(token)
    )


def _is_odd_hex(token: str) -> bool:
    """Hex that is longer than a commit and as long as no digest."""
    if not compiled(_LONG_HEX).fullmatch(token) or len(token) in _DIGEST_SIZES:
        return False
    numbers = sum(map(str.isdigit, token)) / len(token)
    return _FEW_NUMBERS < numbers < _MANY_NUMBERS


_LONG_HEX = r"[0-9a-f]{41,128}|[0-9A-F]{41,128}"
_FEW_NUMBERS, _MANY_NUMBERS = 0.35, 0.85  # 0.63 is what chance gives
_LEAST_BARE = 20
_DIGEST_SIZES = frozenset({56, 64, 96, 128})  # sha224 to sha512
