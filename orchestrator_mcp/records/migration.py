"""What a migration moves: as found, as planned, and as the manifest that brings it back."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from .base import Model, Result, Timestamp
from .legacy import LegacyKind


class Action(StrEnum):
    """What `migrate_state`, or its rollback, did."""

    PLAN = "plan"
    MIGRATED = "migrated"
    NOTHING_TO_DO = "nothing_to_do"
    ROLLED_BACK = "rolled_back"


class PlannedFile(Model):
    """One legacy file: where it is, what becomes of it; size and hash are the original's."""

    from_: str = Field(alias="from")
    to: str
    bytes: int
    sha256: str


class LeftAlone(Model):
    """Something with a familiar name that we do not touch, and why."""

    path: str
    why: str


class MigrationResult(Result):
    """The answer to `migrate_state`. `conflicts` are sentences; neither side of one is ever overwritten."""

    action: Action
    session_id: str | None = None
    files: list[PlannedFile] = []
    conflicts: list[str] = []
    left_alone: list[LeftAlone] = []
    bytes: int = 0
    free_bytes: int | None = None
    next_step: str = ""


class EntryKind(StrEnum):
    """What a name in a folder is; nothing else is ever migrated."""

    FILE = "file"
    FOLDER = "folder"


class Original(Model):
    """One original as it was before the migration; a folder has no hash. `path` is relative to the work tree."""

    path: str
    kind: EntryKind
    mode: int
    mtime_ns: int
    size: int = 0
    sha256: str | None = None


class LegacyEntry(Model):
    """One legacy name that is ours, with all that lies beneath it; it is moved as one."""

    kind: LegacyKind
    name: str
    becomes: str
    originals: list[Original]


class Survey(Model):
    """What lies in the work tree. `refusals` say why what is ours cannot be moved safely."""

    entries: list[LegacyEntry] = []
    refusals: list[str] = []
    left_alone: list[LeftAlone] = []


class Manifest(Model):
    """`migration_backup/<id>/manifest.json`: all that a roll-forward or a rollback needs; the session has the same id.

    `session_files` are the hashes of the session's files as they arrived: whether it was written to since.
    `work_root` is relative to the folder that holds `.orchestrator/`.
    """

    model_config = ConfigDict(extra="allow")

    session_id: str
    created_at: Timestamp
    version: str
    work_root: str
    originals: list[Original]
    session_files: dict[str, str]
    becomes_current: bool = False

    def names(self) -> list[str]:
        """The legacy names themselves, each of which is moved by one rename."""
        return [original.path for original in self.originals if "/" not in original.path]

    def part(self, name: str) -> list[Original]:
        """One legacy name, with all that lay beneath it."""
        return [one for one in self.originals if one.path == name or one.path.startswith(f"{name}/")]
