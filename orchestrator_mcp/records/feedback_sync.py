"""What is kept of feedback that was shared. Small, because every process loads it with the table of streams."""

from enum import StrEnum

from .base import Record


class TargetKind(StrEnum):
    """Where shared feedback goes: a file for a person to hand on, a collector, or a person's own gist."""

    FILE = "file"
    ENDPOINT = "endpoint"
    GIST = "gist"


class Synced(Record):
    """One batch that was taken: a line of `sync.jsonl`. `id` names the batch, `synced_ids` the entries in it.

    `place` is the file, or the host. A batch that is sent again is a new `rev`.
    """

    target: TargetKind
    place: str
    synced_ids: list[str]
    count: int
