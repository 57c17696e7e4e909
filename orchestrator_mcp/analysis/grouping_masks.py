"""Which parts of a line vary from run to run?"""

import re
from functools import lru_cache

from orchestrator_mcp.analysis.grouping_words import KEYWORDS

ANY = "<*>"
SCRAMBLED = 3  # changes from letter to digit that make a word random
CUE = 24  # characters before a number that may call it a status

_MASK = r"<(?:\*|str|path|num|id|hex|url|host|time|value|list|mail|type|at)>"
_REPR = re.compile(rf"<(?!{_MASK[1:]})(?=\S)[^<>\n]{{1,200}}>")
_REQUEST = r"(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) "
_QUOTED = re.compile(
    r"`[^`\n]{0,200}`"
    rf'|"{_REQUEST}[^"\n]{{0,300}}"'
    r'|(?<!\w)[bruBRU]{0,2}"(?:[^"\\\n]|\\.){0,300}"'
    r"|(?<!\w)[bruBRU]{0,2}'(?:[^'\\\n]|\\.|(?<=\w)'(?=\w)){0,300}'(?!\w)"
)
_SYMBOL = re.compile(r"[^\w\s'`]{1,3}")
_TYPE = re.compile(r"(?<![\w.~*])[~*]{0,2}[A-Za-z_][\w.]{0,80}\[(?=[^\[\]\n]{0,200}[A-Za-z])[^\[\]\n]{0,200}\]")
_CLOCK = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? {1,2})?"
    r"(?:\d{4}[-/]\d\d?[-/]\d\d?|\d\d?[-/]\d\d?[-/]\d{4}"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6} {1,2}\d{1,2}(?!\d))"
    r"(?:[ T_,]{1,2}\d\d?[:_]\d\d(?:[:_]\d\d(?:[.,_]\d{1,9})?)?)?"
    r"(?: ?Z\b| ?[+-]\d\d:?\d\d\b| ?UTC\b| ?[AP]M\b)?(?: \d{4}\b)?"
    r"|(?<![\d:])\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?![\d:])",
    re.IGNORECASE,
)
_DOTS = re.compile(r"(?<![/\\.])\.{2,200}(?![/\\.])")
_NO_COMMAND = re.compile(
    r"[^\s:]{1,120}: (?:line )?(?:\d{1,7}: )?[^\s:]{1,80}: [Cc]ommand not found(?!\S)"
    r"|[^\s:]{0,100}\b[a-z]{0,4}sh: (?:(?:line )?\d{1,7}: )?[^\s:]{1,80}: not found(?!\S)"
    r"|[^\s:]{0,100}\b[a-z]{0,4}sh: (?:command not found|Unknown command): [^\s:]{1,80}(?!\S)"
)
_ACCOUNT = re.compile(r"(?:(?<=\bfor user )|(?<=\binvalid user )|(?<=\bunknown user ))[\w$-]{1,60}")
_WORD = re.compile(rf"{_MASK}|[^\s\"'`()\[\]{{}}<>;|=]{{1,300}}(?:'[a-z]{{1,2}}\b)?")
_UNIT = re.compile(r"(<num>) (?:[KMGTkmgt]?i?[Bb]|bytes?|ms|us|ns|s|secs?|seconds?|minutes?|hours?|days?)\b")
_POSITION = re.compile(
    r"\b(?:at |on |in )?(?:lines?|columns?|col|chars?|position|pos|offset|row|cell)\b:? <num>"
    r"|at end of (?:document|file|input|string)",
    re.IGNORECASE,
)
_COLUMNS = re.compile(r"(\bstatus[:=] ?)[45]\d\d((?:,? \w{1,30}[:=] ?<num>){2})")
# What a line ends with in parentheses, if it only counts or tells a place: another line leaves it out.
_ASIDE = re.compile(
    rf"\s{{1,4}}\((?=[^()]{{0,80}}<)(?:{_MASK}|[\s,;:.=/#]"
    r"|\b(?:attempts?|tr(?:y|ies|ied)|retr(?:y|ies|ied)|times?|took|elapsed|pid|page|step|item|part"
    r"|after|in|of|out|at|on|for)\b){1,20}\)[.:!]?$",
    re.IGNORECASE,
)
_LIST = re.compile(rf"[\[({{][ ,]{{0,3}}(?:{_MASK}[\s,;:=.]{{0,3}}){{0,12}}[\])}}]")
_RUN = re.compile(rf"{_MASK}(?:[\s,;:.|/=&+#@%-]{{0,4}}(?:and |or )?{_MASK}){{1,40}}")

_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"-?\d{1,300}(?:[._:-]?\d{1,300}){0,40}")
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,12}://\S", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,60}(?:\.[\w-]{1,30}){1,6}")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\\w|.{0,100}\w\\\w")
_FILE = re.compile(
    r"[\w@+.-]{0,120}\.[A-Za-z][A-Za-z0-9]{0,4}:\d{1,7}(?::\d{1,7})?:?"
    r"|[\w@+.-]{1,120}\.(?:py|pyi|ipynb|[cm]?[jt]sx?|json|ya?ml|toml|ini|cfg|conf|lock|md|rst|txt|log|csv|xml|html?|s?css"
    r"|c|cc|cpp|h|hpp|rs|go|java|kt|scala|rb|php|swift|cs|exs?|sh|sql|db|sqlite|zip|gz|tar|whl|jar|png|jpe?g|svg|pdf)"
)
_UUID = re.compile(r".{0,40}[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(
    r"0x[0-9a-f]{1,64}|(?=[a-f]{0,64}\d)(?=\d{0,64}[a-f])[0-9a-f]{6,64}|(?:[0-9a-f]{2}[:-]){3,32}[0-9a-f]{2}",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d{1,6})?"
    r"|(?=[^:]{0,100}[A-Za-z])[\w-]{1,60}(?:\.[\w-]{1,60}){0,8}:\d{1,5}"
    r"|(?=[^:]{0,8}:[^:]{0,8}:)[0-9a-fA-F:.]{2,60}(?:%\w{1,20})?(?:/\d{1,3})?"
    r"|[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60}){1,8}\.[a-z]{2,6}"
)
_NUMBER = re.compile(
    r"[-+~#$]{0,2}\d[\d.,:/_x^*-]{0,60}(?:e[-+]?\d{1,5})?"
    r"(?:%|[a-zµ]{1,3}|bytes?|secs?|seconds?|mins?|minutes?|hours?|days?|times?)?(?:/s)?"
    r"|v?\d{1,6}(?:\.\w{1,20}){1,5}(?:[-+~]\S{0,40})?",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Z]{1,6}-?\d{3,5}")
_STATUS = re.compile(r"[45]\d\d")
_STATUS_CUE = re.compile(
    r"(?:\bHTTP(?:/\d(?:\.\d)?)?\"?|\bstatus(?: code)?|\bresponse(?: code)?|\bcode|\berror)\W{0,3}$", re.IGNORECASE
)
_ALTERNATION = re.compile(r"[A-Za-z]\d")
_SHORT = re.compile(r"[A-Za-z]{1,2}[-_]?\d{1,9}")
_SCRAMBLED = re.compile(r"(?=.{0,100}[a-z][A-Z]).{0,100}\d{4}")


def masked(line: str, *, values: bool = True) -> str:
    """The line with its variable parts as `<path>`, `<num>`, `<str>` …; without `values`, quoted words stay."""
    if "<" in line:
        line = line.replace(".<locals>", "")
    if values:
        line = _without_values(line)
    line = _without_dressing(line)
    if _DIGIT.search(line):
        line = _CLOCK.sub("<time>", line)
    line = _WORD.sub(_word, line)
    if "<num>" in line or "at end of" in line:
        line = _without_measures(line)
    if ")" in line[-2:]:
        line = _ASIDE.sub("", line)
    return _RUN.sub(ANY, _LIST.sub("<list>", line))


def is_code(token: str) -> bool:
    """Does this token name a rule or an error, as E501 and TS2345 do, or a failing status, as 404 does?"""
    return bool(_CODE.fullmatch(token.upper()) or _STATUS.fullmatch(token))


def _without_values(line: str) -> str:
    if "<" in line:
        line = _REPR.sub("<value>", _REPR.sub("<value>", line))
    if '"' in line or "'" in line or "`" in line:
        line = _QUOTED.sub(_quoted, line)
    for _ in range(min(line.count("["), 3)):
        line = _TYPE.sub("<type>", line)
    return line


def _without_dressing(line: str) -> str:
    if "(s)" in line:
        line = line.replace("(s)", "")
    if "not found" in line or "Unknown command" in line:  # each shell has its own way to say it
        line = _NO_COMMAND.sub("command not found: <id>", line)
    if ".." in line:
        line = _DOTS.sub(" ", line)
    return _ACCOUNT.sub("<id>", line) if "user " in line else line


def _without_measures(line: str) -> str:
    line = _POSITION.sub("<at>", _UNIT.sub(r"\1", line))
    # In a record of measurements the status is one column among others, not the news.
    return _COLUMNS.sub(r"\1<num>\2", line) if "status" in line else line


def _quoted(match: re.Match[str]) -> str:
    value = match[0]
    if _SYMBOL.fullmatch(value, 1, len(value) - 1):
        return f"'{value[1:-1]}'"  # a quoted comma or bracket is grammar, not data,
    if value[1:-1] in KEYWORDS:  # and so is a word of a language
        return value[1:-1]
    if re.match(_REQUEST, value[1:]):
        method, *rest = value[1:-1].split()
        return " ".join([method, "<path>", *rest[1:]])
    return "<str>"


def _word(match: re.Match[str]) -> str:
    word = match[0]
    if word.isalpha() or (_STATUS.match(word) and _is_status(match)):
        return word
    return _masked_word(word)


def _is_status(match: re.Match[str]) -> bool:
    cue = _STATUS_CUE.search(match.string, max(0, match.start() - CUE), match.start())
    return bool(cue and _STATUS.fullmatch(match[0].rstrip(".:!?,")))


@lru_cache(maxsize=1 << 15)
def _masked_word(word: str) -> str:
    bare = word.rstrip(".:!?,")
    return _mask(bare) + word[len(bare) :]


def _mask(word: str) -> str:
    if word[:1] in ("", "<"):
        return word
    if "://" in word and _URL.search(word):
        return "<url>"
    if (("/" in word or "\\" in word) and _is_path(word)) or _FILE.fullmatch(word):
        return "<path>"
    if "@" in word and _MAIL.search(word):
        return "<mail>"
    return _mask_of_digits(word) if _DIGIT.search(word) else word


def _is_path(word: str) -> bool:
    if word[0] in "/~." or _WINDOWS.match(word):
        return len(word) > 1
    named = "." in word or (_DIGIT.search(word) is not None and not word[0].isdigit())
    return named or word.count("/") > 1


def _mask_of_digits(word: str) -> str:
    if _CODE.fullmatch(word):
        return word
    for mask, shape in _SHAPES:
        if shape.fullmatch(word):
            return mask
    if len(_ALTERNATION.findall(word)) >= SCRAMBLED or _SCRAMBLED.match(word):
        return "<id>"
    return _DIGITS.sub("*", word)


_SHAPES = (("<num>", _NUMBER), ("<id>", _UUID), ("<hex>", _HEX), ("<host>", _HOST), ("<id>", _SHORT))
