"""The index as one question sees it, and the decisions that hold."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_mcp.analysis.digests import microseconds
from orchestrator_mcp.analysis.patterns import Often
from orchestrator_mcp.records.config import Config
from orchestrator_mcp.records.pattern_decision import PatternDecision
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.workspace import Workspace

from .meaning import AT_ONCE, WORDS, Remembered, is_used, what_is_missing


@dataclass
class View:
    """What one question is answered from.

    Args:
        db: the index.
        decisions: of agents and people, those that hold, as they were made.
        now: in microseconds since 1970.
        config: the settings in force.
        model: the optional tier, if it is to be asked.
        bad_lines: of decisions that cannot be read.
    """

    db: sqlite3.Connection
    decisions: Sequence[PatternDecision]
    now: int
    config: Config
    model: Remembered | None = None
    bad_lines: int = 0
    words_alone: str | None = None
    """Why words alone decided, where a model could have."""

    @property
    def warnings(self) -> list[str]:
        """What a caller should know of how this answer came about."""
        lines = counted(self.bad_lines, "line")
        unread = f"{lines} of rules/patterns.jsonl cannot be read; what was decided there does not hold."
        return [one for one in (self.words_alone, unread if self.bad_lines else None) if one]

    @property
    def engine(self) -> str:
        """What told entries apart: the model's name, or words alone."""
        return self.model.name if self.model and not self.words_alone else WORDS

    def often(self, min_frequency: int | None) -> Often:
        """What makes a pattern here: what was asked for, else what is set."""
        return Often(min_frequency or self.config.min_frequency, self.config.min_workflows)


@contextlib.contextmanager
def opened(workspace: Workspace) -> Iterator[View]:
    """The index, brought up to date with every session, for the length of a `with` block."""
    with workspace.index().open() as db:
        view = view_of(workspace, db)
        view.words_alone = what_is_missing(view.config.engine)
        if is_used(view.config.engine):
            view.model = Remembered(db, AT_ONCE if workspace.settings.own_session else None)  # an agent waits
        yield view


def view_of(workspace: Workspace, db: sqlite3.Connection) -> View:
    """The view of an index that is open already, in which words alone decide."""
    read = workspace.read(PatternDecision)
    decisions = [one for one in read.records if not one.withdrawn]
    return View(
        db,
        sorted(decisions, key=lambda one: one.timestamp),
        microseconds(workspace.now()),
        workspace.config,
        bad_lines=read.bad_lines,
    )


def decider(workspace: Workspace) -> Literal["agent", "person"]:
    """Who decides in this workspace."""
    return "agent" if workspace.settings.source == "agent" else "person"
