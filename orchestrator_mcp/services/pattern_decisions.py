"""What a person decides about patterns: these are one, this is another, I do not want to hear of it."""

from collections.abc import Callable, Iterable, Sequence

from orchestrator_mcp.analysis.identity import pattern_id
from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records.pattern_decision import PatternDecided, PatternDecision, Verdict
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.workspace import Workspace

from .groups import Group
from .pattern_names import find_group, name_of
from .view import View, decider, opened

Named = tuple[str, list[str]]
"""A pattern's id, and the wordings that a decision is about."""


def merge_patterns(
    workspace: Workspace, pattern: str, others: Sequence[str], *, reason: str | None = None
) -> PatternDecided:
    """Make one pattern of several; it keeps the id of the oldest.

    Raises:
        NotFoundError: if one is not known.
        InvalidInputError: if they are of different kinds, or the same already.
    """

    def named(view: View, into: Group) -> Named:
        found = {group.label: group for group in (find_group(view, one) for one in others) if group.label != into.label}
        if not found:
            raise InvalidInputError("These are one pattern already. Name another one to merge into it.")
        if any(group.kind is not into.kind for group in found.values()):
            raise InvalidInputError("Patterns of different kinds cannot be one. Name patterns of one kind.")
        return name_of(view, into.key_ids), [name_of(view, group.key_ids) for group in found.values()]

    return _decide(workspace, Verdict.MERGE, pattern, named, reason)


def split_pattern(
    workspace: Workspace, pattern: str, members: Sequence[str], *, reason: str | None = None
) -> PatternDecided:
    """Take members out of a pattern; together they are one of their own. `pattern show` names the members.

    Raises:
        NotFoundError: if the pattern is not known, or has no such member.
        InvalidInputError: if nothing would be left.
    """

    def named(view: View, group: Group) -> Named:
        own = {name_of(view, [key.key_id]): key.key_id for key in group.keys}
        leaving = [_member(own, typed) for typed in members]
        staying = [id_ for id_ in own if id_ not in leaving]
        if not staying:
            raise InvalidInputError("Nothing would be left of the pattern. Name only those members that leave it.")
        return name_of(view, [own[one] for one in staying]), leaving

    return _decide(workspace, Verdict.SPLIT, pattern, named, reason)


def ignore_pattern(workspace: Workspace, pattern: str, *, reason: str | None = None) -> PatternDecided:
    """Leave a pattern out of reviews and suggestions.

    Raises:
        NotFoundError: if it is not known.
    """
    return _decide(workspace, Verdict.IGNORE, pattern, lambda view, group: (name_of(view, group.key_ids), []), reason)


def undo_decision(workspace: Workspace, pattern: str) -> PatternDecided:
    """Take back the newest decision about a pattern, whoever made it.

    Raises:
        NotFoundError: if the pattern is not known, or nothing was decided about it.
    """
    with opened(workspace) as view:
        about = decisions_about(view, find_group(view, pattern))
    if not about:
        raise NotFoundError(f"Nothing was decided about {pattern[:40]}. `orchestrator pattern show` lists decisions.")
    newest = about[-1]
    workspace.stream(PatternDecision).supersede(newest.id, lambda old: old.model_copy(update={"withdrawn": True}))
    return _decided(workspace, newest.verdict, pattern, undone=True)


def decisions_about(view: View, group: Group) -> list[PatternDecision]:
    """Every decision about a wording of a group, oldest first."""
    own = {pattern_id(wording) for key_id in group.key_ids for wording in queries.wordings_of(view.db, key_id)}
    return [one for one in view.decisions if not own.isdisjoint(_named_by(one))]


def _named_by(one: PatternDecision) -> set[str]:
    """What a decision is about; what an entry was said not to be is not."""
    return {one.pattern_id} if one.verdict is Verdict.NEW else {one.pattern_id, *one.wordings}


def _decide(
    workspace: Workspace, verdict: Verdict, typed: str, named: Callable[[View, Group], Named], reason: str | None
) -> PatternDecided:
    with opened(workspace) as view:
        group = find_group(view, typed)
        pattern, wordings = named(view, group)
    workspace.stream(PatternDecision).append(
        PatternDecision(
            id=new_id(),
            timestamp=workspace.now(),
            session_id=workspace.known_session(),
            verdict=verdict,
            kind=group.kind,
            pattern_id=pattern,
            wordings=wordings,
            by=decider(workspace),
            reason=reason,
        )
    )
    done = _decided(workspace, verdict, pattern)
    if verdict is not Verdict.SPLIT:
        return done
    with opened(workspace) as view:
        return done.model_copy(update={"apart": name_of(view, find_group(view, wordings[0]).key_ids)})


def _decided(workspace: Workspace, verdict: Verdict, pattern: str, *, undone: bool = False) -> PatternDecided:
    with opened(workspace) as view:
        group = find_group(view, pattern)
        return PatternDecided(
            verdict=verdict,
            undone=undone,
            pattern_id=name_of(view, group.key_ids),
            members=len(group.keys),
            occurrences=queries.known(view.db, group.key_ids).n,
            warnings=workspace.unread + view.warnings,
            legacy_detected=workspace.legacy.detected(),
        )


def _member(own: Iterable[str], typed: str) -> str:
    fitting = [id_ for id_ in own if id_.endswith(typed.strip().lower())]
    if len(fitting) != 1:
        raise NotFoundError(
            f"{len(fitting)} members are known as {typed[:40]!r}. `orchestrator pattern show` names them."
        )
    return fitting[0]
