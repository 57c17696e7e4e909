"""What is a group called, and which group does a name lead to?"""

from collections.abc import Iterator, Sequence

from orchestrator_mcp.analysis.digests import OF_TEXT
from orchestrator_mcp.analysis.identity import BITS, pattern_id, wording_of
from orchestrator_mcp.errors import NotFoundError, WorkspaceBusyError
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.records.pattern_decision import Verdict
from orchestrator_mcp.storage import groups, queries

from .groups import Group, group_at, regroup
from .view import View


def name_of(view: View, key_ids: Sequence[int]) -> str:
    """The id of the pattern that these keys are."""
    return pattern_id(queries.oldest_wording(view.db, key_ids))


def find_group(view: View, typed: str, *, anew: bool = True) -> Group:
    """The group that a pattern's id leads to, or the last six characters of it.

    Args:
        view: the index.
        typed: the id.
        anew: group anew first, if anything was added.

    Raises:
        NotFoundError: if none, or more than one, fits.
    """
    if anew:
        for kind in {kind for kind, _ in _placed(view, typed)}:
            regroup(view, kind)
    found = set(_placed(view, typed))
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found)} patterns are known as {typed[:40]!r}. Give a whole id, or its last 6 characters; "
            "`orchestrator pattern list` shows them."
        )
    group = group_at(view, *found.pop())
    if not group.keys:
        raise WorkspaceBusyError("The patterns were just grouped anew by another process. Try again.")
    return group


def labels_of(view: View, pattern: str) -> set[int]:
    """The group that a pattern's id leads to, if any."""
    return {label for _, label in _placed(view, pattern)}


def ignored_groups(view: View, kind: PatternKind) -> set[int]:
    """The groups that people do not want to hear of."""
    ignored = [one for one in view.decisions if one.verdict is Verdict.IGNORE and one.kind is kind]
    return {label for one in ignored for label in labels_of(view, one.pattern_id)}


def _placed(view: View, typed: str) -> Iterator[tuple[PatternKind, int]]:
    wanted = wording_of(typed)
    if wanted is None:
        return
    wording, bits = wanted
    for space, key_id in queries.worded(view.db, wording, None if bits == BITS else bits):
        kind = PatternKind(space)
        if kind in OF_TEXT:
            groups.place(view.db, kind, key_id)
            yield kind, groups.group_of(view.db, key_id) or 0
