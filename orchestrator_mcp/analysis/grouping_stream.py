"""To which group does one more text belong, judged by what was learned from the texts before it?

Texts with equal keys form a group. A *frame* is a template with one token left out: when enough different
tokens have filled the gap, the gap holds a variable and everything in the frame is one group. The frame's own
template, with `<*>` in the gap, is then learned like any other, so that a second variable is found too. What is
known only grows, which is why an added text joins groups but never splits one.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from orchestrator_mcp.analysis.canonical import Canonical, is_word
from orchestrator_mcp.analysis.grouping_masks import ANY, is_code

JoinedBy = Literal["new", "exact", "frame", "lines", "prose", "meaning"]

MIN_WORDS = 4  # words that must remain around a gap,
MIN_BESIDE_NAME = 2  # or these many, when what fills the gap looks like an identifier
ENOUGH = 10  # evidence that makes a gap a variable: the sum of the weights of its different fillings
WORD, SYMBOL, NAME, COMPOUND, NUMBERED, MASKED = 2, 4, 3, 5, 6, 8
COMPOUNDED = frozenset("._/:$@")  # `a.b` and `a_b` are surely names; a capital inside may be a brand's
DEPTH = 3  # variables that may be found one after another in what one text teaches


class Memory(Protocol):
    """A few string-keyed tables: "key", "frame" and "parent"."""

    def get(self, table: str, key: str) -> str | None: ...

    def put(self, table: str, key: str, value: str) -> None: ...


@dataclass(slots=True)
class Tables:
    """A `Memory` that lives as long as its owner."""

    rows: dict[tuple[str, str], str] = field(default_factory=dict)

    def get(self, table: str, key: str) -> str | None:
        return self.rows.get((table, key))

    def put(self, table: str, key: str, value: str) -> None:
        self.rows[table, key] = value


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a text went; `merged` are the ids of groups that became part of `group_id` through it."""

    group_id: str
    joined_by: JoinedBy
    merged: tuple[str, ...] = ()


class _Template(NamedTuple):
    tokens: tuple[str, ...]
    names: frozenset[int]

    @property
    def key(self) -> str:
        return " ".join(self.tokens)


def place(text: Canonical, memory: Memory) -> Placement:
    """Puts one text into its group and remembers it."""
    if not text.key:
        return Placement(_apart(memory), "new")
    key = exact_key(text)
    known = memory.get("key", key)
    if known is not None:
        return Placement(root(known, memory), "exact")
    group = pattern_id(key)
    if text.kind != "machine":
        memory.put("key", key, group)
        return Placement(group, "new")
    gone = _learn(key, _Template(text.tokens, text.names), group, memory, DEPTH)
    now = root(group, memory)
    return Placement(now, "frame" if gone else "new", tuple(other for other in gone if other not in (group, now)))


def exact_key(text: Canonical) -> str:
    """What two texts of one kind must share to be the same without further thought."""
    return text.key if text.kind == "machine" else f"{text.kind}\n{text.body or text.key}"


def _apart(memory: Memory) -> str:
    """A group for one text alone: what says nothing is like nothing."""
    count = int(memory.get("key", "") or 0) + 1
    memory.put("key", "", str(count))
    return pattern_id(f"\n{count}")


@lru_cache(maxsize=1 << 14)
def pattern_id(key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return "pat_" + base64.b32encode(digest[:10]).decode("ascii").lower()


def root(group: str, memory: Memory) -> str:
    """The group that this one has become.

    Each look halves the way for the next (path halving, Tarjan & van Leeuwen 1984): it stays short however many merge.
    """
    while (parent := memory.get("parent", group)) is not None:
        further = memory.get("parent", parent)
        if further is None:
            return parent
        memory.put("parent", group, further)
        group = further
    return group


def _learn(key: str, template: _Template, group: str, memory: Memory, depth: int) -> list[str]:
    known = memory.get("key", key)
    if known is not None:
        return _unite(known, group, memory)
    memory.put("key", key, group)
    gone: list[str] = []
    for gap, filling, general in _frames(template):
        gone += _fill(gap, filling, group, memory)
        if depth and general.tokens != template.tokens and (memory.get("frame", gap) or "")[:1] == "=":
            gone += _learn(general.key, general, group, memory, depth - 1)
    return gone


def _frames(template: _Template) -> Iterator[tuple[str, str, _Template]]:
    words = sum(n not in template.names and is_word(token) for n, token in enumerate(template.tokens))
    for n, token in enumerate(template.tokens):
        is_name = n in template.names
        left = words - (is_word(token) and not is_name)
        if left >= (MIN_BESIDE_NAME if is_name else MIN_WORDS) and not is_code(token):
            general = _without(template, n)
            yield f"{n} {general.key}", ("~" if is_name else "") + token, general


def _without(template: _Template, gap: int) -> _Template:
    tokens: list[str] = []
    names: set[int] = set()
    for n, token in enumerate(template.tokens):
        now = ANY if n == gap else token
        if now == ANY and tokens and tokens[-1] == ANY:
            continue
        if n in template.names and n != gap:
            names.add(len(tokens))
        tokens.append(now)
    return _Template(tuple(tokens), frozenset(names))


def _fill(gap: str, filling: str, group: str, memory: Memory) -> list[str]:
    known = memory.get("frame", gap)
    if known is not None and known[0] == "=":
        return _unite(known[1:], group, memory)
    fillings = dict(line.split(" ") for line in known.split("\n")) if known else {}
    if filling in fillings:
        return []
    fillings[filling] = group
    if sum(map(_weight, fillings)) < ENOUGH:
        memory.put("frame", gap, "\n".join(f"{token} {owner}" for token, owner in fillings.items()))
        return []
    first = next(iter(fillings.values()))
    memory.put("frame", gap, f"={first}")
    return [gone for other in fillings.values() for gone in _unite(first, other, memory)]


def _weight(filling: str) -> int:
    if filling == ANY:
        return MASKED
    if filling[0] != "~":
        return WORD
    if filling[1] == "'":
        return SYMBOL
    if "*" in filling:
        return NUMBERED
    return NAME if COMPOUNDED.isdisjoint(filling) else COMPOUND


def _unite(one: str, other: str, memory: Memory) -> list[str]:
    kept, gone = root(one, memory), root(other, memory)
    if kept == gone:
        return []
    memory.put("parent", gone, kept)
    return [gone]
