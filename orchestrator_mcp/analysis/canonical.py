"""What is left of a text when everything that varies from run to run is masked?"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from orchestrator_mcp.analysis.grouping_headline import headline, is_bare_traceback, plain_lines
from orchestrator_mcp.analysis.grouping_masks import ANY, is_code, masked

Kind = Literal["machine", "lines", "prose"]

MAX_TOKENS = 48
MIN_CONTENT = 2
BODY = 1200

_TOKEN = re.compile(r"<[a-z*]{1,5}>|'[^\w\s']{1,3}'|[^\s\"'`()\[\]{}<>,;|=:!?]{1,300}(?:'[a-z]{1,2}\b)?")
_NAME = re.compile(r"\w{0,60}[a-z][A-Z]|[A-Z]{2,60}[a-z]{2}|.{0,60}(?:_|\w[.:/]{1,4}\w|[*~$@#])|\w\W{0,3}$")
_CLOSING = re.compile(r": \w{1,60}$")
_DIGITS = re.compile(r"\d{1,300}")
_PROSE_WORD = re.compile(r"[a-z]{1,40}(?:'[a-z]{1,5})?")
_MACHINE = re.compile(r"[\[\]{}<>=|\\`_@#*]|\w[:/(]\w|\w\.\w|: |[a-z][A-Z]|0x|\d{4}|[\"']\S")
_LEVELS = {"err": "error", "warn": "warning"}
_PERSONAL = frozenset("i my me we our you your i'm i've i'd what's how what why who please".split())
_FUNCTION_WORDS = _PERSONAL | frozenset(
    "a an the it its this that these those is are was were be been am do does did can could "
    "should would will have has had when where which if so but and or to for of in on with without "
    "not no n't there here just use used using instead must may might only by at from as than then also".split()
)


@dataclass(frozen=True, slots=True)
class Canonical:
    """One text as grouping sees it: within a kind, equal keys say the same.

    `names` are the places of tokens that look like identifiers; `body` is the key of a whole multi-line text.
    """

    headline: str
    template: str
    key: str
    tokens: tuple[str, ...]
    names: frozenset[int]
    kind: Kind
    static_words: int
    body: str = ""


def canonical(text: str) -> Canonical:
    """The text's canonical form; the work is bounded, however long the text."""
    lines = plain_lines(text)
    line = headline(lines)
    template, tokens, names = _shape(line)
    static = sum(n not in names and is_word(token) for n, token in enumerate(tokens))
    # A line of nothing but values would equal every other such line: its outline stands for it.
    key = " ".join(tokens) if static or names else _DIGITS.sub("0", line[:200].casefold())
    kind = _kind(lines, line)
    return Canonical(line, template, key, tokens, names, kind, static, _body(lines) if kind == "lines" else "")


def is_word(token: str) -> bool:
    return len(token) > 1 and token[0].isalpha()


def _shape(line: str) -> tuple[str, tuple[str, ...], frozenset[int]]:
    template = masked(line)
    tokens, names = _tokens(template)
    if sum(map(_tells, tokens)) < MIN_CONTENT:  # too little left to tell kinds apart: quoted words count
        template = masked(line, values=False)
        tokens, names = _tokens(template)
    return template, tokens, names


def _tells(token: str) -> bool:
    return is_word(token) and token not in _FUNCTION_WORDS and not token.endswith(("error", "exception"))


def _tokens(template: str) -> tuple[tuple[str, ...], frozenset[int]]:
    tokens: list[str] = []
    names: set[int] = set()
    for piece in _TOKEN.findall(template)[:MAX_TOKENS]:
        token, is_name = _token(piece)
        if not token or (tokens and tokens[-1] == token and "*" in piece):
            continue
        if is_name:
            names.add(len(tokens))
        tokens.append(token)
    if tokens and _CLOSING.search(template):
        names.add(len(tokens) - 1)
    return tuple(tokens), frozenset(names)


@lru_cache(maxsize=1 << 15)
def _token(piece: str) -> tuple[str, bool]:
    if piece[0] == "<":
        return ANY, False
    if piece[0] == "'":
        return piece, True
    word = piece.strip(".*-_#~^+&\\/%$@").casefold()
    if len(word) > 4 and word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
    return _LEVELS.get(word, word), bool(_NAME.match(piece)) and not is_code(word)


def _body(lines: list[str]) -> str:
    taken: list[str] = []
    room = BODY
    for line in lines:
        taken.append(" ".join(_tokens(masked(line[:room]))[0]))
        room -= len(line)
        if room <= 0:
            break
    return "\n".join(taken)


def _kind(lines: list[str], line: str) -> Kind:
    if len(lines) > 1 and not is_bare_traceback(lines):
        return "lines"
    return "prose" if _is_prose(line) else "machine"


def _is_prose(line: str) -> bool:
    if _MACHINE.search(line):
        return False
    words = _PROSE_WORD.findall(line.casefold())
    if len(words) < 3:
        return False
    return bool(_PERSONAL.intersection(words)) or sum(w in _FUNCTION_WORDS for w in words) * 5 >= 2 * len(words)
