"""What the index keeps of one line."""

from typing import NamedTuple


class Digest(NamedTuple):
    """What the index keeps of one entry.

    `ts` is in microseconds since 1970, or None. `hit` is 0 for an opportunity that was not taken (an item that was
    done, not skipped). `wording` is the fingerprint of its text. `retryable`: the same text again at once, in the same
    session, is one call made twice.
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
    hit: int = 1
    wording: int = 0
    retryable: bool = False
