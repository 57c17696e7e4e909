"""Where in a text a secret stands, and the same text without it (best effort)."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from .redaction_named import NamedValue, is_secret, named_secrets, names
from .redaction_random import LONG, ODD_MARKED, bare_secrets
from .redaction_shapes import PREFIXES, SHAPES, shaped_secrets
from .redaction_spans import Span, merged_spans

_MARKER = re.compile(r"(\[REDACTED:[a-z0-9-]{1,40}:[0-9a-f]{8}\])")
_PASSES = 6  # hiding one secret can bare the next; hostile text that never settles is hidden whole


def redact(text: str, key: bytes) -> str:
    """The text with each secret replaced by `[REDACTED:kind:tag]`; doing it twice changes nothing.

    The tag is the first 8 hex digits of HMAC-SHA256(key, secret): the same secret keeps its tag, so that repeated
    errors still group, and without the key a short secret cannot be guessed from its tag.
    """
    for _ in range(_PASSES):
        parts = _MARKER.split(text)
        hidden = "".join(part if at % 2 else _hide(part, key) for at, part in enumerate(parts))
        if hidden == text:
            return text
        text = hidden
    return _mark("unsettled", text, key)


def redact_json(value: Any, key: bytes) -> Any:
    """A new JSON value without its secrets; a field's name counts as much as in `name=value` text."""
    return _redact_field("", value, key)


def _redact_field(name: str, value: Any, key: bytes) -> Any:
    match value:
        case str():
            return _redact_named(name, value, key)
        case list():
            return [_redact_field(name, item, key) for item in value]
        case dict():
            return {_redact_name(field, key): _redact_field(_name_of(field, name, value), item, key)
                    for field, item in value.items()}  # fmt: skip
        case _:
            return value


@lru_cache(maxsize=256)
def _redact_name(name: str, key: bytes) -> str:
    """The same few names come with every record."""
    return redact(name, key)


def _name_of(field: str, outer: str, siblings: dict[str, Any]) -> str:
    """`{"password": {"value": …}}` and `{"name": "PASSWORD", "value": …}` say elsewhere what a value is."""
    if field not in _VALUE_FIELDS:
        return field
    named = siblings.get("name", siblings.get("key", outer))
    return named if isinstance(named, str) else outer


def _redact_named(name: str, value: str, key: bytes) -> str:
    last = next((found for found in names(name) if found.end == len(name)), None)
    if not last or _MARKER.search(value):
        return redact(value, key)
    scheme = _SCHEME.match(value)
    secret = value[scheme.end() :] if scheme else value
    named = NamedValue(last.kind, quoted=True, firm=True)
    if not is_secret(named, secret):
        return redact(value, key)
    return value[: len(value) - len(secret)] + _mark(named.kind, secret, key)


_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey|digest|jwt|ssws|bot)[ \t]{1,4}")
_VALUE_FIELDS = frozenset({"value", "data", "raw", "plaintext", "val"})


def _mark(kind: str, secret: str, key: bytes) -> str:
    tag = hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]
    return f"[REDACTED:{kind}:{tag}]"


def _hide(text: str, key: bytes) -> str:
    spans = list(_found(text))
    if not spans:
        return text
    parts, at = [], 0
    for start, end, kind in merged_spans(spans):
        parts += [text[at:start], _mark(kind, text[start:end], key)]
        at = end
    return "".join([*parts, text[at:]])


def _found(text: str) -> Iterator[Span]:
    """Every detector's finds, the most telling kind first; each is asked only where a cheap sign of it is there."""
    long = "\n".join(LONG.findall(text))
    if long:
        yield from shaped_secrets(text, long, PREFIXES, ODD_MARKED)
    yield from shaped_secrets(text, text, SHAPES)
    yield from named_secrets(text)
    if long:
        yield from bare_secrets(text)
