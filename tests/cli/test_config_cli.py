"""`orchestrator config` as a person uses it, and its page."""

import re
import shlex
from pathlib import Path

import pytest
from test_commands import as_json, done, run

from orchestrator_mcp.cli.render_settings import _value
from orchestrator_mcp.services.config import list_settings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_what_the_page_says_to_type_works_in_its_order(tmp_path: Path) -> None:
    for line in lines():
        done(tmp_path, *shlex.split(line)[1:], HOME=str(tmp_path))
    assert done(tmp_path, "config", "get", "categories") == "Data, UX\n"


def test_the_page_describes_every_key() -> None:
    rows = [
        f"| `{one.key}`{'*' if one.people_alone else ''} | {one.may_be} | {_value(one.default)} | {one.description} |"
        for one in list_settings().settings
    ]
    assert "\n".join(rows) in PAGE


def test_a_setting_is_set_shown_and_removed(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert done(tmp_path, "config", "show", HOME=home).startswith("Nothing is set.")
    assert "Set engine to words in .orchestrator" in done(tmp_path, "config", "set", "engine", "words", HOME=home)
    assert "in ~/.orchestrator" in done(tmp_path, "config", "set", "--global", "feedback_sync", "on", HOME=home)
    shown = done(tmp_path, "config", "show", "--effective", HOME=home, ORCHESTRATOR_FEEDBACK_SYNC="false")
    assert shown.startswith("Configuration (showing effective values):\n\n")
    assert "  feedback_sync: false (from: env ORCHESTRATOR_FEEDBACK_SYNC)\n" in shown
    assert "  engine: words (from: .orchestrator/config.yaml)\n" in shown
    assert "  min_frequency: 3 (from: default)\n" in shown
    assert "  variables: none (from: default)" in shown
    only = done(tmp_path, "config", "show", "--global", HOME=home)
    assert "feedback_sync: true (from: ~/.orchestrator/config.yaml)" in only
    assert "engine" not in only
    assert as_json(tmp_path, "config", "get", "engine")["value"] == "words"
    assert done(tmp_path, "--set", "engine=auto", "config", "get", "engine") == "auto\n"
    assert "Removed engine" in done(tmp_path, "config", "set", "engine", "")
    assert done(tmp_path, "config", "get", "engine") == "auto\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("config", "set", "engien", "words"), "'engien' is no setting, in .orchestrator/config.yaml (level repo)"),
        (("config", "set", "engien", ""), "Did you mean engine?"),
        (("config", "set", "min_frequency", "often"), "It may be a whole number from 2 to 1000."),
        (("config", "set", "feedback_sync", "true"), "`orchestrator config set --global feedback_sync VALUE`"),
        (("config", "set", "--global", "feedback_sync", "never"), "It may be true or false."),
        (("config", "get", "cheese"), "`orchestrator config list` names every setting."),
        (("--set", "engine=magic", "status"), "auto or words or meaning"),
        (("--set", "engine", "status"), "--set takes KEY=VALUE"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_is_written(tmp_path: Path, words: tuple, says: str) -> None:
    result = run(tmp_path, *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert says in result.stderr
    assert not (tmp_path / ".orchestrator/config.yaml").exists()


@pytest.mark.parametrize(("key", "value"), [("feedback_sync", "true"), ("bogus", "1")])
def test_what_may_not_be_set_can_be_removed(tmp_path: Path, key: str, value: str) -> None:
    done(tmp_path, "init")
    file = tmp_path / ".orchestrator/config.yaml"
    file.write_text(f"{key}: {value}\nengine: words\n")
    done(tmp_path, "config", "set", key, "")
    assert file.read_text() == "engine: words\n"


def test_without_a_home_folder_a_global_setting_says_what_to_use(tmp_path: Path) -> None:
    result = run(tmp_path, "config", "set", "--global", "engine", "words", HOME="", USERPROFILE="")
    assert result.returncode == 1
    assert "set HOME, or set ORCHESTRATOR_ENGINE instead" in result.stderr


def test_broken_settings_are_said_by_every_command_and_shown_by_one(tmp_path: Path) -> None:
    done(tmp_path, "init")
    (tmp_path / ".orchestrator/config.yaml").write_text("engine: words\ncheese: brie\n")
    log = ("failure", "log", "--context", "It broke", "--feedback", "Mend it", "--category", "api")
    result = run(tmp_path, *log)
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert "warning: A setting cannot be used; `orchestrator config show` says which, and why." in result.stderr
    assert as_json(tmp_path, *log)["warnings"] == [
        "A setting cannot be used; `orchestrator config show` says which, and why."
    ]
    shown = run(tmp_path, "config", "show")
    assert "  engine: words" in shown.stdout
    assert "'cheese' is no setting, in .orchestrator/config.yaml, line 2 (level repo)." in shown.stderr


def test_every_key_is_described(tmp_path: Path) -> None:
    shown = done(tmp_path, "config", "list")
    assert all(f"{one.key}: {one.description}\n  {one.may_be}; default" in shown for one in list_settings().settings)
    assert not (tmp_path / ".orchestrator").exists()
