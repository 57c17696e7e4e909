"""Which secrets a name beside them gives away: password=…, "api_key": "…", --token …, "the key is …"."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from .redaction_patterns import compiled
from .redaction_placeholders import is_placeholder
from .redaction_random import ODD_BARE, ODD_MENTIONED, ODD_NAMED, UUID, oddity
from .redaction_spans import Span

_CORE = re.compile(
    "pass|pwd|psw|secret|token|key|auth|cred|jwt|bearer|pat|dsn|mnemonic|seed|sess|sid|sig|code|app_?id|otp|cookie"
)

_NAME = r"""(?xi)
    (?:(?P<password>passw(?:or)?ds?|passwort|passcode|passwd|(?<!\$)pwd|(?<=[_-])pass|(?-i:(?<=[a-z])Pass)
        |(?<=db)pass|(?<=user)pass|(?<![a-z])pass(?=\\?["']?\s{0,4}=|\\?["']\s{0,4}:)
        |(?<![a-z])psw)
    |(?P<passphrase>pass[ _-]?phrase|mnemonic|seed[ _-]?phrase)
    |(?P<secret>secrets?(?:[ _-]?(?:access)?[ _-]?key)?|credentials?|creds)
    |(?P<token>tokens?|jwt|bearer|(?<![a-z])pat)
    |(?P<api_key>(?<=x-)auth-key|auth[ _-]?(?:key|code)|(?<![a-z])dsn|(?:(?<=j)|(?<=php)|(?<=net_))sess(?:ion)?id
        |(?<=connect\.)sid|(?<=[?&])(?:key|code|app_?id|sig|signature|auth|sid)(?==))
    |(?P<cookie>cookies?)
    |(?P<auth>(?<![a-z])auth|(?<![a-z])otp)
    |(?P<key>(?<![a-z])keys?|(?-i:(?<=[a-z])Key)|(?<=api)keys?|(?<=[a-z]{4})key))
    (?:[ _-]?(?:value|val|str|string|text|b64|base64|prod|production|dev|test|live|staging|\d{1,2}))?
    (?![a-z0-9])"""

# What makes a key a secret one, and what makes it none, just before the word.
_KEPT_BACK = """
    api app application access account auth private shared sign signing signature encrypt encryption master admin
    service subscription licence license storage ssh deploy server write read consumer client integration org project
    instrumentation ingest ingestion hmac webhook rest developer crypto cipher aes sas secure user security site
    merchant rapidapi partner dev test live prod production sandbox personal global
"""
_COMMON = """
    cache primary foreign sort partition group dedup idempotency request template cluster item public pub registry hot
    map dict object s3 mon tur don row index lock event routing unique duplicate config json translation i18n message
    bucket file known next page whis jo continuation cancellation composite natural sharding shard surrogate gpg host
    with by the for
"""
_SECRET_ENDS, _COMMON_ENDS = tuple(_KEPT_BACK.split()), tuple(_COMMON.split())
_PREFIXED = r"[a-z0-9]_$|\bx-[a-z-]{2,20}-$"
_MOST_JOINTS = 2  # between such a word and `key`


class _Name(NamedTuple):
    start: int
    end: int
    kind: str


def names(text: str) -> Iterator[_Name]:
    lowered = text.replace("\u0130", "I").lower()  # the one letter whose lower case is longer
    end = 0
    for core in _CORE.finditer(lowered):
        found = compiled(_NAME).match(text, core.start()) if core.start() >= end else None
        if found:
            end = found.end()
            kind = _kind(found.lastgroup or "", text[max(0, found.start() - 24) : found.start()])
            if kind:
                yield _Name(found.start(), end, kind)


def _kind(group: str, before: str) -> str:
    if group != "key":
        return group.replace("_", "-")
    before = before.lower().removesuffix("\n")
    word = before.rstrip(" _-")
    joints = len(before) - len(word)
    if joints <= _MOST_JOINTS and word.endswith(_COMMON_ENDS):
        return ""
    is_secret_key = (joints <= 1 and word.endswith(_SECRET_ENDS)) or (joints and compiled(_PREFIXED).search(before))
    return "api-key" if is_secret_key else "key"


_ASSIGNED = r"""(?x)
    (?:\\{0,3}["'`\])}]{1,3}|\*{1,2}|_{2})?[ \t]{0,8}
    (?:(?P<firm>
        :[ \t]{0,4}(?:Optional\[|Final\[|SecretStr|const\s|&)?
            (?:str|String|string|bytes|&str|text|Text|Final)?[ \]|A-Za-z]{0,12}=
        |=>|:=|={1,3}(?!=)|->|::?(?=[^:])|>|\?=
        |\(\s{0,4}(?=\\{0,3}["'`])|\\{0,3}["'],\s{0,4}(?=\\{0,3}["'`])|(?<=["']),\s{0,4}(?=\\{0,3}["'`])
        |,?\s{0,16}\\{0,3}["']?(?:value|Value)\\{0,3}["']?\s{0,4}[:=])
     |(?P<flag>[ \t]))
    \*{0,2}[ \t]{0,8}(?:[|>]-?\s{1,40}(?=\S))?
    (?:[bBrRuU]?(?P<quote>\\{0,3}["'`])(?:(?i:bearer|basic|token|apikey|ssws|bot)\s{1,4})?
        (?P<quoted>(?:(?!(?P=quote))(?:\\[^\n]|[^\\\n])){1,1024})
     |(?:(?i:bearer|basic|token|apikey|ssws|bot)[ \t]{1,4})?
        (?P<bare>(?:[^\s"'`<>,;&)\]}|\\]|[,;&)\]}|](?![\s"'`<>,;)\]}|\\]|$|[\w.-]{1,40}[=:])|\\(?![nrt"'\\]|$)){1,1024}))"""
_CANDIDATE_START = r"(?<![^\s\"'`<>(){}\[\],;|\\=:&?])[^\s\x00-\x1f\"'`<>(){}\[\],;|\\=&?]{8}"
_CANDIDATE = r"[^\s\x00-\x1f\"'`<>(){}\[\],;|\\=&?]{8,512}={0,2}"
_FLAG = r"(?:^|[\s\"'`=\[(,])--?[A-Za-z][\w.-]{0,40}$|(?:^|[\s\"'`\[(,])--?$"
_MENTION = 64  # how far behind its name a secret may stand in prose
# Values may stand in one another, `a_key=b_key=…`. Reading each to its end costs the square of the length, so what lies
# in this many values already, none of them a secret, is not read again but hidden, with the rest of its line …
_READINGS = 8
_REACH = 128  # … whose last names may have their value in the next line


class NamedValue(NamedTuple):
    kind: str
    quoted: bool
    firm: bool  # assigned, not only mentioned


def named_secrets(text: str) -> Iterator[Span]:
    last = Span(0, 0, "")
    read = deque([0] * _READINGS, maxlen=_READINGS)  # where the values that were read last end
    for name in names(text):
        if last.start <= name.start < last.end:
            continue
        if min(read) > name.end:
            end = _line_end(text, max(read))
            last = Span(name.end, end - _REACH, name.kind)
            yield last._replace(end=end)
            continue
        value = compiled(_ASSIGNED).match(text, name.end)
        if value:
            read.append(value.end())
        found = (value and _assigned(text, name, value)) or _mentioned(text, name)
        if found:
            last = found
            yield found


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _assigned(text: str, name: _Name, found: re.Match[str]) -> Span | None:
    before = text[max(0, name.start - 48) : name.start]
    if found["flag"] and not ("-" in before and compiled(_FLAG).search(before)):
        return None
    group = "quoted" if found["quote"] else "bare"
    settled = group == "quoted" or text[found.end() : found.end() + 1] in ("", "\n")
    named = NamedValue(name.kind, settled, firm=True)
    return Span(*found.span(group), name.kind) if is_secret(named, found[group]) else None


def _mentioned(text: str, name: _Name) -> Span | None:
    """`the password for staging is X`: the first thing of the sentence that looks made up."""
    starts = [name.end]
    for start, token in _tokens(text, name.end):
        starts.append(start)
        value = token.rstrip(".:!?…")
        if is_secret(NamedValue(name.kind, quoted=False, firm=False), value):
            stopped = any(compiled(_STOP).search(text, *between) for between in pairwise(starts))
            return None if stopped else Span(start, start + len(value), name.kind)
    return None


def _tokens(text: str, start: int) -> Iterator[tuple[int, str]]:
    at, end = start, start + _MENTION + 8
    while found := compiled(_CANDIDATE_START).search(text, at, end):
        token = compiled(_CANDIDATE).match(text, found.start(), start + _MENTION + 512)
        if not token:
            return
        yield token.start(), token[0]
        at = token.end()


_STOP = (
    r"(?i)\n\s{0,20}\n|commit|\bsha|hash|digest|revision|checksum|md5|etag|fingerprint|trace|span|request|uuid|\bid\b"
    r"|version|\bat 0x|\bfile\b|\bline\b|\bin /"
)


def is_secret(named: NamedValue, value: str) -> bool:
    if not named.firm and len(value) < _LEAST_KEY and not _DIGIT.search(value):
        return False
    if is_placeholder(value) or compiled(_CODE).match(value):
        return False
    if named.firm and named.kind in _CHOSEN:
        return _is_chosen(named, value)
    if not named.firm and named.kind in _ONLY_ASSIGNED:
        return False
    return _is_made_up(value, _LEAST_KEY if named.kind == "key" else _LEAST_TOKEN, named)


_CHOSEN = frozenset({"password", "passphrase", "secret"})  # a person may have thought of it
_ONLY_ASSIGNED = frozenset({"auth", "cookie", "passphrase"})
_LEAST_PASSWORD, _LEAST_TOKEN, _LEAST_KEY = 4, 8, 16


def _is_chosen(named: NamedValue, value: str) -> bool:
    if compiled(_PHRASE).fullmatch(value):
        return named.kind == "passphrase"
    if len(value) < _LEAST_PASSWORD or " " in value:
        return False
    return bool(_MIXED.search(value)) or (named.kind == "password" and named.quoted and bool(_PLAIN.fullmatch(value)))


_PHRASE = r"[a-z]{2,12}(?: [a-z]{2,12}){3,24}"
_MIXED = re.compile(r"\d|[^\w\s.:-]|[a-z][A-Z]")
_PLAIN = re.compile(r"[\w.:-]{5,64}")


def _is_made_up(value: str, least: int, named: NamedValue) -> bool:
    if (
        len(value) < least
        or (" " in value and named.kind != "cookie")
        or (len(value) < _LEAST_KEY and not _DIGIT.search(value))
    ):
        return False
    if not named.firm and compiled(_ID).fullmatch(value):
        return named.kind != "key" and len(value) >= _LEAST_KEY
    odd = oddity(value)
    if odd < ODD_BARE and compiled(_ORDINARY).fullmatch(value):
        return False
    return odd >= (ODD_NAMED if named.firm or named.kind == "password" else ODD_MENTIONED)


_DIGIT = re.compile(r"[0-9]")
_ID = rf"{UUID}|[0-9a-f]{{7,1024}}|[0-9A-F]{{7,1024}}"
# Numbers, versions, dates, addresses, paths, file names, words with a number behind.
_ORDINARY = (
    r"[\d.,:_/+-]{1,200}|v?\d{1,5}(?:\.\d{1,6}){1,4}[\w.+-]{0,40}|\d{4}-\d\d-\d\d[\w:.+-]{0,30}|0x[0-9a-fA-F]{1,16}"
    r"|[~.]{0,2}/[\w./-]{0,400}|[\w./-]{1,200}\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|json|ya?ml"
    r"|toml|txt|md|log|pem|key|crt|html?|css|so|sh|cfg|ini|lock|tsx|jsx|php|cs|sql|xml|zip|gz|png|conf)"
    r"|[A-Za-z]{2,20}(?:[_.-][A-Za-z]{2,20}){0,8}[_.-]?\d{0,4}|\d{1,6}[A-Za-z]{1,12}"
)

_CODE = (
    r"(?x)\$?[\w.:>-]{0,80}\(|[A-Za-z_][\w]{0,60}\["
    r"|[a-z_][A-Za-z_]{0,40}(?:(?:\.|->|::|\?\.)[A-Za-z_]{1,40}){1,8}(?:\[|\(|$)"
    r"|\$[({A-Za-z_]|\$\$|\{\{?|<|%[({A-Z%]|@\{|!(?:Ref|Sub|vault|GetAtt|secret)|&[a-z]{1,40}(?:\.\w{1,60})?\{?$|\*[a-z]+$|\.{3}|…"
    r"|~?\.{0,2}/(?:run|etc|home|usr|var|tmp|opt|Users|\.)|[A-Za-z]:\\|https?://|(?:vault|op|env|file|secret|arn|ssm|ref|h1|sha\d{1,3}):"
    r"|[\w./:-]{1,120}@sha256:|~?\.{0,2}(?:/[a-z][a-z0-9._-]{1,30}){2,20}(?:/|$)"
)
