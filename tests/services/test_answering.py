"""What the logger of a failure is offered, what it may answer, and what that changes."""

import json

import pytest
from projects import Project

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError
from orchestrator_mcp.records.failure import FailureLogged
from orchestrator_mcp.services import answering
from orchestrator_mcp.services.failures import list_failures, log_failure
from orchestrator_mcp.services.pattern_decisions import ignore_pattern, split_pattern, undo_decision
from orchestrator_mcp.services.pattern_details import show_pattern
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.storage.workspace import Workspace

VENV = "Forgot to activate the virtual environment before pytest"
VENV_AGAIN = "The tests ran with the system interpreter"
MONEY = "Used float for the money in an invoice"
SECRET = "Committed an API key in config.py"


@pytest.fixture(autouse=True)
def _wait_for_the_review(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small stores are grouped at once; here every store is as a large one."""
    monkeypatch.setattr(answering, "FEW", 0)


def log(workspace: Workspace, context: str, feedback: str) -> FailureLogged:
    return log_failure(workspace, context=context, feedback=feedback, category="Testing")


def answer(workspace: Workspace, failure: FailureLogged, same_as: str) -> FailureLogged:
    return log_failure(workspace, failure_id=failure.id, same_as=same_as)


def three_kinds(workspace: Workspace) -> dict[str, str]:
    """The pattern id of each of three kinds, told apart by a review."""
    found = {}
    for name, text, remedy in (
        ("venv", VENV, "Source .venv/bin/activate before the tests"),
        ("money", MONEY, "Use Decimal for every amount"),
        ("secret", SECRET, "Read keys from the environment"),
    ):
        logged = log(workspace, text, remedy)
        assert logged.pattern is not None
        found[name] = logged.pattern.id
    review_patterns(workspace)
    return found


def members_of(workspace: Workspace, pattern: str) -> set[str]:
    return {one.example for one in show_pattern(workspace, pattern).members}


def test_a_near_entry_is_offered_what_it_may_be(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    assert logged.candidates[0].pattern_id == kinds["venv"]
    assert logged.candidates[0].correction == "Source .venv/bin/activate before the tests"
    assert logged.candidates[0].occurrences == 1
    assert logged.id in logged.next_step
    assert "same_as" in logged.next_step


def test_what_is_like_nothing_is_offered_nothing(project: Project) -> None:
    agent = project.agent()
    three_kinds(agent)
    assert log(agent, "xyzzy plugh", "frobnicate").candidates == []


def test_at_most_five_are_offered(project: Project) -> None:
    agent = project.agent()
    for number in range(12):
        log(agent, f"Forgot the {'abcdefghijkl'[number] * 5} flag of pytest", f"Pass --{'abcdefghijkl'[number] * 5}")
    assert len(log(agent, "Forgot one more flag of pytest", "Pass it").candidates) == answering.OFFERED


def test_same_joins_and_adds_no_entry(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    before = list_failures(agent).total
    said = answer(agent, logged, kinds["venv"])
    assert not said.recorded
    assert list_failures(agent).total == before
    assert said.pattern is not None
    assert (said.pattern.id, said.pattern.occurrences, said.pattern.joined_by) == (kinds["venv"], 2, "agent")
    assert (said.needed, said.candidates) == (1, [])
    assert members_of(agent, kinds["venv"]) == {VENV, VENV_AGAIN}


def test_an_answer_holds_in_the_next_review_and_without_a_cache(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    answer(agent, log(agent, "Nothing worked at all", "Look at which python runs"), kinds["venv"])
    project.wait(minutes=1)
    log(agent, VENV, "Source .venv/bin/activate before the tests")
    (pattern,) = review_patterns(agent).patterns
    assert (pattern.id, pattern.occurrences, pattern.joined_by) == (kinds["venv"], 3, "agent")
    fresh = review_patterns(project.person(read_only=True))
    assert fresh.patterns[0].model_dump_json() == pattern.model_dump_json()


def test_one_same_never_joins_two_groups(project: Project) -> None:
    """Only the entry's own wording goes over; what it was grouped with stays."""
    agent = project.agent()
    kinds = three_kinds(agent)
    log(agent, MONEY + " again", "Use Decimal for every amount")
    review_patterns(agent)
    assert len(members_of(agent, kinds["money"])) == 2
    odd = next(one for one in list_failures(agent).failures if one.context == MONEY + " again")
    log_failure(agent, failure_id=odd.id, same_as=kinds["venv"])
    assert members_of(agent, kinds["money"]) == {MONEY}
    assert members_of(agent, kinds["venv"]) == {VENV, MONEY + " again"}


def test_an_answer_is_taken_back_by_another_and_by_a_person(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    answer(agent, logged, kinds["venv"])
    answer(agent, logged, kinds["money"])
    assert members_of(agent, kinds["venv"]) == {VENV}
    assert members_of(agent, kinds["money"]) == {MONEY, VENV_AGAIN}
    undo_decision(project.person(), kinds["money"])
    assert members_of(agent, kinds["money"]) == {MONEY}


def test_new_takes_an_entry_out_of_what_it_was_grouped_with(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    other = log(agent, MONEY + " again", "Use Decimal for every amount")
    review_patterns(agent)
    said = answer(agent, other, "new")
    assert said.pattern is not None
    assert said.pattern.id != kinds["money"]
    assert said.candidates == []
    assert members_of(agent, kinds["money"]) == {MONEY}
    review_patterns(agent)
    assert members_of(agent, kinds["money"]) == {MONEY}


def test_a_person_has_the_last_word(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    answer(agent, logged, kinds["venv"])
    member = next(one.id for one in show_pattern(agent, kinds["venv"]).members if one.example == VENV_AGAIN)
    split_pattern(project.person(), kinds["venv"], [member])
    project.wait(minutes=1)
    again = log_failure(agent, failure_id=logged.id, same_as=kinds["venv"], request_id="2")
    assert again.warnings
    assert "person" in again.warnings[0]
    assert members_of(agent, kinds["venv"]) == {VENV}


def test_an_agent_does_not_take_back_what_a_person_answered(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, "Nothing worked at all", "Look at which python runs")
    answer(project.person(), logged, kinds["venv"])
    assert answer(agent, logged, kinds["money"]).warnings
    assert "Nothing worked at all" in members_of(agent, kinds["venv"])


def test_what_a_person_took_back_an_agent_does_not_say_again(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, "Nothing worked at all", "Look at which python runs")
    assert answer(agent, logged, kinds["money"]).warnings == []
    undo_decision(project.person(), kinds["money"])
    assert answer(agent, logged, kinds["money"]).warnings
    assert members_of(agent, kinds["money"]) == {MONEY}


def test_a_repeated_answer_changes_nothing(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    for _ in range(3):
        answer(agent, logged, kinds["venv"])
    lines = (project.root / ".orchestrator/rules/patterns.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["by"] == "agent"


def test_a_request_id_answers_once(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    log_failure(agent, failure_id=logged.id, same_as=kinds["venv"], request_id="a")
    log_failure(agent, failure_id=logged.id, same_as=kinds["venv"], request_id="a")
    other = log(agent, "Something else entirely happened", "Do otherwise")
    with pytest.raises(StateConflictError, match="already used"):
        log_failure(agent, failure_id=other.id, same_as=kinds["venv"], request_id="a")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"failure_id": "x"}, InvalidInputError, "give both"),
        ({"same_as": "new"}, InvalidInputError, "give both"),
        ({"failure_id": "x", "same_as": "new", "context": "y"}, InvalidInputError, "nothing of a new entry"),
        ({"failure_id": "nothing", "same_as": "new"}, NotFoundError, "0 counted failures"),
        ({"failure_id": "", "same_as": ""}, NotFoundError, "0 counted failures"),
        ({"failure_id": "%", "same_as": "new"}, NotFoundError, "0 counted failures"),
    ],
)
def test_a_wrong_answer_gets_a_sentence(project: Project, arguments, error, said) -> None:
    agent = project.agent()
    three_kinds(agent)
    with pytest.raises(error, match=said):
        log_failure(agent, **arguments)


@pytest.mark.parametrize("same_as", ["pat_aaaaaaaaaaaaa", "aaaaaa", "nonsense!", "pat_", "\x00", "é" * 9])
def test_an_unknown_candidate_gets_a_sentence(project: Project, same_as: str) -> None:
    agent = project.agent()
    three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    with pytest.raises(NotFoundError, match="patterns are known"):
        answer(agent, logged, same_as)


def test_the_last_six_characters_are_enough(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    logged = log(agent, VENV_AGAIN, "Activate the .venv before the tests")
    said = log_failure(agent, failure_id=logged.id[-6:], same_as=kinds["venv"][-6:])
    assert said.pattern is not None
    assert said.pattern.id == kinds["venv"]


def test_a_trial_entry_cannot_be_answered_about(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    trial = log_failure(agent, context="x", feedback="y", category="API", is_test=True)
    with pytest.raises(NotFoundError, match="trial"):
        answer(agent, trial, kinds["venv"])


@pytest.mark.parametrize("missing", ["context", "feedback", "category"])
def test_what_a_new_entry_needs_is_named(project: Project, missing: str) -> None:
    given = {"context": "a", "feedback": "b", "category": "API"}
    del given[missing]
    with pytest.raises(InvalidInputError, match=f"{missing} is missing"):
        log_failure(project.agent(), **given)
    assert project.files() == {}


def test_small_stores_are_grouped_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "FEW", 40)
    agent = project.agent()
    log(agent, VENV, "Source .venv/bin/activate before the tests")
    log(agent, MONEY, "Use Decimal for every amount")
    log(agent, SECRET, "Read keys from the environment")
    again = log(agent, "Did not activate the virtual environment for pytest", "Source .venv/bin/activate before tests")
    assert again.pattern is not None
    assert (again.pattern.occurrences, again.pattern.joined_by) == (2, "prose")


def test_the_cost_of_one_more_is_counted_in_operations(project: Project) -> None:
    """The steps of the database for one repeated entry do not grow with what is there already."""

    def steps(workspace: Workspace) -> int:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1

        with workspace.index().open() as db:
            db.set_progress_handler(tick, 10)
        try:
            log(workspace, MONEY, "Use Decimal for every amount")
        finally:
            with workspace.index().open() as db:
                db.set_progress_handler(None, 0)
        return 10 * count

    agent = project.agent()
    counted = []
    for size in (20, 320):
        for number in range(size):
            word = "".join(chr(97 + (number // 26**place) % 26) for place in range(3))
            log(agent, f"The {word} job of the {word} worker ended without its {word} file", f"Write the {word} file")
            log(project.agent() if number % 40 == 0 else agent, MONEY, "Use Decimal for every amount")
        project.wait(minutes=1)
        log(agent, MONEY, "Use Decimal for every amount")
        project.wait(minutes=1)
        counted.append(steps(agent))
    assert counted[1] <= 1.5 * counted[0], counted


def test_with_a_model_words_say_at_once_where_a_new_entry_of_a_small_store_belongs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is asked in the next review; what it found before is not undone meanwhile."""
    monkeypatch.setattr(answering, "FEW", 40)
    agent = project.agent()
    kinds = three_kinds(agent)
    monkeypatch.setattr(answering, "is_used", lambda _: True)
    again = log(agent, "Did not activate the virtual environment for pytest", "Source .venv/bin/activate before tests")
    assert again.pattern is not None
    assert (again.pattern.id, again.pattern.occurrences, again.pattern.joined_by) == (kinds["venv"], 2, "prose")
    assert "in other words too" in again.next_step
    assert answer(agent, again, "new").pattern.id != kinds["venv"]  # type: ignore[union-attr]


def test_what_people_ignore_is_not_pressed_upon_agents(project: Project) -> None:
    agent = project.agent()
    kinds = three_kinds(agent)
    ignore_pattern(project.person(), kinds["money"])
    for _ in range(3):
        project.wait(minutes=1)
        said = log(agent, MONEY, "Use Decimal for every amount").next_step
    assert "no more of this pattern" in said


def test_the_correction_that_most_give_is_told(project: Project) -> None:
    agent = project.agent()
    for text in ("Use Decimal", "Use Decimal", "Careful"):
        project.wait(minutes=1)
        last = log(agent, MONEY, text)
    assert review_patterns(agent).patterns[0].correction == "Use Decimal"
    assert last.pattern is not None
    assert last.pattern.correction == "Use Decimal"
