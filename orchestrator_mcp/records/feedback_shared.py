"""What leaves the machine when feedback is shared, and what the commands answer."""

from .base import Model, Result, Timestamp
from .feedback import ToolAnswers
from .feedback_sync import TargetKind
from .fields import FeedbackMode

BATCH_TYPE = "application/cloudevents-batch+json"
"""As what a batch of events is posted; see https://github.com/cloudevents/spec."""


class SharedFeedback(Model):
    """One tool entry as it leaves the machine. There is no other form, and nothing else leaves.

    `day` is the day in UTC. `installation_hash` changes every month. Every number is the highest step of a short list
    that it reaches (`analysis/feedback_sharing.py`): seconds, counts; `items_skipped_pct` is a fraction, in tenths.
    Items and phases are those that the tool ships, else `custom_item` and `OTHER`.
    """

    day: str
    installation_hash: str
    workflow_id_hash: str | None = None
    orchestrator_version: str
    repo_type: str
    duration_seconds: int | None = None
    phases: dict[str, int] = {}
    phase0_guidance_used: bool | None = None
    reviews_worked: bool | None = None
    orchestrator_errors: list[str] = []
    orchestrator_errors_dropped: int = 0
    items_skipped: list[str] = []
    items_skipped_pct: float | None = None
    confusing_items: list[str] = []
    mode: FeedbackMode
    answers: ToolAnswers = ToolAnswers()


class SharedEvent(Model):
    """The envelope of one entry: a CloudEvent 1.0. `id` is a keyed hash, the same whenever the entry is sent."""

    specversion: str
    id: str
    source: str
    type: str
    datacontenttype: str
    data: SharedFeedback


class FeedbackSynced(Result):
    """The answer to `feedback sync`. What a target took is `synced`, be it a file that never leaves the machine.

    `synced`, `unsynced` and `elsewhere` count entries; the last are another installation's, which are its own to sync.
    Neither `skipped` nor `offline` is an error.
    """

    target: TargetKind
    place: str | None = None
    synced: int = 0
    unsynced: int = 0
    elsewhere: int = 0
    skipped: str | None = None
    offline: str | None = None
    next_step: str | None = None


class SyncPreview(Result):
    """The answer to `feedback sync --dry-run`: `body` is exactly what would leave, `batches` requests in a row."""

    target: TargetKind
    entries: int
    batches: int
    elsewhere: int = 0
    skipped: str | None = None
    body: str = ""


class TargetStatus(Model):
    """Whether one kind of target can be used now; `missing` are sentences about what is not there."""

    target: TargetKind
    possible: bool
    missing: list[str]
    unsynced: int


class LastSync(Model):
    """The newest batch that was taken."""

    at: Timestamp
    target: TargetKind
    place: str
    count: int


class SyncStatus(Result):
    """The answer to `feedback sync --status`. An entry counts as synced if any target took it."""

    entries: int
    synced: int
    unsynced: int
    elsewhere: int
    last: LastSync | None
    default: TargetKind
    targets: list[TargetStatus]


class FeedbackCollected(Model):
    """A collector's answer: how many events of a batch were new, and how many it had already."""

    accepted: int
    known: int
