"""What is published agrees with itself: names, versions, the registry's entry, what the wheel carries."""

import json
import re
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest

from orchestrator_mcp import __version__

ROOT = Path(__file__).parents[1]
SERVER = json.loads((ROOT / "server.json").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_registry_entry_fits_its_schema(shared_data: Path) -> None:
    schema = json.loads((shared_data.parent / "spec" / "server.schema.json").read_text("utf-8"))
    jsonschema.validate(SERVER, schema)
    assert len(SERVER["description"]) <= 100


def test_names_and_versions_are_the_same_everywhere() -> None:
    (package,) = SERVER["packages"]
    assert {SERVER["version"], package["version"], __version__} == {__version__}
    assert package["identifier"] == PROJECT["name"] == "orchestrator-mcp"
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text("utf-8")
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_dependency_has_its_reason() -> None:
    architecture = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for requirement in PROJECT["dependencies"]:
        name = re.split(r"[<>=~!]", requirement)[0]
        assert f"| `{name}` |" in architecture, name
    for requirement in PROJECT["optional-dependencies"]["semantic"]:
        assert f"`{re.split(r'[<>=~!]', requirement)[0]}`" in architecture, requirement


def test_the_server_arguments_exist() -> None:
    from orchestrator_mcp.server.options import parse_options

    for argument in SERVER["packages"][0]["packageArguments"]:
        parse_options([argument["name"], "all" if argument["name"] == "--toolset" else "."])


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "AGENTS.md"])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text("utf-8")):
        assert (ROOT / target).exists(), target


def test_the_wheel_carries_the_demo_and_the_types(tmp_path: Path) -> None:
    hatchling = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    (wheel,) = hatchling.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    names = zipfile.ZipFile(wheel).namelist()
    assert "orchestrator_mcp/py.typed" in names
    assert "orchestrator_mcp/cli/legacy_project/.workflow_log.jsonl" in names
    assert "orchestrator_mcp/analysis/wordpiece.txt" in names
    assert {"LICENSE", "Apache-2.0.txt"} <= {name.rpartition("/")[2] for name in names}
    assert not [name for name in names if name.startswith(("tests/", "examples/"))]
