"""What a terminal or a model must never receive does not come through."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_mcp.analysis.sanitize import clip, sanitize, single_line

NON_CHARACTERS = {
    *range(0xFDD0, 0xFDF0),
    *(plane + low for plane in range(0, 0x110000, 0x10000) for low in (0xFFFE, 0xFFFF)),
}


def test_no_code_point_that_steers_or_hides_comes_through() -> None:
    kept = {point for point in range(sys.maxunicode + 1) if sanitize(chr(point))}

    assert {point for point in kept if unicodedata.category(chr(point)) in ("Cc", "Cs")} == {0x09, 0x0A}
    assert not kept & {0xFE0F, 0xFEFF, 0x00AD, 0x2028, 0x2029, *range(0x200B, 0x2010), *range(0x202A, 0x202F)}
    assert not kept & {*range(0x2060, 0x2070), *range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000), *NON_CHARACTERS}


def test_every_code_point_inside_a_text_is_treated_the_same() -> None:
    text = "".join(f"a{chr(point)}" for point in range(0xA0, sys.maxunicode + 1))

    assert sanitize(text) == "".join(f"a{sanitize(chr(point))}" for point in range(0xA0, sys.maxunicode + 1))


def test_letters_digits_and_emoji_stay() -> None:
    for text in ("plain ASCII", "naïve café", "Größe — „so“", "日本語", "עברית", "🙂 🚀", "e\u0301", "a\tb\nc"):
        assert sanitize(text) == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mx", "x"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1b]52;c;never ends", "52;c;never ends"),
        ("\x1b(Bx\x1b=y", "xy"),
        ("a\r\nb\rc", "a\nbc"),
        ("a\x00b\x08c\x7f", "abc"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("pass\u200bword", "password"),
        ("".join(chr(0xE0000 + ord(c)) for c in "obey") + "hi", "hi"),
        ("\ud800x\udfff", "x"),
    ],
)
def test_what_steers_a_terminal_or_hides_is_removed(raw: str, clean: str) -> None:
    assert sanitize(raw) == clean


@given(st.text(st.characters(exclude_categories=())))
def test_a_second_pass_changes_nothing(text: str) -> None:
    assert sanitize(sanitize(text)) == sanitize(text)


@given(st.text(st.sampled_from("\x1b[]\\P^_0;m\x07\x9b\x9c a\n\u200b\ud800")))
def test_no_escape_is_rebuilt_from_its_pieces(text: str) -> None:
    assert not set(sanitize(text)) & set("\x1b\x07\x9b\x9c\u200b\ud800")


@given(st.text())
def test_a_single_line_is_one(text: str) -> None:
    assert len(single_line(text).splitlines()) <= 1
    assert single_line(text) == single_line(single_line(text))


@given(st.text(), st.integers(0, 50))
def test_a_clipped_text_fits_and_says_so(text: str, limit: int) -> None:
    clipped = clip(text, limit)

    assert len(clipped) <= limit
    assert clipped == text or clipped.endswith("…") or not limit


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("cafe\u0301s", 5, "caf…"),
        ("one two", 5, "one…"),
        ("x", 0, ""),
        ("xy", 1, "…"),
    ],
)
def test_clip(text: str, limit: int, clipped: str) -> None:
    assert clip(text, limit) == clipped
