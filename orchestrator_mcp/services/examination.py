"""One look at a store and its surroundings: every fact is gathered once, however many checks ask for it."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from orchestrator_mcp.analysis.digests import VERSION
from orchestrator_mcp.errors import NotFoundError, OrchestratorError
from orchestrator_mcp.records.session import StoreMeta
from orchestrator_mcp.records.streams import STREAMS, StreamSpec
from orchestrator_mcp.storage.git_view import GitView
from orchestrator_mcp.storage.index import DATABASE, why_discarded
from orchestrator_mcp.storage.inspection import Entry, Inspection, Kind, inspect
from orchestrator_mcp.storage.line_health import LineHealth, examine_lines
from orchestrator_mcp.storage.machine import is_read_only
from orchestrator_mcp.storage.workspace import Workspace

_IN_SESSION = {spec.file: spec for spec in STREAMS if spec.in_session}
_IN_STORE = {spec.file: spec for spec in STREAMS if not spec.in_session}
_SESSION = re.compile(r"(?:sessions|archive)/[^/]+/")
_ROTATED = re.compile(r"rotated/\d+/")

NOT_STREAMS = ("migration_backup/", "tmp/", "cache/", "reports/")
"""Where files of lines are copies, half-made or derived."""


class Examination:
    """What is seen of one workspace. Nothing is written by looking."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.unread_lines: list[str] = []
        """Why the lines of some files could not be read; filled while `lines` is."""

    @property
    def folder(self) -> Path:
        return self.workspace.paths.orchestrator_dir

    @cached_property
    def git(self) -> GitView:
        """What git makes of the store."""
        return GitView(self.workspace.paths.base_dir, self.workspace.settings.environ)

    @cached_property
    def meta(self) -> StoreMeta | None:
        """What the store says it is; None if there is none of ours, or none that we may touch."""
        try:
            return self.workspace.meta
        except OrchestratorError:
            return None

    @cached_property
    def store(self) -> Inspection:
        """Every name in the store."""
        return inspect(self.folder)

    @cached_property
    def lines(self) -> dict[Entry, LineHealth]:
        """Every file of JSON lines, and how it is."""
        return dict(self._examined())

    @cached_property
    def is_read_only(self) -> bool:
        """Whether the disk takes no writes."""
        return is_read_only(self.folder)

    @cached_property
    def cache_problem(self) -> str | None:
        """Why the cache would be thrown away; None if it would not."""
        return why_discarded(self.workspace.paths.cache_dir() / DATABASE, VERSION)

    def _examined(self) -> Iterator[tuple[Entry, LineHealth]]:
        for entry in self.store.ours:
            if entry.kind is Kind.FILE and entry.name.endswith(".jsonl") and not entry.name.startswith(NOT_STREAMS):
                spec = spec_of(entry.name)
                try:
                    yield entry, examine_lines(entry.path, spec.model if spec else None)
                except NotFoundError:
                    continue  # its session was removed meanwhile
                except OrchestratorError as error:
                    self.unread_lines.append(str(error))


def spec_of(name: str) -> StreamSpec | None:
    """The stream that a file of the store holds, by its name relative to the store."""
    file = _ROTATED.sub("", name)
    in_session = _SESSION.match(file)
    return _IN_SESSION.get(file[in_session.end() :]) if in_session else _IN_STORE.get(file)
