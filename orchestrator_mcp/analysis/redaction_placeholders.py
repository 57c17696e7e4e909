"""What documentation writes where a secret would stand."""

import re

from .redaction_patterns import compiled

_DOCUMENTED = """
    your my the a an our some this that here is for to of with from new old current api app access auth client
    user users db database admin root postgres mysql guest default service account login secret secrets password
    passwd pass passphrase pwd token tokens key keys apikey credential credentials bearer basic digest jwt id
    name username value string str text int bool boolean bytes number null nil none undefined true false yes no
    on off any object optional required missing invalid incorrect wrong expired empty unset set not change
    changeme changeit replace replaceme insert enter put add goes todo tbd fixme example examples sample dummy
    fake mock test tests testing foo bar baz placeholder redacted hidden masked removed omitted secretstr only
    me it real actual generated random long super go type field input must should cannot was found provided
    private public refresh session demo localhost description error failed identifier reset unauthorized
    rejected
"""
_WORDS = frozenset(_DOCUMENTED.split())
_WORD = re.compile(r"[A-Z]?[a-z]{1,64}|[A-Z]{1,64}")
_PLACEHOLDER = (
    r"(?i)(.)\1{2,200}|<[^\n]{0,200}|\[[^\n]{0,200}|\{[^\n]{0,200}|\$\{?\w{1,80}[^\n]{0,80}"
    r"|%\w{1,40}%|%[-+ 0#]?\d{0,3}[a-z]|@\w{1,40}@"
    r"|(?:x{3}|\*{3}|\.{3}|•{2})[\w*.•-]{0,64}|[\w-]{0,16}(?:\*{3}|•{3}|x{6}|\.{3}|…)[\w*.•-]{0,64}"
    r"|[\w-]{0,64}(?:example|placeholder|changeme|redacted|your[_-])[\w-]{0,64}"
    r"|your[a-z_-]{0,40}|0?123456789?0?|abc123|abcd?e?f?"
    r"|[^\n]{0,6}12345678[^\n]{0,6}"
)


def is_placeholder(value: str) -> bool:
    """What documentation writes where a secret would stand."""
    return len(value) <= _LONGEST_PLACEHOLDER and (
        compiled(_PLACEHOLDER).fullmatch(value) is not None or _is_worded(value)
    )


_LONGEST_PLACEHOLDER = 200
_WORDED = re.compile(r"[A-Za-z_ .:/?!,'-]{1,200}\d{0,3}")


def _is_worded(value: str) -> bool:
    return bool(_WORDED.fullmatch(value)) and all(word.lower() in _WORDS for word in _WORD.findall(value))
