"""What a migration moves: as found, as planned, and as the manifest that brings it back."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .base import Model, Result, Timestamp
from .legacy import LegacyKind


class Action(StrEnum):
    """What `migrate_state`, or its rollback, did."""

    PLAN = "plan"
    MIGRATED = "migrated"
    IMPORTED = "imported"
    NOTHING_TO_DO = "nothing_to_do"
    ROLLED_BACK = "rolled_back"


class Prefer(StrEnum):
    """Which of two different states of one workflow stays in use: the legacy file's, or the session's."""

    OLD = "old"
    NEW = "new"


class Choices(Model):
    """What a person may choose about a migration.

    `include` and `exclude` are patterns over legacy names. `stays`: the originals stay where they are.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    prefer: Prefer | None = None
    stays: bool = False


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
    """The answer to `migrate_state`. `conflicts` are sentences; the side that is not in use is kept in the backup.

    `sessions` are all that were made, `session_id` the first of them. `notice` says what the move is good for, and
    `gitignore` is the diff that a person is offered.
    """

    action: Action
    notice: str = ""
    session_id: str | None = None
    sessions: list[str] = []
    files: list[PlannedFile] = []
    conflicts: list[str] = []
    left_alone: list[LeftAlone] = []
    bytes: int = 0
    free_bytes: int | None = None
    gitignore: str = ""
    next_step: str = ""


class EntryKind(StrEnum):
    """What a name in a folder is; nothing else is ever migrated."""

    FILE = "file"
    FOLDER = "folder"


class Original(Model):
    """One original as it was before the migration; a folder has no hash. `path` is relative to the work tree."""

    path: str
    kind: EntryKind
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    mtime_ns: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    size: int = 0
    sha256: str | None = None


class LegacyEntry(Model):
    """One legacy name that is ours, with all that lies beneath it; it is moved as one.

    `root` is the folder that its names are relative to. `taken` says of how many of a file's first bytes an earlier
    migration or import made records; `stays`: it is copied and left where it is.
    """

    kind: LegacyKind
    name: str
    becomes: str
    originals: list[Original]
    taken: dict[str, int] = {}
    root: str = ""
    stays: bool = False


class Survey(Model):
    """What lies there. `refusals` say why what is ours cannot be moved safely."""

    entries: list[LegacyEntry] = []
    refusals: list[str] = []
    left_alone: list[LeftAlone] = []


class Placement(Model):
    """Something of the store beside the first session, prepared in the backup and put in place after the commit.

    `to` is relative to `.orchestrator/`. A file has the hash `sha256`, and `replaces` is that of what stood there; a
    session has neither, but the hashes of its `files`.
    """

    to: str
    sha256: str | None = None
    replaces: str | None = None
    files: dict[str, str] = {}


class Manifest(Model):
    """`migration_backup/<id>/manifest.json`: all that a roll-forward or a rollback needs; the session has the same id.

    `originals` are moved into the backup, `copied` stay where they are (what of them went nowhere else is copied into
    the backup), `around` are the folders that hold originals.
    `session_files` are the hashes of the session's files as they arrived: whether it was written to since.
    `work_root` is relative to the folder that holds `.orchestrator/`. `current` is the session that becomes current if
    none is; `current_was` is what another tool's `current` said before.
    """

    model_config = ConfigDict(extra="allow")

    session_id: str
    created_at: Timestamp
    version: str
    work_root: str
    originals: list[Original]
    copied: list[Original] = []
    around: list[Original] = []
    session_files: dict[str, str]
    placements: list[Placement] = []
    current: str | None = None
    current_was: str | None = None

    def names(self) -> list[str]:
        """The legacy names themselves, each of which is moved by one rename."""
        found: list[str] = []
        for one in self.originals:
            if not any(one.path.startswith(f"{name}/") for name in found):
                found.append(one.path)
        return found

    def part(self, name: str) -> list[Original]:
        """One legacy name, with all that lay beneath it."""
        return [one for one in self.originals if one.path == name or one.path.startswith(f"{name}/")]

    def sessions(self) -> dict[str, dict[str, str]]:
        """Every session that was made, with the hashes of its files as they arrived."""
        others = {one.to.rpartition("/")[2]: one.files for one in self.placements if one.sha256 is None}
        return {self.session_id: self.session_files} | others
