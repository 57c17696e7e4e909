"""Forgetting: the text is in no file afterwards, and everything else still is."""

import pytest
from projects import Project

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.services.failures import log_failure, show_failure
from orchestrator_mcp.services.forgetting import forget
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules

TEXT = "ConnectionError: login as 'margarete' with her birthday failed on the billing host"
FIX = "Ask margarete for the billing phrase, which is raspberry jam on toast"


def everything(project: Project) -> bytes:
    return b"\0".join(path.read_bytes() for path in project.root.rglob("*") if path.is_file())


@pytest.fixture
def logged(project: Project) -> str:
    for _ in range(2):
        log_failure(project.agent(), context=TEXT.replace("margarete", "another"), feedback="Use the service account.")
    agent = project.agent()
    answer = log_failure(agent, context=TEXT, feedback=FIX, wrong="login('margarete')", correct="login(ACCOUNT)")
    suggest_rules(agent)
    review_patterns(agent)
    assert b"raspberry" in everything(project)
    return answer.id


def test_the_text_is_gone_from_every_file(project: Project, logged: str) -> None:
    result = forget(project.person(), logged[-6:])
    left = everything(project)
    assert not [word for word in (b"margarete", b"raspberry") if word in left], left
    assert b"Use the service account." in left
    assert any(name.endswith("failures.jsonl") for name in result.files)
    assert "rules/suggestions.jsonl" in result.files


def test_the_shell_of_the_record_stays(project: Project, logged: str) -> None:
    before = review_patterns(project.agent()).counts
    forget(project.person(), logged)
    shell = show_failure(project.person(), logged)
    assert (shell.context, shell.feedback, shell.wrong) == ("[FORGOTTEN]",) * 3
    assert review_patterns(project.agent()).counts.entries == before.entries - 1


def test_writers_go_on_after_their_file_was_rewritten(project: Project) -> None:
    agent = project.agent()
    first = log_failure(agent, context=TEXT, feedback=FIX)
    forget(project.person(), first.id)
    second = log_failure(agent, context="an unrelated problem appeared", feedback="Fix it.")
    assert show_failure(agent, second.id).context == "an unrelated problem appeared"
    assert b"raspberry" not in everything(project)


@pytest.mark.parametrize("typed", ["", "abc", "zzzzzz", "0" * 26])
def test_nothing_is_forgotten_by_mistake(project: Project, logged: str, typed: str) -> None:
    before = project.files()
    with pytest.raises(NotFoundError, match="records have an id ending"):
        forget(project.person(), typed)
    assert project.files() == before
