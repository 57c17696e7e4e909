"""Collecting what installations share: checked by the same closed schema, each event once."""

from orchestrator_mcp.analysis.feedback_events import check_events
from orchestrator_mcp.errors import AnonymizationError
from orchestrator_mcp.records.feedback_shared import FeedbackCollected
from orchestrator_mcp.storage.collected import Collected

REASONS = 20


def collect(collected: Collected, body: bytes) -> FeedbackCollected:
    """Keep a batch of events: the very bytes that `feedback sync` sends.

    Raises:
        AnonymizationError: if any event is outside the schema. Then none is kept. It names fields, never values.
        StorageError: (and its kin) if it could not be kept.
    """
    events, problems = check_events(body)
    if problems:
        raise AnonymizationError(" ".join(str(one) for one in problems[:REASONS]))
    new = collected.take([one.model_dump(mode="json", exclude_none=True) for one in events])
    return FeedbackCollected(accepted=new, known=len(events) - new)
