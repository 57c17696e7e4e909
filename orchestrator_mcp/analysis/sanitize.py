"""What of a stored text may reach a terminal or a model."""

import re
import unicodedata

# ECMA-48: CSI, then OSC, DCS, SOS, PM and APC with their text, then two-character escapes.
# A string that never ends loses its introducer only; its text stays, as text.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,256}[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])(?:[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c))?"
    r"|\x1b[ -/]{0,16}[0-~]?"
)
_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1, but tab and newline
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers, Mongolian selectors
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, separators, bidi, deprecated format controls
    "\u3164\uffa0\ufeff\ufff0-\ufffb"  # fillers, BOM, interlinear annotation
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
    "\ud800-\udfff\ufdd0-\ufdef"  # lone surrogates, non-characters
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # shorthand and musical format controls
    "]"
)
_SPACES = re.compile(r"\s+")


def sanitize(text: str) -> str:
    """The text without escape sequences, controls (but newline and tab) and characters nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def single_line(text: str) -> str:
    """The sanitised text with each run of white space as one space."""
    return _SPACES.sub(" ", sanitize(text)).strip()


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, ending in … where something was left out; no letter loses its accent."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    end = limit - 1
    while end and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"
