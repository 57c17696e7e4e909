"""Which entries belong together: what the engine finds, and over it what agents and people decided."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from orchestrator_mcp.analysis.digests import OF_TEXT, entry_of, microseconds
from orchestrator_mcp.analysis.grouping import Entry, assign, cohesion, common_template
from orchestrator_mcp.analysis.identity import BITS, pattern_id, wording_of
from orchestrator_mcp.analysis.retrieval import features
from orchestrator_mcp.errors import NotFoundError, WorkspaceBusyError
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.pattern_decision import WEIGHT, PatternDecision, Verdict
from orchestrator_mcp.storage import groups, queries
from orchestrator_mcp.storage.groups import Member, Move
from orchestrator_mcp.storage.postings import Postings
from orchestrator_mcp.storage.queries import Kind
from orchestrator_mcp.storage.workspace import Workspace

from .meaning import AT_ONCE, WORDS, NotReadYetError, Remembered, is_installed

TEMPLATES_READ = 20
ASKED = PatternKind.FAILURE
"""The space in which the calling agent is asked, and so the one with an inverted list."""

_TIERS = {"machine": "frame", "lines": "lines"}


class Group(NamedTuple):
    """Keys that say the same, oldest first."""

    kind: PatternKind
    label: int
    keys: tuple[Kind, ...]
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


@dataclass
class View:
    """The index as one question sees it, and the decisions that hold.

    Args:
        db: the index.
        decisions: those that hold.
        now: in microseconds since 1970.
        model: the optional tier, if it is to be asked.
        bad_lines: of decisions that cannot be read.
    """

    db: sqlite3.Connection
    decisions: Sequence[PatternDecision]
    now: int
    model: Remembered | None = None
    bad_lines: int = 0
    notes: list[str] = field(default_factory=list)
    """Why words alone decided, where a model could have."""

    @property
    def warnings(self) -> list[str]:
        """What a caller should know of how this answer came about."""
        unread = f"{self.bad_lines} lines of rules/patterns.jsonl cannot be read; decisions in them do not hold."
        return self.notes + ([unread] if self.bad_lines else [])

    @property
    def engine(self) -> str:
        """What told entries apart: the model's name, or words alone."""
        return self.model.name if self.model and not self.notes else WORDS

    def groups(self, kind: PatternKind) -> list[Group]:
        """Every group of a space, by when it was first seen; grouped anew if anything was added."""
        keys = queries.kinds(self.db, kind)
        self.regroup(kind, keys)
        found = {member.key_id: member for member in groups.members(self.db, kind)}
        joined: dict[int, list[Kind]] = {}
        decided: dict[int, str] = {}
        for key in keys:
            # A key that another process took in since, and grouped differently, is alone until the next question.
            member = found.get(key.key_id) or Member(key.key_id, key.key_id, None)
            joined.setdefault(member.group, []).append(key)
            if member.decided_by:
                decided[member.group] = max(member.decided_by, decided.get(member.group, ""))
        tier = self.tier(kind)
        return [Group(kind, label, tuple(members), decided.get(label), tier) for label, members in joined.items()]

    def tier(self, kind: PatternKind) -> str:
        """The tier that joined the prose of a space, when it was last grouped."""
        return "prose" if groups.engine_of(self.db, kind) in {None, WORDS} else "meaning"

    def regroup(self, kind: PatternKind, keys: Sequence[Kind] | None = None) -> None:
        """Group a space anew, if anything was added, and replay the decisions."""
        found = queries.kinds(self.db, kind) if keys is None else keys
        try:
            self._regroup(kind, found, self.model)
        except NotReadYetError as error:
            self.notes = [str(error)]
            self._regroup(kind, found, None)
        self.settle(kind, thorough=True)

    def _regroup(self, kind: PatternKind, keys: Sequence[Kind], model: Remembered | None) -> None:
        engine = model.name if model else WORDS
        groups.regroup(self.db, kind, keys, engine=engine, now=self.now, think=partial(self._think, model=model))

    def mate_of(self, kind: PatternKind, key_id: int) -> int | None:
        """The oldest key that words alone would group a new one with, of those that are grouped already."""
        keys = queries.kinds(self.db, kind)
        assigned = assign(_entry(self.db, one) for one in keys)
        group_of = {one.key_id: group for one, group in zip(keys, assigned, strict=True)}
        mates = (one for one, group in group_of.items() if group == group_of.get(key_id) and one != key_id)
        return next((one for one in mates if groups.group_of(self.db, one) is not None), None)

    def settle(self, kind: PatternKind, *, thorough: bool = False) -> None:
        """Have the grouping show every decision."""
        groups.settle(self.db, kind, _moves(self.decisions, kind), thorough=thorough)

    def id_of(self, key_ids: Sequence[int]) -> str:
        """The id of the pattern that these keys are."""
        return pattern_id(queries.oldest_wording(self.db, key_ids))

    def ignored(self, kind: PatternKind) -> set[int]:
        """The groups that people do not want to hear of."""
        ignored = [one for one in self.decisions if one.verdict is Verdict.IGNORE and one.kind is kind]
        return {label for one in ignored for label in self.labels_of(one.pattern_id)}

    def labels_of(self, pattern: str) -> set[int]:
        """The group that a pattern's id leads to, if any."""
        return {label for _, label in self._placed(pattern)}

    def find(self, typed: str, *, anew: bool = True) -> Group:
        """The group that a pattern's id leads to, or the last six characters of it.

        Args:
            typed: the id.
            anew: group anew first, if anything was added.

        Raises:
            NotFoundError: if none, or more than one, fits.
        """
        if anew:
            for kind in {kind for kind, _ in self._placed(typed)}:
                self.regroup(kind)
        found = set(self._placed(typed))
        if len(found) != 1:
            raise NotFoundError(
                f"{len(found)} patterns are known as {typed[:40]!r}. Give a whole id, or its last 6 characters; "
                "`orchestrator pattern list` shows them."
            )
        group = self.group(*found.pop())
        if not group.keys:
            raise WorkspaceBusyError("The patterns were just grouped anew by another process. Try again.")
        return group

    def group(self, kind: PatternKind, label: int) -> Group:
        """One group, without grouping anew."""
        keys = tuple(queries.kinds(self.db, kind, groups.keys_in(self.db, kind, label)))
        return Group(kind, label, keys, groups.decided_by(self.db, kind, label), self.tier(kind))

    def postings(self) -> Postings:
        """The inverted list by which candidates are found."""
        return Postings(self.db, ASKED, lambda line: features(entry_of(ASKED, line.value)))

    def _placed(self, typed: str) -> Iterator[tuple[PatternKind, int]]:
        wanted = wording_of(typed)
        if wanted is None:
            return
        wording, bits = wanted
        for space, key_id in queries.worded(self.db, wording, None if bits == BITS else bits):
            kind = PatternKind(space)
            if kind in OF_TEXT:
                groups.place(self.db, kind, key_id)
                yield kind, groups.group_of(self.db, key_id) or 0

    def _think(self, keys: Sequence[Kind], model: Remembered | None) -> list[int]:
        first: dict[str, int] = {}
        assigned = assign((_entry(self.db, one) for one in keys), embedder=model)
        if keys and keys[0].space == ASKED:
            self.postings().add_missing()
        return [first.setdefault(group, number) for number, group in enumerate(assigned)]


def decider(workspace: Workspace) -> Literal["agent", "person"]:
    """Who decides in this workspace."""
    return "agent" if workspace.settings.source == "agent" else "person"


@contextlib.contextmanager
def opened(workspace: Workspace) -> Iterator[View]:
    """The index, brought up to date with every session, for the length of a `with` block."""
    with workspace.index().open() as db:
        view = view_of(workspace, db)
        if is_installed():
            view.model = Remembered(db, AT_ONCE if workspace.settings.own_session else None)  # an agent waits
        yield view


def view_of(workspace: Workspace, db: sqlite3.Connection) -> View:
    """The view of an index that is open already, in which words alone decide."""
    read = workspace.read(PatternDecision)
    decisions = [one for one in read.records if not one.withdrawn]
    return View(
        db, sorted(decisions, key=lambda one: one.timestamp), microseconds(workspace.now()), bad_lines=read.bad_lines
    )


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


def _entry(db: sqlite3.Connection, key: Kind) -> Entry:
    """What a key's oldest entry says; a line that is gone says nothing."""
    line = queries.first_line(db, key.key_id)
    return Entry() if line is None else entry_of(PatternKind(key.space), line.value)
