"""People merge, split and ignore patterns; that holds while patterns grow, caches go and algorithms change."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import Project

from orchestrator_mcp.analysis import digests
from orchestrator_mcp.errors import InvalidInputError, NotFoundError
from orchestrator_mcp.records.pattern import PatternState
from orchestrator_mcp.records.pattern_decision import Verdict
from orchestrator_mcp.services import groups
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.pattern_decisions import ignore_pattern, merge_patterns, split_pattern, undo_decision
from orchestrator_mcp.services.pattern_details import list_patterns, show_pattern
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules
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
    return {one.example: one.id for one in show_pattern(workspace, pattern).members}


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

    def assign(entries: object) -> list[str]:
        return [str(number) for number, _ in enumerate(entries)]  # type: ignore[call-overload]

    monkeypatch.setattr(groups, "VERSION", "another")
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
        lines.write(f'{{"id":"c",{stamp},"verdict":"burn","pattern_id":"{pattern}","wordings":[]}}\n')
        lines.write(f'{{"id":"d",{stamp},"verdict":"same","pattern_id":"{pattern}","wordings":["{"x" * 9000}"]}}\n')
    assert shown(project.agent()) == before


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


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_course_of_events_is_the_same_with_and_without_a_cache(steps, tmp_path_factory) -> None:
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
