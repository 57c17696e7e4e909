"""What a migration moves, as plan and as manifest."""

from enum import StrEnum

from pydantic import Field

from .base import Model, Result, Timestamp


class Action(StrEnum):
    """What `migrate_state` did."""

    PLAN = "plan"
    MIGRATED = "migrated"
    NOTHING_TO_DO = "nothing_to_do"
    ROLLED_BACK = "rolled_back"


class PlannedFile(Model):
    """One legacy file: where it is, what becomes of it."""

    from_: str = Field(alias="from")
    to: str
    bytes: int
    sha256: str


class LeftAlone(Model):
    """Something with a familiar name that we do not touch, and why."""

    path: str
    why: str


class MigrationResult(Result):
    """The answer to `migrate_state`."""

    action: Action
    session_id: str | None = None
    files: list[PlannedFile] = []
    conflicts: list[str] = []
    left_alone: list[LeftAlone] = []
    bytes: int = 0
    free_bytes: int | None = None
    next_step: str = ""


class Original(Model):
    """One original as it was before the migration; a folder has no hash. Times are nanoseconds, modes octal bits."""

    path: str
    kind: str
    mode: int
    mtime_ns: int
    size: int = 0
    sha256: str | None = None


class Manifest(Model):
    """`migration_backup/<id>/manifest.json`: all that a roll-forward or a rollback needs."""

    migration_id: str
    session_id: str
    created_at: Timestamp
    version: str
    work_root: str
    originals: list[Original]
    session_files: dict[str, str]
