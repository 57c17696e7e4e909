"""Which pieces of words is a text made of, as BERT counts them?

The pieces are those of bert-base-uncased (`wordpiece.txt`, one a line, its number is its id): © 2018 The Google AI
Language Team Authors, Apache License 2.0. The rules are those of that model too (Devlin et al. 2019).
"""

import pkgutil
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice

Vocabulary = Mapping[str, int]

LONGEST_WORD = 100  # characters; a longer one is unknown
UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
_CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


def load_vocabulary() -> Vocabulary:
    lines = (pkgutil.get_data(__package__, "wordpiece.txt") or b"").decode().splitlines()
    return {piece: number for number, piece in enumerate(lines)}


def ids_of(text: str, vocabulary: Vocabulary, most: int) -> list[int]:
    """The ids of a text's pieces between the two marks, `most` of them with the marks."""
    inner = chain.from_iterable(_pieces(word, vocabulary) for word in _words(text))
    return [vocabulary[piece] for piece in (FIRST, *islice(inner, most - 2), LAST)]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", "".join(map(_cleaned, text)))
    return "".join(map(_folded, plain)).split()


@lru_cache(maxsize=1 << 14)
def _cleaned(char: str) -> str:
    if char.isspace():
        return " "
    if char == "\ufffd" or unicodedata.category(char)[0] == "C":  # lone surrogates are of a C category too
        return ""
    return f" {char} " if any(first <= ord(char) <= last for first, last in _CJK) else char


@lru_cache(maxsize=1 << 14)
def _folded(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    mark = category[0] == "P" or (char.isascii() and not char.isalnum())
    return f" {char} " if mark else char.lower()


def _pieces(word: str, vocabulary: Vocabulary) -> Iterator[str]:
    """The longest pieces from the left; a word that is not made of known ones is unknown as a whole."""
    found: list[str] = []
    start = 0
    while start < len(word) <= LONGEST_WORD:
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), 0)
        if not end:
            break
        found.append(mark + word[start:end])
        start = end
    yield from found if start == len(word) else [UNKNOWN]
