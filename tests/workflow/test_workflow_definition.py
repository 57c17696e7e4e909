"""A project's own workflow.yaml: what is understood, and the one sentence for what is not."""

from pathlib import Path

import pytest
from projects import Project
from workflow_world import check_agreement, raw_log, raw_state

from orchestrator_mcp.analysis.workflow_definition import parse_definition
from orchestrator_mcp.errors import InvalidInputError, OrchestratorError
from orchestrator_mcp.services.workflows import start_workflow, update_workflow
from orchestrator_mcp.storage.yaml_files import read_yaml

BROKEN = {
    "no mapping": ("- 1\n", "it is no mapping"),
    "empty": ("", "it has 0 phases. List 1 to 50 under `phases:`, then start again."),
    "no phases": ("name: x\n", "in line 1: it has 0 phases."),
    "phases is a mapping": ("name: x\nphases: {PLAN: {}}\n", "in line 1: `phases` is no list."),
    "phase is a word": ("phases:\n- PLAN\n", "in line 1: phase 'PLAN' is no mapping. Write it as `- id: …`"),
    "phase without id": ("phases:\n- name: Plan\n", "in line 2: the phase has no usable id. Give it an `id:`"),
    "item is a word": ("phases:\n- id: A\n  items: [one]\n", "in line 2: item 'one' is no mapping."),
    "items is a word": ("phases:\n- id: A\n  items: one\n", "in line 2: `items` is no list."),
    "item without id": ("phases:\n- id: A\n  items:\n  - name: x\n", "in line 4: the item has no usable id."),
    "id is a list": ("phases:\n- id: [A]\n", "in line 2: the phase has no usable id."),
    "id is true": ("phases:\n- id: yes\n", "in line 2: the phase has no usable id."),
    "id with a newline": ('phases:\n- id: "A\\nB"\n', "in line 2: the phase has no usable id."),
    "id with an escape": ('phases:\n- id: "A\\e[31m"\n', "in line 2: the phase has no usable id."),
    "id too long": (f"phases:\n- id: {'x' * 81}\n", "in line 2: the phase has no usable id."),
    "item id twice": (
        "phases:\n- id: A\n  items:\n  - id: one\n- id: B\n  items:\n  - id: one\n",
        "in line 7: the item id 'one' stands twice, first in line 4. Rename one, then start again.",
    ),
    "phase id twice": ("phases:\n- id: A\n- id: A\n", "in line 3: the phase id 'A' stands twice, first in line 2."),
    "required is a word": (
        "phases:\n- id: A\n  items:\n  - id: one\n    required: maybe\n",
        "in line 4: `required` of item one is 'maybe'. Write true or false",
    ),
    "broken syntax": ("phases:\n- id: A\n  items: [\n", "in line 4. Correct it, then try again."),
    "a tab": ("phases:\n\t- id: A\n", "in line 2. Correct it"),
    "an alias": ("phases:\n- id: A\n  items: &x []\n", "it has an anchor or an alias in line 3. Correct it"),
    "a tag": ("phases:\n- !!python/object:os.system {}\n", "it has a tag in line 2"),
    "a key twice": ("name: a\nphases: []\nname: b\n", "the key 'name' is a merge or stands twice in line 1"),
    "no date": ("version: 2026-99-99\n", "in line 1. Correct it"),
    "a huge number": (f"a: 1\nversion: {'9' * 5000}\n", "in line 2. Correct it"),
    "a control character": ("name: x\nversion: \x00\n", "in line 2. Correct it"),
    "too many phases": ("phases:\n" + "".join(f"- id: P{n}\n" for n in range(51)), "it has 51 phases"),
    "too many items": (
        "phases:\n- id: A\n  items: [" + ",".join(f"{{id: i{n}}}" for n in range(501)) + "]\n",
        "it has more than 500 items",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_workflow_is_refused_in_one_sentence_with_its_line(name: str, project: Project) -> None:
    text, sentence = BROKEN[name]
    path = project.root / "workflow.yaml"
    path.write_bytes(text.encode())
    with pytest.raises(InvalidInputError) as caught:
        start_workflow(project.agent(), task="x")
    assert "workflow.yaml cannot be used" in str(caught.value)
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(project.root.rglob("log.jsonl"))


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 200 + "]" * 200, "x: " + "y" * 70_000, b"\xff\xfe\x00", "a: &a [1]\nb: [*a, *a]", "{" * 5000],
    ids=["deep", "large", "bytes", "bomb", "braces"],
)
def test_hostile_files_are_refused(text: str | bytes, project: Project) -> None:
    (project.root / "workflow.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(OrchestratorError, match=r"workflow\.yaml"):
        start_workflow(project.agent(), task="x")


def test_a_link_is_not_followed(project: Project) -> None:
    (project.root / "workflow.yaml").symlink_to("/etc/passwd")
    with pytest.raises(OrchestratorError, match="symbolic link"):
        start_workflow(project.agent(), task="x")


def test_unknown_keys_are_ignored_and_rules_are_read(project: Project) -> None:
    (project.root / "workflow.yaml").write_text(
        """
name: Ours
version: 2.1
colour: blue
settings: {test_command: make}
phases:
  - id: DISCOVER
    executor: someone
    items:
      - {id: a, name: First, required: false, hints: [1, {deep: 2026-01-01}]}
      - {id: 2, skippable: false}
      - {id: c, step_type: gate}
      - {id: d, step_type: gate, skippable: true}
  - id: SHIP
""",
        "utf-8",
    )
    agent = project.agent()
    view = start_workflow(agent, task="x")
    assert [(phase.id, phase.items) for phase in view.phases] == [("DISCOVER", 4), ("SHIP", 0)]
    definition = raw_state(agent)["workflow_definition"]
    assert (definition["name"], definition["version"]) == ("Ours", "2.1")
    rules = {item["id"]: (item["required"], item["skippable"]) for item in definition["phases"][0]["items"]}
    assert rules == {"a": (False, True), "2": (True, False), "c": (True, False), "d": (True, True)}
    assert raw_state(agent)["metadata"]["workflow_yaml_path"] == "workflow.yaml"
    assert update_workflow(agent, action="advance").phase == "SHIP"
    check_agreement(agent)


def test_the_work_tree_has_it_not_the_store(project: Project) -> None:
    from orchestrator_mcp.storage.paths import Roots
    from orchestrator_mcp.storage.settings import Settings
    from orchestrator_mcp.storage.workspace import Workspace

    work = project.root / "linked"
    work.mkdir()
    (work / "workflow.yaml").write_text("phases: [{id: MINE}]", "utf-8")
    (project.root / "workflow.yaml").write_text("phases: [{id: OTHER}]", "utf-8")
    agent = project.agent()
    linked = Workspace(Roots(project.root, work), Settings(own_session=True), agent._thinking)
    assert start_workflow(linked, task="x").phase == "MINE"


def test_a_running_workflow_keeps_the_definition_it_was_started_with(project: Project) -> None:
    path = project.root / "workflow.yaml"
    path.write_text("phases: [{id: A, items: [{id: one}]}]", "utf-8")
    agent = project.agent()
    first = start_workflow(agent, task="x", request_id="r")
    path.write_text("phases: [{id: B, items: [{id: two}]}]", "utf-8")
    assert update_workflow(agent, action="complete", item="one").phases[0].completed == 1
    path.write_text("phases: [", "utf-8")
    assert start_workflow(agent, task="x", request_id="r") == first
    update_workflow(agent, action="finish")
    check_agreement(agent)


def test_the_real_definitions_are_understood(project: Project, shared_data: Path) -> None:
    for path in sorted((shared_data / "legacy" / "workflow_yaml").glob("*.yaml")):
        (project.root / "workflow.yaml").write_bytes(path.read_bytes())
        agent = project.agent()
        view = start_workflow(agent, task="x")
        assert [phase.id for phase in view.phases] == ["PLAN", "EXECUTE", "REVIEW", "VERIFY", "LEARN"]
        assert view.open_items[0].name == "Review Roadmap/Backlog"
        assert raw_log(agent)[0]["details"]["workflow_type"] == "General Development Workflow"
        view = update_workflow(agent, action="skip", item="security_review", text="x")
        assert "may not be skipped" in view.warnings[0]
        check_agreement(agent)


def test_the_largest_workflow_gives_an_answer_of_bounded_size(project: Project) -> None:
    items = ",".join(f"{{id: {'i' * 60}{n:03}, name: {'n' * 40}}}" for n in range(500))
    (project.root / "workflow.yaml").write_text(f"phases: [{{id: A, items: [{items}]}}]", "utf-8")
    agent = project.agent()
    view = start_workflow(agent, task="x")
    assert (len(view.open_items), view.open_total) == (50, 500)
    assert len(view.model_dump_json()) < 12_000
    assert "and 490 more" in update_workflow(agent, action="advance").warnings[0]
    check_agreement(agent)


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "workflow.yaml"
    path.write_text("# one\n# two\nphases:\n\n  - name: x\n", "utf-8")
    with pytest.raises(InvalidInputError, match="in line 5"):
        parse_definition(read_yaml(path) or {})
