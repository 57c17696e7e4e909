"""What the index keeps of one line, and gives back of it."""

from typing import NamedTuple


class Digest(NamedTuple):
    """What the index keeps of one entry.

    `ts` is in microseconds since 1970, or None. `wording` is the fingerprint of its text. `retryable`: the same text
    again at once, in the same session, is one call made twice.
    """

    space: str
    key: str
    template: str
    kind: str
    ts: int | None
    workflow: str | None = None
    agent: str | None = None
    category: str | None = None
    severity: int = 1
    wording: int = 0
    retryable: bool = False


class Fact(NamedTuple):
    """What one line says of how a workflow went: an event of its log, or a feedback entry about it.

    `what` is the event's type, or the name of the entry's stream. `workflow` is its id; in a tool entry its keyed hash.
    `said` is a JSON object with the rest that counts.
    """

    workflow: str | None
    ts: int | None
    what: str
    phase: str | None = None
    item: str | None = None
    said: str | None = None


class Told(NamedTuple):
    """A fact, and where it stands: in which file, record and session (empty for a legacy file)."""

    file: int
    record: str
    offset: int
    session: str
    workflow: str | None
    ts: int | None
    what: str
    phase: str | None
    item: str | None
    said: str | None
