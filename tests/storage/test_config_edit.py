"""Changing one setting leaves the rest of a file as it was written."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator_mcp.errors import ConfigError
from orchestrator_mcp.storage.config_edit import write_setting
from orchestrator_mcp.storage.locks import FolderLock

COMMENTED = """\
# What we agreed on.
engine: words  # faster
categories:
  - Data  # as in pipelines
  - UX

# Lower than usual.
min_frequency: 4
variables: {a: x}
"""


def write(path: Path, key: str, value: object) -> str:
    write_setting(path, FolderLock(path.with_name("lock")), key, value)
    return path.read_text("utf-8")


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("engine", "auto", "engine: words  #", "engine: auto  #"),
        ("categories", ["A"], "categories:\n  - Data  # as in pipelines\n  - UX\n", "categories: [A]\n"),
        ("min_frequency", 5, "min_frequency: 4\n", "min_frequency: 5\n"),
        ("variables", {"b": "y: z"}, "variables: {a: x}\n", "variables: {b: 'y: z'}\n"),
        ("web_mode", True, "variables: {a: x}\n", "variables: {a: x}\nweb_mode: true\n"),
        ("engine", None, "engine: words  # faster\n", ""),
        ("variables", None, "variables: {a: x}\n", ""),
    ],
)
def test_one_entry_changes_and_nothing_else(tmp_path: Path, key: str, value: object, before: str, after: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    assert write(path, key, value) == COMMENTED.replace(before, after)
    assert path.stat().st_mode & 0o777 == 0o600


def test_removing_what_is_not_set_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert not write_setting(path, FolderLock(tmp_path / "lock"), "web_mode", None)
    assert not path.exists()


LAYOUTS = {
    "nothing": "",
    "a comment": "# only a word\n",
    "no last newline": "engine: words",
    "no value": "engine:\n",
    "a block text": "engine: |\n  words\nmin_workflows: 3\n",
    "a folded text": "state_branch: >-\n  a\n  b\n\nengine: words\n",
    "carriage returns": "engine: auto\r\nmin_workflows: 3\r\n",
    "a marked beginning": "---\nengine: words\n",
    "a quoted key": "'engine': words\n",
    "a byte order mark": "\ufeffengine: words\n",
    "a comment at the end": "engine: words\n# the end",
}


@pytest.mark.parametrize(("key", "value"), [("engine", "meaning"), ("categories", ["A", "B"]), ("engine", None)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_any_layout_reads_as_meant_afterwards(tmp_path: Path, name: str, key: str, value: object) -> None:
    path, text = tmp_path / "config.yaml", LAYOUTS[name]
    path.write_text(text, encoding="utf-8", newline="")
    old = yaml.safe_load(text) or {}
    new = yaml.safe_load(write(path, key, value)) or {}
    assert new == {name: one for name, one in old.items() if name != key} | ({} if value is None else {key: value})


@pytest.mark.parametrize("text", ["{}\n", "{engine: words}\n", "engine: words\n...\n"])
def test_what_only_an_editor_can_change_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="Edit it"):
        write(path, "min_frequency", 5)
    assert path.read_text("utf-8") == text


def test_utf_16_is_left_alone_where_it_would_change(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("state_branch: grün\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="Edit it"):
        write(path, "min_frequency", 5)
    assert path.read_text("utf-16") == "state_branch: grün\n"


def test_a_new_file_says_how_it_came_about(tmp_path: Path) -> None:
    assert write(tmp_path / "config.yaml", "engine", "words").startswith("# Settings of orchestrator-mcp;")


@pytest.mark.parametrize("text", ["a: [", "engine: &x words", "- 1"])
def test_what_cannot_be_read_is_not_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="Nothing was set"):
        write(path, "engine", "words")
    assert path.read_text() == text


def test_two_processes_that_set_different_keys_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from orchestrator_mcp.services.config import set_setting\n"
        "from orchestrator_mcp.services.workspace import open_workspace\n"
        "at = open_workspace({}, Path(sys.argv[1]), root=sys.argv[1])\n"
        "for number in range(10, 60): set_setting(at, sys.argv[2], str(number))\n"
    )
    keys = ("min_frequency", "min_workflows", "max_store_mb")
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), key]) for key in keys]
    assert [one.wait(timeout=120) for one in running] == [0, 0, 0]
    assert yaml.safe_load((tmp_path / ".orchestrator/config.yaml").read_text()) == dict.fromkeys(keys, 59)
