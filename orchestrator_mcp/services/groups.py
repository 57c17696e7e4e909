"""Which entries belong together: what the engine finds, and over it what agents and people decided."""

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from orchestrator_mcp.analysis.digests import entry_of
from orchestrator_mcp.analysis.grouping import Entry, assign, cohesion, common_template
from orchestrator_mcp.analysis.identity import BITS, wording_of
from orchestrator_mcp.analysis.retrieval import features
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.pattern_decision import WEIGHT, PatternDecision, Verdict
from orchestrator_mcp.storage import groups, queries
from orchestrator_mcp.storage.evidence import first_line
from orchestrator_mcp.storage.groups import Member, Move
from orchestrator_mcp.storage.postings import Postings
from orchestrator_mcp.storage.queries import Key

from .meaning import WORDS, NotReadYetError, Remembered
from .view import View

TEMPLATES_READ = 20
ASKED = PatternKind.FAILURE
"""The space in which the calling agent is asked, and so the one with an inverted list."""

_TIERS = {"machine": "frame", "lines": "lines"}


class Group(NamedTuple):
    """Keys that say the same, oldest first."""

    kind: PatternKind
    label: int
    keys: tuple[Key, ...]
    decided_by: str | None = None
    of_prose: str = "prose"
    """The tier that joins prose."""

    @property
    def key_ids(self) -> list[int]:
        return [one.key_id for one in self.keys]

    @property
    def template(self) -> str:
        return common_template([one.template for one in self.keys[:TEMPLATES_READ]])

    @property
    def cohesion(self) -> float:
        return cohesion([one.template.split() for one in self.keys[:TEMPLATES_READ]])

    @property
    def joined_by(self) -> str:
        """The tier that joined its keys, or whoever decided about any of them."""
        return "exact" if len(self.keys) == 1 else self.decided_by or _TIERS.get(self.keys[0].form, self.of_prose)


def groups_of(view: View, kind: PatternKind) -> list[Group]:
    """Every group of a space, by when it was first seen; grouped anew if anything was added."""
    keys = queries.keys(view.db, kind)
    regroup(view, kind, keys)
    found = {member.key_id: member for member in groups.members(view.db, kind)}
    joined: dict[int, list[Key]] = {}
    decided: dict[int, str] = {}
    for key in keys:
        # A key that another process took in since, and grouped differently, is alone until the next question.
        member = found.get(key.key_id) or Member(key.key_id, key.key_id, None)
        joined.setdefault(member.group, []).append(key)
        if member.decided_by:
            decided[member.group] = max(member.decided_by, decided.get(member.group, ""))
    tier = tier_of(view, kind)
    return [Group(kind, label, tuple(members), decided.get(label), tier) for label, members in joined.items()]


def group_at(view: View, kind: PatternKind, label: int) -> Group:
    """One group, without grouping anew."""
    keys = tuple(queries.keys(view.db, kind, groups.keys_in(view.db, kind, label)))
    return Group(kind, label, keys, groups.decided_by(view.db, kind, label), tier_of(view, kind))


def tier_of(view: View, kind: PatternKind) -> str:
    """The tier that joined the prose of a space, when it was last grouped."""
    return "prose" if groups.engine_of(view.db, kind) in {None, WORDS} else "meaning"


def regroup(view: View, kind: PatternKind, keys: Sequence[Key] | None = None) -> None:
    """Group a space anew, if anything was added, and replay the decisions."""
    found = queries.keys(view.db, kind) if keys is None else keys
    try:
        _regroup(view, kind, found, view.model)
    except NotReadYetError as error:
        view.words_alone = str(error)
        _regroup(view, kind, found, None)
    settle(view, kind, thorough=True)


def settle(view: View, kind: PatternKind, *, thorough: bool = False) -> None:
    """Have the grouping show every decision."""
    groups.settle(view.db, kind, _moves(view.decisions, kind), thorough=thorough)


def mate_of(view: View, kind: PatternKind, key_id: int) -> int | None:
    """The oldest key that words alone would group a new one with, of those that are grouped already."""
    keys = queries.keys(view.db, kind)
    assigned = assign(_entry(view.db, one) for one in keys)
    group_of = {one.key_id: group for one, group in zip(keys, assigned, strict=True)}
    mates = (one for one, group in group_of.items() if group == group_of.get(key_id) and one != key_id)
    return next((one for one in mates if groups.group_of(view.db, one) is not None), None)


def postings_of(view: View) -> Postings:
    """The inverted list by which candidates are found."""
    return Postings(view.db, ASKED, lambda line: features(entry_of(ASKED, line.value)))


def _regroup(view: View, kind: PatternKind, keys: Sequence[Key], model: Remembered | None) -> None:
    engine = model.name if model else WORDS
    groups.regroup(view.db, kind, keys, engine=engine, now=view.now, think=partial(_think, view, model=model))


def _think(view: View, keys: Sequence[Key], model: Remembered | None) -> list[int]:
    first: dict[str, int] = {}
    assigned = assign((_entry(view.db, one) for one in keys), embedder=model)
    if keys and keys[0].space == ASKED:
        postings_of(view).add_missing()
    return [first.setdefault(group, number) for number, group in enumerate(assigned)]


def _moves(decisions: Sequence[PatternDecision], kind: PatternKind) -> list[Move]:
    """Agents' first, then people's, each as they were made: a person has the last word."""
    mine = [one for one in decisions if one.kind is kind and one.verdict is not Verdict.IGNORE]
    return [
        Move(one.verdict, target, tuple(found for id_ in one.wordings if (found := _whole(id_)) is not None), one.by)
        for one in sorted(mine, key=lambda one: WEIGHT.index(one.by))
        if (target := _whole(one.pattern_id)) is not None
    ]


def _whole(id_: str) -> int | None:
    wording, bits = wording_of(id_) or (0, 0)
    return wording if bits == BITS else None


def _entry(db: sqlite3.Connection, key: Key) -> Entry:
    """What a key's oldest entry says; a line that is gone says nothing."""
    line = first_line(db, key.key_id)
    return Entry() if line is None else entry_of(PatternKind(key.space), line.value)
