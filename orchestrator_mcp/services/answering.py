"""What the logger of a failure is told at once, and what it may answer: this is the same as that, or new."""

from collections.abc import Iterator

from orchestrator_mcp.analysis import patterns as rules_of
from orchestrator_mcp.analysis.digests import entry_of, moment
from orchestrator_mcp.analysis.identity import pattern_id
from orchestrator_mcp.analysis.retrieval import features, nearest
from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError
from orchestrator_mcp.records.failure import Candidate, Failure, FailureLogged, KnownPattern
from orchestrator_mcp.records.pattern import PatternState
from orchestrator_mcp.records.pattern_decision import PatternDecision, Verdict
from orchestrator_mcp.records.streams import BY_MODEL
from orchestrator_mcp.records.ways import way
from orchestrator_mcp.storage import groups, queries
from orchestrator_mcp.storage.evidence import first_line, read_line
from orchestrator_mcp.storage.ids import id_of
from orchestrator_mcp.storage.queries import Entry
from orchestrator_mcp.storage.standing import Standing, standing_of
from orchestrator_mcp.storage.streams import Stream
from orchestrator_mcp.storage.workspace import Workspace

from .evidence import correction_of, quotation
from .groups import ASKED, mate_of, postings_of, regroup, settle, tier_of
from .meaning import is_used
from .pattern_names import find_group, ignored_groups, labels_of, name_of
from .view import View, decider, view_of

OFFERED = 5
TRIES = 5
FEW = 40  # wordings that are grouped anew at once, which takes a few milliseconds; more wait for the next review
NEW = "new"
LIKENESS = frozenset({"lines", "prose", "meaning"})
"""Tiers that may be wrong about few entries."""

_STREAM = BY_MODEL[Failure].name


def answer(workspace: Workspace, stream: Stream[Failure], failure: Failure) -> FailureLogged:
    """What is known about a failure that is already stored: nothing here may lose it."""
    legacy = workspace.legacy.detected()
    if failure.is_test:
        return FailureLogged(
            id=failure.id, next_step="A trial entry: it is stored but never counted.", legacy_detected=legacy
        )
    try:
        with workspace.index_of(stream).open() as db:
            found = queries.entry_in(db, stream.path, failure.id)
            if found is None:
                raise NotFoundError("it is not in the cache yet. Ask review_patterns.")
            said = _said(view_of(workspace, db), failure.id, *found, source=workspace.settings.source)
    except OrchestratorError as error:
        return FailureLogged(
            id=failure.id,
            warnings=[f"Stored. What is known about it could not be looked up: {error}"],
            legacy_detected=legacy,
        )
    return said.model_copy(update={"legacy_detected": legacy})


def link(workspace: Workspace, failure_id: str, same_as: str, request_id: str | None) -> FailureLogged:
    """Record what an entry is the same as, or that it is none of what was offered; a later answer replaces it.

    Only the entry and its exact repeats go to the other pattern, never what it was grouped with.
    """
    with workspace.index().open() as db:
        view = view_of(workspace, db)
        entry = _entry(view, failure_id)
        _place(view, entry.key_id)
        decision = _decision(workspace, view, entry, same_as)
    if decision:
        workspace.stream(PatternDecision).put(
            decision.id, lambda old: _instead_of(old, decision), request_id=request_id
        )
    with workspace.index().open() as db:
        view = view_of(workspace, db)
        said = _said(view, entry.record, entry.key_id, is_retry=False, source=workspace.settings.source)
        holds = decision is None or _holds(view, decision)
    warnings = [] if holds else ["It stays where it is: a person decided otherwise, and that counts."]
    return said.model_copy(
        update={"recorded": False, "warnings": warnings, "legacy_detected": workspace.legacy.detected()}
    )


def _entry(view: View, typed: str) -> Entry:
    plain = typed.strip().lower().encode("utf-8", "replace").decode()  # a command line may bring any bytes
    found = queries.locate(view.db, _STREAM, plain)
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found)} counted failures are known as {typed[:40]!r}. Give the id that log_failure returned, or its "
            "last 6 characters; trial entries cannot be answered about."
        )
    return found[0]


def _place(view: View, key: int) -> None:
    """Give a key its group: as of now where that is quick, else one of its own until the next review."""
    if groups.group_of(view.db, key) is None:
        few, mate = groups.at_most(view.db, ASKED, FEW), None
        if groups.as_of(view.db, ASKED) is None or (few and not is_used(view.config.engine)):
            regroup(view, ASKED)
        elif few:  # a model takes too long to ask, and what it found is not undone: words say where the new one belongs
            mate = mate_of(view, ASKED, key)
        groups.place(view.db, ASKED, key, mate)
        postings_of(view).add(key)
    settle(view, ASKED)


def _said(view: View, failure_id: str, key: int, is_retry: bool, *, source: str) -> FailureLogged:
    for _ in range(TRIES):
        _place(view, key)
        known = _known(view, key, failure_id, is_retry=is_retry)
        if known.occurrences + known.retries:  # else another process grouped anew in between
            break
    needed = max(0, view.config.min_frequency - known.occurrences)
    offered = list(_candidates(view, key)) if needed and not _is_answered(view, key) else []
    as_of = groups.as_of(view.db, ASKED)
    return FailureLogged(
        id=failure_id,
        pattern=known,
        needed=needed,
        candidates=offered,
        as_of=None if as_of is None else moment(as_of),
        next_step=_next_step(known, needed, failure_id, offered, source),
    )


def _known(view: View, key: int, own_id: str, *, is_retry: bool) -> KnownPattern:
    label = groups.group_of(view.db, key) or key
    seen = standing_of(view.db, ASKED, label)
    template = queries.template_of(view.db, key)
    joined = groups.has_many(view.db, ASKED, label)
    first = None if seen.first is None else moment(seen.first)
    return KnownPattern(
        id=pattern_id(seen.wording),
        state=rules_of.state(first, moment(view.now), ignored=label in ignored_groups(view, ASKED)),
        occurrences=seen.n,
        retries=seen.retries,
        is_retry=is_retry,
        sessions=seen.sessions,
        one_incident=seen.occasions <= 1,
        first_seen=first,
        joined_by=(groups.decided_by(view.db, ASKED, label) or tier_of(view, ASKED)) if joined else "exact",
        template=quotation(template),
        confidence=rules_of.sureness(seen.n, seen.occasions, template, exact=not joined),
        correction=_correction(view, seen, own_id),
    )


def _correction(view: View, seen: Standing, but: str | None = None) -> str | None:
    """The correction that the newest entry of a group gives, other than the one just logged."""
    place = next((one for one in seen.newest if one.record != but), None)
    line = read_line(view.db, place) if place else None
    return correction_of([line] if line else [])


def _candidates(view: View, key: int) -> Iterator[Candidate]:
    """The nearest other patterns, for the calling agent to judge."""
    line = first_line(view.db, key)
    mine = features(entry_of(ASKED, line.value)) if line else set()
    seen = {groups.group_of(view.db, key)}
    for other, _ in nearest(mine, postings_of(view)):
        label = groups.group_of(view.db, other)
        if label in seen or label is None:
            continue
        seen.add(label)
        standing = standing_of(view.db, ASKED, label)
        if standing.n:
            yield Candidate(
                pattern_id=pattern_id(standing.wording),
                template=quotation(queries.template_of(view.db, other)),
                occurrences=standing.n,
                correction=_correction(view, standing),
            )
        if len(seen) > OFFERED:
            return


def _is_answered(view: View, key: int) -> bool:
    """Whether somebody has said already what this wording is the same as."""
    own = {
        one.wordings[0] if one.verdict is Verdict.SAME else one.pattern_id
        for one in view.decisions
        if one.kind is ASKED and one.verdict in (Verdict.SAME, Verdict.NEW)
    }
    return bool(own) and not own.isdisjoint(map(pattern_id, queries.wordings_of(view.db, key)))


def _decision(workspace: Workspace, view: View, entry: Entry, same_as: str) -> PatternDecision | None:
    own, by = pattern_id(entry.wording), decider(workspace)
    if same_as.strip().lower() == NEW:
        verdict, target, wordings = Verdict.NEW, own, _declined(view, entry.key_id)
    else:
        group = find_group(view, same_as, anew=False)
        if group.kind is not ASKED:
            raise InvalidInputError(
                f"{same_as[:40]} is a pattern of another kind ({group.kind}). Name one of failures."
            )
        if entry.key_id in group.key_ids:
            return None
        verdict, target, wordings = Verdict.SAME, name_of(view, group.key_ids), [own]
    return PatternDecision(
        id=id_of(f"link:{by}:{own}"),
        timestamp=workspace.now(),
        session_id=workspace.known_session(),
        verdict=verdict,
        kind=ASKED,
        pattern_id=target,
        wordings=wordings,
        failure_id=entry.record,
        by=by,
    )


def _declined(view: View, key: int) -> list[str]:
    """What an entry is said not to be: what it was offered, and what it is grouped with."""
    keys = groups.keys_in(view.db, ASKED, groups.group_of(view.db, key) or key)
    others = [one for one in keys if one != key]
    return [one.pattern_id for one in _candidates(view, key)] + ([name_of(view, others)] if others else [])


def _instead_of(old: PatternDecision | None, new: PatternDecision) -> PatternDecision:
    """An agent's same word once more changes nothing, also where a person took it back; a person's is the last then."""
    said = ("verdict", "pattern_id", "wordings")
    same = old and new.by == "agent" and all(getattr(old, name) == getattr(new, name) for name in said)
    return old if old and same else new


def _holds(view: View, decision: PatternDecision) -> bool:
    """Whether things are as a decision has them."""
    mine = find_group(view, decision.pattern_id, anew=False).label
    others = {label for one in decision.wordings for label in labels_of(view, one)}
    return mine in others if decision.verdict is Verdict.SAME else mine not in others


def _next_step(known: KnownPattern, needed: int, failure_id: str, offered: list[Candidate], source: str) -> str:
    likened = known.joined_by in LIKENESS
    also = ", in other words too" if likened else ""
    seen = f"Seen {_times(known.occurrences)}{also}"
    if known.state is PatternState.IGNORED:
        return f"{seen}. A person wants to hear no more of this pattern."
    if known.is_retry:
        return f"The same text within two seconds: counted as a retry. {seen}."
    if offered:
        return (
            f"{seen}. If it is the same mistake as one of the candidates, "
            f"{way(source, 'link', id=failure_id, to='its pattern_id')}; if it is none of them, the same with {NEW!r}."
        )
    if needed:
        other = f" If it is another mistake, {way(source, 'link', id=failure_id, to=NEW)}." if likened else ""
        return f"{seen}; {_lacking(known, needed)}.{other}"
    if known.one_incident:
        return f"{seen}, all in this session: one incident so far. Fix it before you go on."
    where = f"Seen {_times(known.occurrences)} in {known.sessions} sessions{also}"
    return f"{where}: a pattern. {way(source, 'rule')}."


def _lacking(known: KnownPattern, needed: int) -> str:
    elsewhere = " in another session" if known.sessions <= 1 and known.occurrences > 1 else ""
    return f"{needed} more{elsewhere} and it is a pattern"


def _times(n: int) -> str:
    return "for the first time" if n <= 1 else "twice" if n == 2 else f"{n} times"  # noqa: PLR2004  two is twice
