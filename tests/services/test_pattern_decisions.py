"""People merge, split and ignore patterns; that holds while patterns grow, caches go and algorithms change."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import Project

from orchestrator_mcp.analysis import digests
from orchestrator_mcp.analysis.identity import fingerprint, pattern_id
from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records.pattern import PatternKind, PatternState
from orchestrator_mcp.records.pattern_decision import PatternDecision, Verdict
from orchestrator_mcp.services import answering, groups
from orchestrator_mcp.services.failures import list_failures, log_failure
from orchestrator_mcp.services.forgetting import forget
from orchestrator_mcp.services.pattern_decisions import ignore_pattern, merge_patterns, split_pattern, undo_decision
from orchestrator_mcp.services.pattern_details import describe_pattern, list_patterns, show_pattern
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import open_suggestions, suggest_rules
from orchestrator_mcp.storage.workspace import Workspace

MONEY = ("Used float for the money in an invoice", "Use Decimal for every amount")
MONEY_AGAIN = ("Used float for the money in an offer", "Use Decimal for every amount")
LOCK = ("Two writers corrupted the same file", "Take the folder's lock before writing")
DOCS = ("Renamed a flag and left the manual as it was", "Change the manual in the same commit")


def log(project: Project, said: tuple[str, str], times: int = 1) -> str:
    """Log in a session of its own each time; returns the pattern's id."""
    found = ""
    for _ in range(times):
        answer = log_failure(project.agent(), context=said[0], feedback=said[1], category="API")
        assert answer.pattern is not None
        found = answer.pattern.id
        project.wait(minutes=5)
    return found


def shown(workspace: Workspace) -> dict[str, int]:
    return {one.id: one.occurrences for one in review_patterns(workspace, all=True).patterns}


def members_of(workspace: Workspace, pattern: str) -> dict[str, str]:
    return {one.example: one.id for one in describe_pattern(workspace, pattern, members=20).members}


def test_merged_patterns_are_one_with_the_older_id(project: Project) -> None:
    older, younger = log(project, LOCK, 3), log(project, DOCS, 2)
    done = merge_patterns(project.person(), younger, [older], reason="the same in the end")
    assert (done.pattern_id, done.members, done.occurrences) == (older, 2, 5)
    assert shown(project.agent()) == {older: 5}
    (one,) = list_patterns(project.person()).patterns
    assert one.joined_by == "person"
    assert log(project, DOCS) == older
    assert show_pattern(project.person(), younger).id == older


def test_a_split_member_is_a_pattern_of_its_own(project: Project) -> None:
    pattern = log(project, MONEY, 3)
    assert log(project, MONEY_AGAIN, 3) == pattern
    own = members_of(project.person(), pattern)[MONEY_AGAIN[0]]
    split_pattern(project.person(), pattern, [own[-6:]])
    assert shown(project.agent()) == {pattern: 3, own: 3}
    assert log(project, MONEY_AGAIN) == own
    assert log(project, MONEY) == pattern


def test_the_oldest_wording_may_leave_too(project: Project) -> None:
    pattern = log(project, MONEY, 3)
    log(project, MONEY_AGAIN, 2)
    rest = members_of(project.person(), pattern)[MONEY_AGAIN[0]]
    split_pattern(project.person(), pattern, [pattern])
    assert set(members_of(project.person(), pattern)) == {MONEY[0]}
    assert set(members_of(project.person(), rest)) == {MONEY_AGAIN[0]}


def test_an_ignored_pattern_is_left_out_and_said_to_be(project: Project) -> None:
    pattern = log(project, LOCK, 3)
    ignore_pattern(project.person(), pattern)
    assert shown(project.agent()) == {}
    assert suggest_rules(project.agent()).suggestions == []
    (one,) = list_patterns(project.person()).patterns
    assert one.state is PatternState.IGNORED
    answer = log_failure(project.agent(), context=LOCK[0], feedback=LOCK[1], category="API")
    assert answer.pattern is not None
    assert answer.pattern.state is PatternState.IGNORED


@pytest.mark.parametrize("verdict", [Verdict.MERGE, Verdict.SPLIT, Verdict.IGNORE])
def test_each_decision_can_be_taken_back(project: Project, verdict: Verdict) -> None:
    pattern = log(project, MONEY, 3)
    log(project, MONEY_AGAIN, 3)
    other = log(project, LOCK, 3)
    before = shown(project.agent())
    person = project.person()
    match verdict:
        case Verdict.MERGE:
            merge_patterns(person, pattern, [other])
        case Verdict.SPLIT:
            split_pattern(person, pattern, [members_of(person, pattern)[MONEY_AGAIN[0]]])
        case _:
            ignore_pattern(person, pattern)
    assert shown(project.agent()) != before
    assert undo_decision(person, pattern).undone
    assert shown(project.agent()) == before
    with pytest.raises(NotFoundError, match="Nothing was decided"):
        undo_decision(person, pattern)


def test_decisions_survive_a_rebuild_and_another_algorithm(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other algorithm has other keys, and joins nothing by itself."""
    pattern = log(project, MONEY, 3)
    log(project, MONEY_AGAIN, 3)
    lock, docs = log(project, LOCK, 3), log(project, DOCS, 3)
    person = project.person()
    own = members_of(person, pattern)[MONEY_AGAIN[0]]
    split_pattern(person, pattern, [own])
    merge_patterns(person, lock, [docs])
    before = shown(project.agent())
    assert before == {pattern: 3, own: 3, lock: 6}
    assert shown(project.person(read_only=True)) == before

    def assign(entries: object, embedder: object) -> list[str]:
        return [str(number) for number, _ in enumerate(entries)]  # type: ignore[call-overload]

    monkeypatch.setattr(groups, "assign", assign)
    monkeypatch.setattr(digests, "key_of", lambda form: "other " + form.headline)
    assert shown(project.person(read_only=True)) == before


def test_a_pattern_keeps_its_id_as_it_grows(project: Project) -> None:
    pattern = log(project, MONEY, 3)
    for number in range(4):
        log(
            project,
            (f"Used float for the money in a contract of kind {'abcd'[number]}", "Use Decimal for every amount"),
        )
        assert list(shown(project.agent())) == [pattern]


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (lambda at, one, _: merge_patterns(at, one, [one]), InvalidInputError, "one pattern already"),
        (lambda at, one, _: split_pattern(at, one, [one]), InvalidInputError, "Nothing would be left"),
        (lambda at, one, two: split_pattern(at, one, [two]), NotFoundError, "0 members"),
        (lambda at, _one, _two: ignore_pattern(at, "nothing"), NotFoundError, "0 patterns"),
        (lambda at, _one, _two: merge_patterns(at, "pat_aaaaaaaaaaaaa", ["x"]), NotFoundError, "0 patterns"),
        (lambda at, one, _: undo_decision(at, one), NotFoundError, "Nothing was decided"),
        (lambda at, _one, _two: show_pattern(at, "\x00" * 13), NotFoundError, "0 patterns"),
    ],
)
def test_what_cannot_be_gets_a_sentence_and_changes_nothing(project: Project, act, error, said) -> None:
    one, two = log(project, LOCK, 3), log(project, DOCS, 3)
    before = project.files()
    with pytest.raises(error, match=said):
        act(project.person(), one, two)
    assert project.files() == before


def test_a_store_that_is_not_there_is_not_made(project: Project) -> None:
    with pytest.raises(NotFoundError):
        show_pattern(project.person(), "pat_aaaaaaaaaaaaa")
    assert list_patterns(project.person()).patterns == []
    assert project.files() == {}


@pytest.mark.torn
def test_hostile_lines_in_the_file_of_decisions_change_nothing(project: Project) -> None:
    pattern = log(project, LOCK, 3)
    merge_patterns(project.person(), pattern, [log(project, DOCS, 3)])
    before = shown(project.agent())
    file = project.root / ".orchestrator/rules/patterns.jsonl"
    stamp = '"timestamp":"2026-11-21T12:00:00Z","kind":"failure","by":"person"'
    with file.open("a", encoding="utf-8") as lines:
        lines.write("{}\nnull\n[1]\n{torn\n")
        lines.write(f'{{"id":"a",{stamp},"verdict":"merge","pattern_id":"nonsense","wordings":["{pattern}"]}}\n')
        lines.write(
            f'{{"id":"b",{stamp},"verdict":"split","pattern_id":"{pattern}","wordings":["pat_zzzzzzzzzzzzz"]}}\n'
        )
        lines.write(f'{{"id":"e",{stamp},"verdict":"same","pattern_id":"{pattern}","wordings":[]}}\n')
        lines.write(f'{{"id":"c",{stamp},"verdict":"burn","pattern_id":"{pattern}","wordings":[]}}\n')
        lines.write(f'{{"id":"d",{stamp},"verdict":"same","pattern_id":"{pattern}","wordings":["{"x" * 9000}"]}}\n')
    assert shown(project.agent()) == before


def test_a_member_of_what_was_split_off_can_be_split_off_again(project: Project) -> None:
    pattern = log(project, MONEY, 2)
    third = ("Used float for the money in a contract", MONEY[1])
    for said in (MONEY_AGAIN, third):
        assert log(project, said, 2) == pattern
    person = project.person()
    members = members_of(person, pattern)
    split_pattern(person, pattern, [members[MONEY_AGAIN[0]], members[third[0]]])
    split_pattern(person, members[MONEY_AGAIN[0]], [members[third[0]]])
    found = (pattern, members[MONEY_AGAIN[0]], members[third[0]])
    assert [set(members_of(person, one)) for one in found] == [{MONEY[0]}, {MONEY_AGAIN[0]}, {third[0]}]


def test_undo_takes_back_what_was_decided_last(project: Project) -> None:
    pattern, other = log(project, LOCK, 3), log(project, DOCS, 3)
    person = project.person()
    ignore_pattern(person, pattern)
    project.wait(minutes=1)
    entry = log_failure(project.agent(), context=DOCS[0], feedback=DOCS[1], category="API")
    log_failure(project.agent(), failure_id=entry.id, same_as="new")
    assert undo_decision(person, pattern).verdict is Verdict.IGNORE
    merge_patterns(person, pattern, [other])
    project.wait(minutes=1)
    ignore_pattern(person, pattern)
    assert undo_decision(person, pattern).verdict is Verdict.IGNORE
    assert undo_decision(person, pattern).verdict is Verdict.MERGE


def test_texts_that_say_nothing_are_told_apart_by_their_corrections(project: Project) -> None:
    wordings = [("Exit code 1", text) for text in ("Start the database first", "Free the port", "Log in again")]
    ids = {log(project, said, 3) for said in wordings}
    assert len(ids) == 3
    assert shown(project.agent()) == dict.fromkeys(ids, 3)
    for pattern in ids:
        assert show_pattern(project.person(), pattern).id == pattern


def test_what_is_ignored_stays_so_without_a_cache(project: Project) -> None:
    """Also where the pattern is called after an older one that was merged into it later."""
    one, two, three = log(project, LOCK, 3), log(project, DOCS, 3), log(project, MONEY, 3)
    merge_patterns(project.person(), three, [one, two])
    ignore_pattern(project.person(), one)
    assert shown(project.agent()) == {}
    assert shown(project.person(read_only=True)) == {}


def test_a_wording_that_comes_later_is_where_it_was_decided(project: Project) -> None:
    """A decision may name a wording that no entry has yet, or any more."""
    one, two = log(project, LOCK, 3), log(project, DOCS, 3)
    later = pattern_id(fingerprint("failure", "Two writers corrupted the same file!"))
    person = project.person()
    person.stream(PatternDecision).append(
        PatternDecision(
            id="d", timestamp=project.now, verdict=Verdict.MERGE, kind=PatternKind.FAILURE, pattern_id=two,
            wordings=[later], by="person",
        )
    )  # fmt: skip
    assert shown(project.agent()) == {one: 3, two: 3}
    log(project, ("Two writers corrupted the same file!", LOCK[1]))
    assert shown(project.agent()) == shown(project.person(read_only=True)) == {one: 7}


def test_undo_is_answered_by_what_was_typed(project: Project) -> None:
    one, two = log(project, LOCK, 1), log(project, DOCS, 3)
    merge_patterns(project.person(), one, [two])
    (entry,) = [one for one in list_failures(project.person()).failures if one.context == LOCK[0]]
    forget(project.person(), entry.id)
    assert undo_decision(project.person(), two).undone


def test_merges_of_many_wordings_cost_what_they_name(project: Project) -> None:
    pattern, other = log(project, LOCK, 1), log(project, DOCS, 1)
    wordings = [other] * 2000
    for number in range(3):
        project.person().stream(PatternDecision).append(
            PatternDecision(
                id=f"d{number}", timestamp=project.now, verdict=Verdict.MERGE, kind=PatternKind.FAILURE,
                pattern_id=pattern, wordings=wordings, by="person",
            )
        )  # fmt: skip
    assert shown(project.agent()) == {}
    assert log(project, LOCK) == pattern


def test_ignored_and_merged_patterns_wait_for_nobody(project: Project) -> None:
    one, two, three = log(project, LOCK, 3), log(project, DOCS, 3), log(project, MONEY, 3)
    assert len(suggest_rules(project.agent()).suggestions) == 3
    ignore_pattern(project.person(), one)
    merge_patterns(project.person(), two, [three])
    assert [found.pattern_id for found in open_suggestions(project.person()).suggestions] == [two]


WORDINGS = (MONEY, MONEY_AGAIN, LOCK, DOCS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.sampled_from(range(len(WORDINGS)))),
        st.tuples(st.just("merge"), st.sampled_from(range(len(WORDINGS))), st.sampled_from(range(len(WORDINGS)))),
        st.tuples(st.just("split"), st.sampled_from(range(len(WORDINGS)))),
        st.tuples(st.sampled_from(["ignore", "undo", "review", "same", "new"]), st.sampled_from(range(len(WORDINGS)))),
    ),
    max_size=14,
)


@pytest.mark.parametrize("few", [0, 40], ids=["large store", "small store"])
@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_course_of_events_is_the_same_with_and_without_a_cache(few, steps, tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setattr(answering, "FEW", few)
    project = Project(tmp_path_factory.mktemp("any"))
    agent, person = project.agent(), project.person()
    known: dict[int, str] = {}
    logged: dict[int, str] = {}
    for step in steps:
        project.wait(seconds=10)
        try:
            _take(step, agent, person, known, logged)
        except (NotFoundError, InvalidInputError):
            continue
    cached, fresh = (
        (review_patterns(at, all=True, min_frequency=2), list_patterns(at, min_frequency=2))
        for at in (project.person(), project.person(read_only=True))
    )
    assert [one.model_dump_json() for one in cached] == [one.model_dump_json() for one in fresh]


def _take(step, agent, person, known: dict[int, str], logged: dict[int, str]) -> None:
    match step:
        case ("log", n):
            context, feedback = WORDINGS[n]
            answer = log_failure(agent, context=context, feedback=feedback, category="API")
            logged[n] = answer.id
            if answer.pattern:
                known[n] = answer.pattern.id
        case ("merge", a, b):
            merge_patterns(person, known.get(a, ""), [known.get(b, "")])
        case ("split", n):
            members = show_pattern(person, known.get(n, "")).members
            split_pattern(person, known[n], [members[-1].id])
        case ("ignore", n):
            ignore_pattern(person, known.get(n, ""))
        case ("undo", n):
            undo_decision(person, known.get(n, ""))
        case ("review", _):
            review_patterns(agent)
        case ("same" | "new" as verdict, n):
            others = [pattern for number, pattern in known.items() if number != n]
            same_as = others[0] if verdict == "same" and others else "new"
            log_failure(agent, failure_id=logged.get(n, ""), same_as=same_as)
