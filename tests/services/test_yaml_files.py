"""YAML read as data alone."""

from pathlib import Path

import pytest
from projects import Project

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.services.workflow_definitions import defined_items
from orchestrator_mcp.storage.yaml_files import read_yaml

HOSTILE = {
    "alias": "a: &x [1]\nb: *x",
    "anchor": "a: &x 1",
    "merge": "a: {}\nb:\n  <<: {c: 1}",
    "tag": "a: !!python/object/apply:os.system ['true']",
    "plain tag": "a: !!str 1",
    "twice": "a: 1\na: 2",
    "deep": "a: " + "[" * 30 + "]" * 30,
    "large": "a: " + "x" * 70_000,
    "list": "- 1",
    "tab": "a:\n\t- 1",
    "broken": "a: [1",
    "control": "a: \x00",
    "two documents": "a: 1\n---\nb: 2",
    "bad utf-8": b"a: \xff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_plain_data_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yaml"
    text = HOSTILE[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Exception, match=r"workflow\.yaml") as caught:
        read_yaml(path)
    assert isinstance(caught.value, InvalidInputError) or "larger than" in str(caught.value)
    assert defined_items(Project(tmp_path).person()) == frozenset()


def test_plain_data_is_read(tmp_path: Path) -> None:
    assert read_yaml(tmp_path / "workflow.yaml") is None
    (tmp_path / "workflow.yaml").write_text("phases:\n  - {id: PLAN, items: [{id: mine}]}\nsteps: [{name: And this}]\n")
    assert defined_items(Project(tmp_path).person()) == {"mine", "and_this"}


@pytest.mark.parametrize("name", ["a.yaml", "b.yaml"])
def test_real_definitions_are_read(name: str, shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_bytes((shared_data / "legacy" / "workflow_yaml" / name).read_bytes())
    assert {"check_roadmap", "document_learnings"} <= defined_items(Project(tmp_path).person())
