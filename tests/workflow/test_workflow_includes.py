"""A workflow made of several files: what comes of them together, how far includes reach, and that nothing is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import Project
from workflow_world import check_agreement, raw_log, raw_state

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.workflow import WorkflowView
from orchestrator_mcp.services.workflow_definitions import MAX_DEPTH, MAX_FILES, project_definition
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow

PAGE = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text("utf-8")
COMMON = """
name: Common
version: "3"
settings: {runner: npm, docs: out}
phases:
  - id: PLAN
    name: Plan
    items:
      - {id: plan, name: Write the plan, required: false}
      - {id: risks, name: Name the risks}
  - id: LEARN
    items: [{id: learn}]
"""


@pytest.fixture
def app(project: Project) -> Project:
    """A project `app` with folders beside it."""
    (project.root / "app").mkdir()
    return Project(project.root / "app")


def write(app: Project, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = Path(os.path.normpath(app.root / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def shape(app: Project) -> dict[str, list[str]]:
    definition, _ = project_definition(app.person())
    return {phase.id: [item.id for item in phase.items] for phase in definition.phases}


def test_the_example_in_the_docs_works_as_it_stands(app: Project) -> None:
    example = next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "include:" in one)
    write(app, {"workflow.yaml": example, "../shared-workflows/common.yaml": COMMON})
    agent = app.agent()
    view = start_workflow(agent, task="x")
    assert [(phase.id, phase.items) for phase in view.phases] == [("PLAN", 2), ("LEARN", 1), ("STEPS", 1)]
    (step,) = view.later
    assert (step.id, step.name) == ("update_dependency_in_other_repo", "Update dependency in other repo")
    assert (step.repo, step.command) == ("../api-repo", "npm update @myorg/shared")
    for _ in range(2):
        view = update_workflow(agent, action="advance")
    assert (view.later, view.open_items[-1]) == ([], step)
    recorded = raw_state(agent)["workflow_definition"]["phases"][-1]["items"][0]
    assert (recorded["repo"], recorded["command"]) == ("../api-repo", "npm update @myorg/shared")
    update_workflow(agent, action="complete", item=step.id)
    check_agreement(agent)


def test_what_is_included_comes_first_and_own_keys_replace_by_id(app: Project) -> None:
    own = """
include: ["parts/common.yaml"]
name: Ours
phases:
  - id: SHIP
    items: [{id: ship}]
  - id: PLAN
    items:
      - {id: risks, required: false}
      - {id: more}
      - {id: learn, name: Learn early}
"""
    write(app, {"workflow.yaml": own, "parts/common.yaml": COMMON})
    definition, source = project_definition(app.person())
    assert (definition.name, definition.version, source) == ("Ours", "3", "workflow.yaml")
    assert shape(app) == {"PLAN": ["plan", "risks", "more", "learn"], "LEARN": [], "SHIP": ["ship"]}
    items = {item.id: item for phase in definition.phases for item in phase.items}
    assert (items["risks"].name, items["risks"].required) == ("Name the risks", False)
    assert (items["plan"].required, items["learn"].name) == (False, "Learn early")
    assert definition.phases[0].name == "Plan"


def test_files_are_taken_in_order_and_once(app: Project) -> None:
    def part(name: str, *includes: str) -> str:
        return f"include: [{', '.join(includes)}]\nphases: [{{id: A, items: [{{id: {name}}}]}}]\n"

    files = {"workflow.yaml": part("own", "b.yaml", "../side/c.yaml"), "b.yaml": part("b", "d.yaml")}
    write(app, files | {"../side/c.yaml": part("c", "../app/d.yaml"), "d.yaml": part("d")})
    assert shape(app) == {"A": ["d", "b", "c", "own"]}


def test_settings_and_variables_are_put_in_once(app: Project) -> None:
    own = """
include: [common.yaml]
settings: {docs: "{{runner}}", flag: true, count: 3, nested: {a: 1}, long: LONG}
phases:
  - id: RUN
    name: "With {{ runner }}"
    items:
      - {id: "{{runner}}", name: "{{docs}} {{flag}} {{count}} {{nested}} {{unknown}} {{long}}", command: "{{team}} {{runner}}"}
"""
    config = "variables: {runner: pnpm, team: web}"
    write(app, {"workflow.yaml": own.replace("LONG", "x" * 300), "common.yaml": COMMON})
    app.person().store()
    write(app, {".orchestrator/config.yaml": config})
    definition, _ = project_definition(app.person())
    (item,) = definition.phases[-1].items
    assert definition.phases[-1].name == "With pnpm"
    assert item.name == "{{runner}} true 3 {{nested}} {{unknown}} {{long}}"
    assert (item.id, item.command) == ("{{runner}}", "web pnpm")


ESCAPES = {
    "an absolute path": ("/etc/x.yaml", "no relative path"),
    "a home folder": ("~/x.yaml", "no relative path"),
    "a drive": ("C:/x.yaml", "no relative path"),
    "an address": ("https://example.org/x.yaml", "no relative path"),
    "nothing": ("", "no relative path"),
    "backslashes": ("..\\x.yaml", "no relative path"),
    "a control character": ("a\x07.yaml", "no relative path"),
    "two up": ("../../x.yaml", "leads out of the project"),
    "up and down": ("../side/../../x.yaml", "leads out of the project"),
    "a hidden folder": ("../.ssh/x.yaml", "into a hidden one"),
    "a hidden file": (".secret.yaml", "into a hidden one"),
    "our own store": (".orchestrator/config.yaml", "into a hidden one"),
    "another kind of file": ("../side/key.pem", "no YAML file"),
    "what is not there": ("../side/none.yaml", "is not there"),
    "a folder": ("../side/folder.yaml", "is no plain file"),
    "a link": ("../side/link.yaml", "is a symbolic link"),
    "through a link": ("../linked/common.yaml", "is a symbolic link"),
    "through a file": ("../side/common.yaml/x.yaml", "is not there"),
    "a large file": ("../side/large.yaml", "larger than 65536 bytes"),
    "an alias": ("../side/bomb.yaml", "an anchor or an alias in line 1"),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_an_include_that_leads_elsewhere_is_an_error_that_names_the_chain(name: str, app: Project) -> None:
    target, problem = ESCAPES[name]
    write(
        app,
        {"../side/common.yaml": COMMON, "../side/large.yaml": "x: " + "y" * 70_000, "../side/bomb.yaml": "a: &x [1]"},
    )
    write(app, {"../x.yaml": COMMON, "../../x.yaml": COMMON, ".secret.yaml": COMMON, "../side/key.pem": COMMON})
    (app.root / "../side/folder.yaml").mkdir()
    (app.root / "../side/link.yaml").symlink_to("common.yaml")
    (app.root / "../linked").symlink_to("side")
    (app.root / "first.yaml").write_text(f"include: [{{repo: {_quoted(target)}}}]\n", "utf-8")
    write(app, {"workflow.yaml": "include: [first.yaml]\nphases: [{id: A}]\n"})
    with pytest.raises(OrchestratorError) as caught:
        start_workflow(app.agent(), task="x")
    assert problem in str(caught.value)
    assert str(caught.value).startswith("workflow.yaml → first.yaml")
    assert len(str(caught.value).splitlines()) == 1
    assert not list(app.root.rglob("log.jsonl"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace("\x07", "\\a") + '"'


@pytest.mark.parametrize("entry", ["common.yaml", "{repo: common.yaml}", "[7]", "[{path: x}]", "[[x]]"])
def test_an_include_that_is_no_list_of_files_is_refused(entry: str, app: Project) -> None:
    write(app, {"workflow.yaml": f"include: {entry}\n", "common.yaml": COMMON})
    with pytest.raises(OrchestratorError, match="`include` is no list of files"):
        project_definition(app.person())


def test_a_circle_names_its_chain(app: Project) -> None:
    write(app, {"workflow.yaml": "include: [a.yaml]", "a.yaml": "include: [sub/b.yaml]"})
    write(app, {"sub/b.yaml": "include: [../a.yaml]"})
    with pytest.raises(
        OrchestratorError, match=r"workflow\.yaml → a\.yaml → sub/b\.yaml → \.\./a\.yaml .*includes itself"
    ):
        project_definition(app.person())
    write(app, {"a.yaml": "include: [workflow.yaml]"})
    with pytest.raises(OrchestratorError, match="includes itself"):
        project_definition(app.person())


def test_files_include_each_other_so_deep_and_no_deeper(app: Project) -> None:
    for depth in (MAX_DEPTH, MAX_DEPTH + 1):
        names = ["workflow.yaml", *(f"f{number}.yaml" for number in range(depth))]
        for name, after in zip(names, [*names[1:], None], strict=True):
            write(app, {name: f"include: [{after}]" if after else COMMON})
        if depth == MAX_DEPTH:
            assert list(shape(app)) == ["PLAN", "LEARN"]
        else:
            with pytest.raises(OrchestratorError, match="at most 8 deep"):
                project_definition(app.person())


def test_so_many_files_and_no_more(app: Project) -> None:
    for number in range(MAX_FILES + 1):
        write(app, {f"f{number}.yaml": f"phases: [{{id: P{number}}}]"})
    for count in (MAX_FILES, MAX_FILES + 1):
        write(app, {"workflow.yaml": f"include: [{', '.join(f'f{number}.yaml' for number in range(count))}]"})
        if count == MAX_FILES:
            assert len(shape(app)) == MAX_FILES
        else:
            with pytest.raises(OrchestratorError, match="at most 20 files"):
                project_definition(app.person())


def test_an_error_in_an_included_file_names_it_and_its_line(app: Project) -> None:
    write(app, {"workflow.yaml": "include: [../side/c.yaml]", "../side/c.yaml": "phases:\n- id: A\n- name: x\n"})
    with pytest.raises(
        OrchestratorError, match=r"^\.\./side/c\.yaml cannot be used in line 3: the phase has no usable id"
    ):
        project_definition(app.person())


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("- run it", "a step has no name"),
        ("- command: make", "in line 2: a step has no name"),
        ("- {name: [x]}", "a step has no name"),
        ("- {name: A b}\n- {name: a B}", "in line 3: the item id 'a_b' stands twice, first in line 2"),
        (f"- {{name: x, command: {'y' * 2001}}}", "`command` has more than 2,000 characters"),
    ],
)
def test_a_step_that_cannot_be_used_is_refused_with_its_line(steps: str, problem: str, app: Project) -> None:
    write(app, {"workflow.yaml": f"steps:\n{steps}\n"})
    with pytest.raises(OrchestratorError, match=re.escape(problem)):
        project_definition(app.person())


def test_steps_alone_are_a_workflow(app: Project) -> None:
    write(app, {"workflow.yaml": 'steps: [{name: "Größe → ändern"}, {name: "日本"}, {id: x, name: Y, command: 7}]'})
    assert shape(app) == {"STEPS": ["gr_e_ndern", "日本", "x"]}


CANARY = """
steps:
  - {name: one, repo: "$(touch canary)", command: "touch canary"}
  - {name: two, repo: "../api; touch canary", command: "`touch canary` {{evil}}"}
settings: {evil: "$(touch canary)"}
phases: [{id: A, items: [{id: a, command: "touch canary; {{evil}}"}]}]
"""
WATCH = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
STARTS = ("subprocess", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn")
started = []
sys.addaudithook(lambda event, args: started.append(event) if event.startswith(STARTS) else None)
from projects import Project
from orchestrator_mcp.cli.main import main
os.chdir(sys.argv[2])
for words in (["start", "x"], ["workflow", "show"], ["workflow", "complete", "a"], ["workflow", "advance"],
              ["workflow", "complete", "one"], ["workflow", "finish"], ["workflow", "show"]):
    assert main(words) == 0, words
print("STARTED", started)
os.system("true")
print("SEEN", started)
"""


def test_no_command_is_ever_run(app: Project) -> None:
    write(app, {"workflow.yaml": CANARY})
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(tests), str(app.root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "$ touch canary; $(touch canary)" in done.stdout
    assert "STARTED []" in done.stdout
    assert "SEEN ['os.system']" in done.stdout  # the watch does notice
    assert not list(app.root.parent.rglob("canary"))


def test_secrets_in_a_command_are_not_recorded(app: Project) -> None:
    secret = "ghp_" + "k3J9xQ2mV7bN4wT8zR5yL1cF6dH0gS" + "aaBBcc"
    write(app, {"workflow.yaml": f"steps: [{{name: push, command: 'curl -H \"Authorization: Bearer {secret}\" x'}}]"})
    agent = app.agent()
    view = start_workflow(agent, task="x")
    assert secret not in view.model_dump_json()
    assert secret not in str(raw_log(agent)) + str(raw_state(agent))


def test_what_is_shown_is_clipped_and_clean(app: Project) -> None:
    write(app, {"workflow.yaml": f'steps: [{{name: x, repo: "../a\\e[31m", command: "{"y" * 1900}"}}]'})
    agent = app.agent()
    view = start_workflow(agent, task="x")
    assert len(view.open_items[0].command or "") == 500
    shown = subprocess.run(
        [sys.executable, "-m", "orchestrator_mcp.cli", "--session", agent.session_id(), "workflow", "show"],
        cwd=app.root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "in ../a\n" in shown
    assert "\x1b" not in shown


def test_old_results_are_still_read() -> None:
    old = {"next_step": "x", "open_items": [{"id": "a", "name": "A", "required": True}]}
    assert WorkflowView.model_validate(old).open_items[0].command is None


def test_a_workflow_says_what_is_required_next_whatever_its_phases_are_called(app: Project) -> None:
    write(app, {"workflow.yaml": COMMON})
    agent = app.agent()
    assert start_workflow(agent, task="x").next_step == "Next: risks."
    assert get_workflow(agent).next_step == "Next: risks."
    update_workflow(agent, action="advance")
    assert raw_log(agent)[-2]["details"]["forced"] is True
