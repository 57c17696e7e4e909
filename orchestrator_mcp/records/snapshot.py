"""What a snapshot says of itself, and what came of exporting, importing or saving one."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .base import ID_PATTERN, Model, Result, Timestamp

SNAPSHOT_FORMAT = 1
MANIFEST = "manifest.jsonl"
"""The first file of every snapshot: the header on its first line, then one line for each file, in their order."""

MOST_FILES = 100_000
LONGEST_PATH = 190
"""Characters: any such path, of names of up to 64, can be split in two as the header of a tar archive wants it."""

LARGEST_FILE = (1 << 33) - 1
"""Bytes: what the header of a tar archive can say."""


class SnapshotFile(Model):
    """One file of a snapshot. `path` is relative to `.orchestrator/`; `mtime` is in seconds since 1970."""

    path: str = Field(max_length=LONGEST_PATH)
    size: int = Field(ge=0, le=LARGEST_FILE)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    mtime: int = Field(ge=0, lt=1 << 33)


class SnapshotHeader(Model):
    """Whose snapshot it is, and how much follows.

    `exported_at` is when the newest file in it was written: the same store gives the same bytes, whenever it is asked.
    """

    model_config = ConfigDict(extra="allow")

    tool: Literal["orchestrator-mcp"] = "orchestrator-mcp"
    format: int = SNAPSHOT_FORMAT
    version: str = Field(max_length=50)
    repo_id: str = Field(pattern=ID_PATTERN)
    git_remote: str | None = Field(None, max_length=500)
    exported_at: Timestamp
    include_private: bool = False
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)


TOOL = str(SnapshotHeader.model_fields["tool"].default)
"""Whose snapshot it is, as its header says."""


class LeftOut(Model):
    """Files of the store that a snapshot does not hold, and why."""

    why: str
    files: int
    examples: list[str]


class SnapshotExported(Result):
    """The answer to `export_snapshot`. `bytes` and `sha256` are those of the snapshot itself."""

    path: str | None
    bytes: int
    sha256: str
    files: int
    sessions: int
    left_out: list[LeftOut] = []
    encrypted: bool = False


class OnConflict(StrEnum):
    """What becomes of a session, or a file, that is here and in the snapshot, and differs."""

    KEEP = "keep"
    REPLACE = "replace"
    REFUSE = "refuse"


class ImportAction(StrEnum):
    """What an import did."""

    PLAN = "plan"
    IMPORTED = "imported"
    NOTHING_TO_DO = "nothing_to_do"


class SnapshotImported(Result):
    """What an import did, or would do: names of sessions, and of files that are in none.

    `added` were not here; `merged` are files whose new records were added to ours; `same` counts what was here already;
    `differing` were kept, or replaced if `backup` says where ours went.
    """

    action: ImportAction
    repo_id: str
    exported_at: Timestamp
    added: list[str] = []
    merged: list[str] = []
    same: int = 0
    differing: list[str] = []
    backup: str | None = None
    next_step: str = ""


class Pending(Model):
    """`migration_backup/import-…/pending.json`: an import that was decided. `removed` are files of ours to put away."""

    version: str
    created_at: Timestamp
    removed: list[Annotated[str, Field(max_length=LONGEST_PATH)]] = []


class StateSaved(Result):
    """The answer to `persist save`. `commit` is the branch's newest; `saved` is false if it already held everything."""

    saved: bool
    branch: str
    commit: str | None
    files: int
    sessions: int
    pushed_to: str | None = None
    next_step: str = ""


class PersistStatus(Result):
    """Where the state is saved, and whether what is here is on that branch.

    `unsaved` names sessions and files with something that is not on it; `sessions_unsaved` of them are sessions.
    """

    branch: str | None
    remote: str | None
    automatic: bool
    why: str
    commit: str | None = None
    saved_at: Timestamp | None = None
    sessions_saved: int = 0
    unsaved: list[str] = []
    sessions_unsaved: int = 0
    next_step: str = ""
