"""Adding what a person approved to the project's roadmap. Nothing that an agent can call leads here."""

from orchestrator_mcp.analysis.roadmap import NAME, appended, drafts_of
from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.feedback_review import FeedbackReview, RoadmapDraft
from orchestrator_mcp.storage.documents import edit_inside, read_inside
from orchestrator_mcp.storage.workspace import Workspace


def suggest_roadmap(workspace: Workspace, review: FeedbackReview) -> FeedbackReview:
    """The review with drafts of what it found, but for what ROADMAP.md has already. Writes nothing."""
    drafts = _drafts(workspace, review, read_inside(workspace.paths.work_root, NAME))
    how = f"`orchestrator feedback review --suggest --yes` adds them to {NAME}." if drafts else None
    return review.model_copy(update={"drafts": drafts, "next_step": how})


def add_to_roadmap(workspace: Workspace, review: FeedbackReview) -> FeedbackReview:
    """Append the drafts to ROADMAP.md, whole or not at all; the rest of the file stays byte for byte.

    They are drafted again from the file as it is now, so that an id which somebody took meanwhile is not used twice.

    Raises:
        StateConflictError: if others keep writing the file.
        UnsafePathError: if it is a link.
    """
    drafts: list[RoadmapDraft] = []

    def added(content: bytes) -> bytes:
        drafts[:] = _drafts(workspace, review, content)
        return appended(content, drafts) if drafts else content

    path = edit_inside(workspace.paths.work_root, NAME, added)
    return review.model_copy(update={"drafts": drafts, "added": [one.id for one in drafts], "roadmap": str(path)})


def _drafts(workspace: Workspace, review: FeedbackReview, content: bytes) -> list[RoadmapDraft]:
    found = [one for one in (*review.patterns, *review.challenges) if not one.one_incident]
    drafts = drafts_of(found, content.decode("utf-8", "replace"), workspace.now().date().isoformat())
    return [one.model_copy(update={"text": sanitize(one.text)}) for one in drafts]
