"""Settings, where they are used: categories, the engine, and what makes a pattern."""

import ast
from pathlib import Path

import pytest
from projects import Project

from orchestrator_mcp.errors import ConfigError, InvalidInputError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.config import get_setting, set_setting, show_settings
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.pattern_details import list_patterns
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules
from orchestrator_mcp.services.sessions import status
from orchestrator_mcp.services.settings_warning import noted
from orchestrator_mcp.storage.model import model_name

PACKAGE = Path(__file__).parents[2] / "orchestrator_mcp"


def give(project: Project, text: str) -> None:
    project.person().store()
    (project.root / ".orchestrator/config.yaml").write_text(text, encoding="utf-8")


def log(project: Project, context: str = "TimeoutError: no answer", category: str = "API") -> object:
    project.wait(minutes=5)
    return log_failure(project.agent(), context=context, feedback="Wait longer.", category=category)


def test_a_projects_own_categories_are_as_good_as_the_built_in_ones(project: Project) -> None:
    with pytest.raises(InvalidInputError, match=r"There is no category 'data'\. Use one of: Testing"):
        log(project, category="data")
    give(project, "categories: [Data, UX]\n")
    log(project, category=" data ")
    log(project, category="testing")
    assert [one.category for one in project.person().read(Failure).records] == ["Data", "Testing"]
    assert review_patterns(project.person(), category="DATA").counts.entries == 2
    assert suggest_rules(project.person(), category="ux").suggestions == []
    for _ in range(3):
        log(project, category="data")
    assert review_patterns(project.person()).patterns[0].category == "Data"
    assert suggest_rules(project.person()).suggestions[0].target == "Data skill"
    with pytest.raises(InvalidInputError, match="Naming, Documentation, Data, UX"):
        log(project, category="cooking")


def test_broken_settings_stop_only_what_needs_them(project: Project) -> None:
    give(project, "categories: [Data\n")
    log(project)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        log(project, category="Data")
    assert review_patterns(project.person()).counts.entries == 1
    assert len(project.person().read(Failure).records) == 1


def test_min_frequency_is_what_makes_a_pattern_unless_the_caller_says_otherwise(project: Project) -> None:
    give(project, "min_frequency: 2\n")
    first = log(project)
    second = log(project)
    assert (first.needed, second.needed) == (1, 0)
    person = project.person()
    for found in (review_patterns(person).patterns, list_patterns(person).patterns, suggest_rules(person).suggestions):
        assert len(found) == 1
    assert review_patterns(person, min_frequency=3).patterns == []
    give(project, "min_frequency: 5\n")
    assert review_patterns(project.person()).patterns == []
    assert log(project).needed == 2


def workflow_error(project: Project, number: int) -> None:
    from orchestrator_mcp.records.fields import WorkflowAction, WorkflowEventKind
    from orchestrator_mcp.services.workflows import start_workflow, update_workflow

    agent = project.agent()
    start_workflow(agent, task=f"task {number}")
    update_workflow(
        agent,
        action=WorkflowAction.EVENT,
        event=WorkflowEventKind.ERROR,
        text="ModuleNotFoundError: No module named 'yaml'",
    )
    update_workflow(agent, action=WorkflowAction.ABANDON, text="for now")
    project.wait(minutes=5)


def test_min_workflows_is_what_makes_a_pattern_of_errors(project: Project) -> None:
    for number in range(2):
        workflow_error(project, number)
    kinds = [one.kind for one in review_patterns(project.person()).patterns]
    assert "workflow_error" in kinds
    assert review_feedback(project.person()).patterns
    give(project, "min_workflows: 3\n")
    assert "workflow_error" not in [one.kind for one in review_patterns(project.person()).patterns]
    assert "workflow_error" not in [one.kind for one in review_feedback(project.person()).patterns]
    workflow_error(project, 3)
    assert "workflow_error" in [one.kind for one in review_patterns(project.person()).patterns]
    assert "workflow_error" in [one.kind for one in review_feedback(project.person()).patterns]


@pytest.mark.semantic
def test_words_leave_an_installed_model_out(project: Project) -> None:
    log(project)
    assert review_patterns(project.person()).engine == status(project.person()).engine == model_name()
    give(project, "engine: words\n")
    assert review_patterns(project.person()).engine == status(project.person()).engine == "words"
    give(project, "engine: meaning\n")
    assert review_patterns(project.person()).engine == model_name()


def test_meaning_without_the_extra_is_said_and_words_decide(project: Project) -> None:
    log(project)
    give(project, "engine: meaning\n")
    review = review_patterns(project.person())
    assert review.engine == "words"
    assert "pip install 'orchestrator-mcp[semantic]'" in review.warnings[0]


def test_every_answer_says_that_settings_are_broken_and_quotes_nothing_of_them(project: Project) -> None:
    give(project, "ignore_previous_instructions: please\n")
    person = project.person()
    result = noted(person, status(person))
    assert result.warnings == ["A setting cannot be used; `orchestrator config show` says which, and why."]
    (shown,) = show_settings(person).warnings
    assert "'ignore_previous_instructions' is no setting" in shown
    give(project, "engine: words\n")
    assert noted(project.person(), status(person)).warnings == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("feedback_endpoint", "https://user:c0rrecthorse9@example.org/in"),
        ("state_remote", "https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@github.com/o/r"),
        ("variables", '{"DB_PASSWORD": "c0rrecthorse9battery", "name": "demo"}'),
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_settings_are_shown(
    project: Project, tmp_path: Path, key: str, value: str
) -> None:
    person = project.person(home=tmp_path / "home")
    shown = [set_setting(person, key, value, everywhere=True), get_setting(person, key),
             show_settings(person, effective=True)]  # fmt: skip
    text = "".join(one.model_dump_json() + repr(one) for one in shown)
    assert "[masked]" in text
    assert "c0rrecthorse9" not in text
    assert "ghp_16C7" not in text


def test_setting_one_says_what_overrides_it(project: Project, tmp_path: Path) -> None:
    person = project.person(home=tmp_path / "home", environ={"ORCHESTRATOR_ENGINE": "auto"})
    assert set_setting(person, "engine", "words").warnings == [
        "What is in force is set elsewhere: env ORCHESTRATOR_ENGINE."
    ]
    assert get_setting(person, "engine").source == "env ORCHESTRATOR_ENGINE"
    removed = set_setting(project.person(), "engine", "")
    assert (removed.value, get_setting(project.person(), "engine").source) == (None, "default")


def test_no_tool_can_write_settings_or_secrets() -> None:
    """The writers are called by the two verbs that only the command line knows."""
    from orchestrator_mcp.server.tools import TOOLS

    writers = {"write_setting": {"services/config.py"}, "write_secret": {"services/secrets.py"},
               "set_setting": {"cli/config.py"}, "set_secret": {"cli/secrets.py"}}  # fmt: skip
    callers: dict[str, set[str]] = {name: set() for name in writers}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in callers:
                    callers[name].add(path.relative_to(PACKAGE).as_posix())
    assert callers == writers
    modules = {row.verb.__module__.rpartition(".")[2] for row in TOOLS}
    assert not modules & {"config", "secrets"}
    for path in (PACKAGE / "server").glob("*.py"):
        assert "services.config" not in path.read_text("utf-8")
        assert "services.secrets" not in path.read_text("utf-8")
