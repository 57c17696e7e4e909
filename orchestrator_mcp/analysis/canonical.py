"""What is left of a text when everything that varies from run to run is masked?"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from orchestrator_mcp.analysis.grouping_headline import headline, is_bare_traceback, plain_lines, says_nothing
from orchestrator_mcp.analysis.grouping_masks import ANY, is_code, masked
from orchestrator_mcp.analysis.grouping_words import FUNCTION_WORDS, PERSONAL_WORDS

Kind = Literal["machine", "lines", "prose"]

MAX_TOKENS = 48
MIN_CONTENT = 2
BODY = 1200

_TOKEN = re.compile(r"<[a-z*]{1,5}>|'[^\w\s']{1,3}'|[^\s\"'`()\[\]{}<>,;|=:!?]{1,300}(?:'[a-z]{1,2}\b)?")
_NAME = re.compile(r"\w{0,60}[a-z][A-Z]|[A-Z]{2,60}[a-z]{2}|.{0,60}(?:_|\w[.:/]{1,4}\w|[*~$@#])|\w\W{0,3}$")
_CLOSING = re.compile(r": \w{1,60}$")
# Of two numbers that were compared, only the numbers can tell which comparison it was.
_COMPARISON = re.compile(
    r"(?=.{0,40}(?:assert|expect))(?:[\W\d_]|(?:assert(?:ion)?(?:error)?|expect(?:ed)?|actual|received|got|but|to|be|was|is|not|and"
    r"|equals?|failed|error|true|false|none|null|nan|(?<=\d)e)(?![^\W\d_])){1,200}",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s\([^()]{1,80}\)[.!]?$")
_DIGITS = re.compile(r"\d{1,300}")
_PROSE_WORD = re.compile(r"(?<![^\W_])[a-z]{1,40}(?:'[a-z]{1,5})?(?![^\W_])")
_MACHINE = re.compile(r"[\[\]{}<>=|\\`_@#*]|\w[:/(]\w|\w\.\w|: |[a-z][A-Z]|0x|\d{4}|\b[A-Z]{1,6}-?\d{3}|[\"']\S")
_LEVELS = {"err": "error", "warn": "warning"}
PROSE_WORDS = 3  # fewer words are no sentence
PROSE_SHARE = 0.4  # of the words of a sentence that only hold it together
PLURAL = 5  # letters of a word whose last s is dropped


@dataclass(frozen=True, slots=True)
class Canonical:
    """One text as grouping sees it: within a kind, equal keys say the same, and an empty key says nothing.

    `names` are the places of tokens that look like identifiers; `body` is the key of a whole multi-line text.
    """

    headline: str
    template: str
    key: str
    tokens: tuple[str, ...]
    names: frozenset[int]
    kind: Kind
    body: str = ""


def canonical(text: str, *, report: bool = False) -> Canonical:
    """The text's canonical form; the work is bounded, however long the text.

    A `report` is prose, whatever it looks like, and keeps the values that its writer quoted.
    """
    lines = plain_lines(text)
    line = headline(lines)
    template, tokens, names = _shape(line, values=not report)
    kind = "prose" if report else _kind(lines, line)
    body = _body(lines) if kind == "lines" else ""
    return Canonical(line, template, _key(line, tokens), tokens, names, kind, body)


def is_word(token: str) -> bool:
    return len(token) > 1 and token[0].isalpha()


def _key(line: str, tokens: tuple[str, ...]) -> str:
    if says_nothing(line):
        return ""
    if _COMPARISON.fullmatch(line):
        return " ".join(line.casefold().removeprefix("assertionerror: ").split())
    # A line of nothing but values would equal every other such line: its outline stands for it.
    return " ".join(tokens) if set(tokens) - {ANY} else _DIGITS.sub("0", line[:200].casefold())


def _shape(line: str, *, values: bool) -> tuple[str, tuple[str, ...], frozenset[int]]:
    template = masked(line, values=values)
    tokens, names = _tokens(template)
    if values and sum(map(_tells, tokens)) < MIN_CONTENT:  # too little left to tell kinds apart: quoted words count
        template = masked(line, values=False)
        tokens, names = _tokens(template)
    return template, tokens, names


def _tells(token: str) -> bool:
    return is_word(token) and token not in FUNCTION_WORDS and not token.endswith(("error", "exception"))


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
    if len(word) >= PLURAL and word[-1] == "s" and word[-2] not in "sui":
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
    if not lines:
        return "prose"
    if len(lines) > 1 and not is_bare_traceback(lines):
        return "lines"
    # A prefix that was taken off, such as `file:line:`, was put there by a program.
    return "prose" if line == lines[0].strip() and _is_prose(line) else "machine"


def _is_prose(line: str) -> bool:
    if _MACHINE.search(_REMARK.sub("", line)):
        return False
    words = _PROSE_WORD.findall(line.casefold())
    if len(words) < PROSE_WORDS:
        return False
    share = sum(word in FUNCTION_WORDS for word in words) / len(words)
    return share >= PROSE_SHARE or not PERSONAL_WORDS.isdisjoint(words)
