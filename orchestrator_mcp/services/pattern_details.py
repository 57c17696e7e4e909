"""Why is this one pattern? Its members, who or what joined them, and what came near and stayed out."""

from collections.abc import Iterator

from orchestrator_mcp.analysis.digests import OF_TEXT, entry_of, moment, text_of
from orchestrator_mcp.analysis.grouping import Entry
from orchestrator_mcp.analysis.retrieval import Listed, features, nearest
from orchestrator_mcp.analysis.similarity import words_of
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.pattern import NearMiss, PatternKind, PatternLine, PatternList, PatternMember
from orchestrator_mcp.records.pattern_decision import DecisionMade
from orchestrator_mcp.records.pattern_details import PatternDetails
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import first_line, newest_lines
from orchestrator_mcp.storage.groups import group_of as label_of
from orchestrator_mcp.storage.queries import Key
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import EXAMPLES, correction_of, quotation, texts_of, title_of
from .groups import ASKED, Group, group_at, groups_of, postings_of
from .pattern_decisions import decisions_about
from .pattern_names import find_group, name_of
from .patterns import confidence_of, found_in, ranked, recurring, state_of
from .view import View, opened

NEAR = 3
NEAR_READ = 2_000  # other groups that are compared
WORDS_SHOWN = 6
TEXTS_READ = 20

_HISTORY = (None, None)


def list_patterns(
    workspace: Workspace, *, min_frequency: fields.MinFrequency | None = None, limit: int = 50
) -> PatternList:
    """List the patterns of texts in the whole history, the ignored ones too, most urgent first.

    Rates, such as of skipped items, are no groups of texts: nothing can be decided about them, and a review has them.
    """
    with opened(workspace) as view:
        found = ranked([one for kind in OF_TEXT for one in recurring(view, kind, _HISTORY, None, min_frequency)])
        lines = [
            PatternLine(
                id=one.id,
                kind=one.kind,
                title=title_of(one.group.template, one.rate, _texts(view, one.group)),
                state=state_of(one, workspace.now()),
                occurrences=one.tally.n,
                sessions=one.tally.sessions,
                joined_by=one.group.joined_by,
            )
            for one in found[:limit]
        ]
    return PatternList(
        patterns=lines,
        total=len(found),
        engine=view.engine,
        warnings=workspace.unread + view.warnings,
        legacy_detected=workspace.legacy.detected(),
    )


def show_pattern(workspace: Workspace, pattern_id: str) -> PatternDetails:
    """One pattern, with as many of its wordings as an agent is quoted of anything; see `describe_pattern`."""
    return describe_pattern(workspace, pattern_id, members=EXAMPLES)


def describe_pattern(workspace: Workspace, pattern_id: str, *, members: int) -> PatternDetails:
    """One pattern: its members and tiers, what was decided, and what came near and stayed out.

    Args:
        workspace: the project.
        pattern_id: the pattern.
        members: how many of its wordings to show at most.

    Raises:
        NotFoundError: if none, or more than one, is known by this id.
    """
    with opened(workspace) as view:
        group = find_group(view, pattern_id)
        found = found_in(view, group)
        lines = newest_lines(view.db, group.key_ids, _HISTORY, TEXTS_READ)
        return PatternDetails(
            id=found.id,
            kind=group.kind,
            title=title_of(group.template, None, _texts(view, group)),
            template=quotation(group.template),
            state=state_of(found, workspace.now()),
            confidence=confidence_of(found),
            joined_by=group.joined_by,
            cohesion=group.cohesion,
            occurrences=found.tally.n,
            retries=found.tally.retries,
            sessions=found.tally.sessions,
            workflows=found.tally.workflows,
            agents=found.tally.agents,
            first_seen=None if found.tally.first is None else moment(found.tally.first),
            last_seen=None if found.tally.last is None else moment(found.tally.last),
            correction=correction_of(lines),
            members=[_member(view, group, key) for key in group.keys[:members]],
            members_in_all=len(group.keys),
            near_misses=list(_near(view, group)),
            decisions=[
                DecisionMade(
                    verdict=one.verdict, by=one.by, at=one.timestamp, reason=one.reason and quotation(one.reason)
                )
                for one in decisions_about(view, group)
            ],
            engine=view.engine,
            warnings=workspace.unread + view.warnings,
            legacy_detected=workspace.legacy.detected(),
        )


def _texts(view: View, group: Group) -> list[str]:
    lines = newest_lines(view.db, group.key_ids, _HISTORY, TEXTS_READ)
    return [text for _, text in texts_of(group.kind, lines)]


def _member(view: View, group: Group, key: Key) -> PatternMember:
    known = queries.known(view.db, [key.key_id])
    line = first_line(view.db, key.key_id)
    return PatternMember(
        id=name_of(view, [key.key_id]),
        template=quotation(key.template),
        example=quotation(text_of(group.kind, line.value)) if line else "",
        occurrences=known.n,
        sessions=known.sessions,
        first_seen=None if known.first is None else moment(known.first),
    )


def _near(view: View, group: Group) -> Iterator[NearMiss]:
    """The nearest other groups, by the words of their oldest entries, and in which words they differ."""
    mine = _entry(view, group.kind, group.keys[0].key_id)
    shown = {group.label}
    for key_id, likeness in _nearest(view, group, mine):
        label = label_of(view.db, key_id)
        if label is None or label in shown:
            continue
        shown.add(label)
        yield _near_miss(view, group_at(view, group.kind, label), likeness, mine)
        if len(shown) > NEAR:
            return


def _nearest(view: View, group: Group, mine: Entry) -> list[tuple[int, float]]:
    """Keys near to a group. Only one space has its list kept; of another the newest groups are listed now."""
    if group.kind is ASKED:
        return nearest(features(mine), postings_of(view))
    others = [one.keys[0].key_id for one in groups_of(view, group.kind)[-NEAR_READ:] if one.label != group.label]
    listed = Listed()
    for key_id in others:
        listed.add(features(_entry(view, group.kind, key_id)))
    return [(others[number], likeness) for number, likeness in nearest(features(mine), listed)]


def _near_miss(view: View, other: Group, likeness: float, mine: Entry) -> NearMiss:
    said, theirs = _words(mine), _words(_entry(view, other.kind, other.keys[0].key_id))
    return NearMiss(
        id=name_of(view, other.key_ids),
        template=quotation(other.template),
        occurrences=queries.known(view.db, other.key_ids).n,
        likeness=round(likeness, 2),
        shared=sorted(said & theirs)[:WORDS_SHOWN],
        only_here=sorted(said - theirs)[:WORDS_SHOWN],
        only_there=sorted(theirs - said)[:WORDS_SHOWN],
    )


def _entry(view: View, kind: PatternKind, key_id: int) -> Entry:
    line = first_line(view.db, key_id)
    return entry_of(kind, line.value) if line else Entry()


def _words(entry: Entry) -> set[str]:
    return set(words_of(f"{entry.subject} {entry.feedback}"))
