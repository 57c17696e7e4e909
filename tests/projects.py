"""Projects for tests: a folder, a clock that is told the time, and workspaces opened as a process would."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator_mcp.analysis.digests import VERSION, digest
from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.storage.paths import Roots
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace


class Project:
    """One project, in which any number of agents work."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def agent(self, **settings: object) -> Workspace:
        """A long-lived process with a session of its own."""
        return self._open(Settings(source="agent", own_session=True, **settings))  # type: ignore[arg-type]

    def person(self, **settings: object) -> Workspace:
        """A short-lived process, which works in the current session."""
        return self._open(Settings(**settings))  # type: ignore[arg-type]

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def _open(self, settings: Settings) -> Workspace:
        thinking = Thinking(redact_json, digest, VERSION)
        return Workspace(Roots(self.root, self.root), settings, thinking, lambda: self.now)

    def files(self) -> dict[str, bytes]:
        """Every file of the store but the cache, by its path."""
        found = {path.relative_to(self.root): path for path in self.root.rglob("*") if path.is_file()}
        return {path.as_posix(): file.read_bytes() for path, file in found.items() if "cache" not in path.parts}
