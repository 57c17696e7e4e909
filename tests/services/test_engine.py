"""The optional tier of meaning in a store: remembered, bounded for agents, and never in the way."""

import pytest
from projects import Project

from orchestrator_mcp.errors import StorageError
from orchestrator_mcp.services import meaning, view
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.grouping import group_file
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.sessions import status
from orchestrator_mcp.storage.model import model_name

MONEY = [
    ("price rounded wrongly by a float", "use Decimal for currency"),
    ("invoice total was off by a cent", "never compute money in binary floating point"),
    ("cents got lost when adding up the basket", "calculate amounts with decimal arithmetic"),
]
OTHERS = [
    ("the logo was blurred on the landing page", "export the image at twice its size"),
    ("search ignored accents", "normalise the query to NFC"),
    ("cron job ran twice", "take a lock before the job begins"),
    ("the docs linked to a removed page", "check links in the build"),
]


@pytest.fixture
def store(project: Project) -> Project:
    for context, feedback in [*MONEY, *OTHERS]:
        log_failure(project.agent(), context=context, feedback=feedback, category="API")
        project.wait(minutes=5)
    return project


@pytest.mark.semantic
def test_rewordings_join_by_meaning_and_each_text_is_read_once(store: Project, monkeypatch) -> None:
    first = review_patterns(store.person())
    (pattern,) = first.patterns
    assert (pattern.occurrences, pattern.joined_by, first.engine) == (3, "meaning", model_name())
    monkeypatch.setattr(meaning, "find_embedder", lambda: pytest.fail("read again"))
    log_failure(store.agent(), context=OTHERS[0][0], feedback=OTHERS[0][1], category="API")
    assert review_patterns(store.person()).patterns[0].id == pattern.id


@pytest.mark.semantic
def test_with_and_without_a_cache_the_answer_is_the_same(store: Project) -> None:
    cached, fresh = review_patterns(store.person()), review_patterns(store.person(read_only=True))
    assert cached.model_dump_json() == fresh.model_dump_json()


@pytest.mark.semantic
def test_an_agent_does_not_wait_for_long_and_the_next_review_goes_on(store: Project, monkeypatch) -> None:
    monkeypatch.setattr(view, "AT_ONCE", 5)
    agent = store.agent()
    first = review_patterns(agent)
    assert first.engine == "words"
    assert "words alone decide" in first.warnings[0]
    engines = [review_patterns(agent).engine for _ in range(4)]
    assert engines[-1] == model_name()
    assert review_patterns(agent).warnings == []


def broken() -> None:
    raise StorageError("It is broken.")


def test_a_broken_model_is_said_and_words_decide(store: Project, monkeypatch) -> None:
    monkeypatch.setattr(meaning, "model_name", lambda: "a model")
    monkeypatch.setattr(meaning, "load_model", broken)
    review = review_patterns(store.person())
    assert review.engine == "words"
    assert review.warnings == ["It is broken. Words alone decide until then."]
    assert review.counts.entries == len(MONEY) + len(OTHERS)


def test_without_the_extra_words_decide_and_nothing_is_said_of_it(store: Project) -> None:
    review = review_patterns(store.person())
    assert (review.engine, review.warnings) == ("words", [])
    assert status(store.person()).engine == "words"


@pytest.mark.semantic
def test_a_file_can_be_grouped_by_words_only(tmp_path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "the same text"}\n' * 3, encoding="utf-8")
    assert group_file(file, words_only=True).engine == "words"
    assert group_file(file).engine == model_name()
