"""Settings: five levels, each over the one before, and nothing that is broken keeps anybody from working."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from projects import Project

from orchestrator_mcp.errors import ConfigError
from orchestrator_mcp.records.config import Config, ConfigLevel, Engine, for_people_alone
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.config import NOT_SETTINGS
from orchestrator_mcp.storage.workspace import Workspace

LEVELS = [one for one in ConfigLevel if one is not ConfigLevel.DEFAULT]
TEXTS = ["one", "two", "three", "four", "five"]
NUMBERS = [11, 12, 13, 14, 15]
BOOLEANS = [True, False, True, False, True]
VALUES = {
    "feedback_sync": BOOLEANS,
    "feedback_endpoint": TEXTS,
    "feedback_gist": TEXTS,
    "feedback_on_finish": BOOLEANS,
    "categories": [[one, "also"] for one in TEXTS],
    "engine": ["words", "meaning", "auto", "words", "meaning"],
    "min_frequency": NUMBERS,
    "min_workflows": NUMBERS,
    "max_store_mb": NUMBERS,
    "web_mode": BOOLEANS,
    "state_branch": TEXTS,
    "state_remote": TEXTS,
    "auto_migrate": BOOLEANS,
    "secrets_repo": TEXTS,
    "claude_binary": TEXTS,
    "variables": [{"name": one} for one in TEXTS],
}
"""For each key a value per level; neighbours differ."""


class World:
    """A project and a home folder, in which each level can be given settings."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "project", folder / "home"
        self.root.mkdir()
        self.home.mkdir()
        self.environ = {"HOME": str(self.home)}
        self.flags: dict[str, str] = {}
        self.open().store()

    def file(self, level: ConfigLevel) -> Path:
        file = {
            ConfigLevel.FALLBACK: self.home / ".config/orchestrator/config.yaml",
            ConfigLevel.GLOBAL: self.home / ".orchestrator/config.yaml",
            ConfigLevel.REPO: self.root / ".orchestrator/config.yaml",
        }[level]
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def give(self, level: ConfigLevel, **settings: object) -> None:
        if level is ConfigLevel.ENVIRONMENT:
            self.environ |= {f"ORCHESTRATOR_{key.upper()}": as_text(value) for key, value in settings.items()}
        elif level is ConfigLevel.FLAG:
            self.flags |= {key: as_text(value) for key, value in settings.items()}
        else:
            self.file(level).write_text(yaml.safe_dump(settings), encoding="utf-8")

    def open(self) -> Workspace:
        return open_workspace(self.environ, self.root, root=str(self.root), flags=self.flags)


def as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)


def plain(config: Config) -> dict[str, object]:
    return config.model_dump(mode="json")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_table_has_every_key() -> None:
    assert list(VALUES) == list(Config.model_fields)


@pytest.mark.parametrize("key", VALUES)
def test_each_level_overrides_those_before_it_for_every_key(world: World, key: str) -> None:
    assert plain(world.open().config) == plain(Config())
    expected, said_by = plain(Config())[key], ConfigLevel.DEFAULT
    for level, value in zip(LEVELS, VALUES[key], strict=True):
        world.give(level, **{key: value})
        workspace = world.open()
        if level is ConfigLevel.REPO and for_people_alone(key):
            assert f"{key} may not be set in .orchestrator/config.yaml" in workspace.effective().problems[0]
            world.file(level).unlink()
        else:
            expected, said_by = value, level
        assert plain(world.open().config)[key] == expected, level
        (setting,) = [one for one in world.open().effective().settings if one.key.partition(".")[0] == key]
        assert setting.level is said_by
        assert not world.open().effective().problems


@pytest.mark.parametrize("key", VALUES)
@pytest.mark.parametrize("level", LEVELS)
def test_a_key_at_one_level_is_in_force_and_says_where_it_stands(world: World, level: ConfigLevel, key: str) -> None:
    value = VALUES[key][0]
    world.give(level, **{key: value})
    found = world.open().effective()
    if level is ConfigLevel.REPO and for_people_alone(key):
        assert plain(found.config) == plain(Config())
        return
    assert plain(found.config)[key] == value
    (setting,) = [one for one in found.settings if one.level is not ConfigLevel.DEFAULT]
    in_files = {
        ConfigLevel.FALLBACK: "~/.config/orchestrator/config.yaml",
        ConfigLevel.GLOBAL: "~/.orchestrator/config.yaml",
        ConfigLevel.REPO: ".orchestrator/config.yaml",
    }
    elsewhere = {ConfigLevel.ENVIRONMENT: f"env ORCHESTRATOR_{key.upper()}", ConfigLevel.FLAG: f"--set {key}"}
    assert (setting.level, setting.source) == (level, (in_files | elsewhere)[level])
    assert setting.line == (1 if level in in_files else None)
    assert bool(found.notices) == (level is ConfigLevel.FALLBACK)


def test_mappings_are_merged_name_by_name_and_lists_replaced(world: World) -> None:
    world.give(ConfigLevel.GLOBAL, variables={"a": "mine", "b": "mine"}, categories=["Data"])
    world.give(ConfigLevel.REPO, variables={"b": "ours", "c": "ours"}, categories=["UX"])
    found = world.open().effective()
    assert found.config.variables == {"a": "mine", "b": "ours", "c": "ours"}
    assert found.config.categories == ("UX",)
    assert {one.key: one.level for one in found.settings if one.key.startswith("variables")} == {
        "variables.a": ConfigLevel.GLOBAL,
        "variables.b": ConfigLevel.REPO,
        "variables.c": ConfigLevel.REPO,
    }


@pytest.mark.parametrize(
    ("text", "on"),
    [("1", True), ("true", True), ("Yes", True), ("0", False), ("FALSE", False), (" no ", False), ("off", False)],
)
def test_a_switch_in_the_environment_says_yes_or_no(world: World, text: str, on: bool) -> None:
    world.give(ConfigLevel.GLOBAL, feedback_sync=not on)
    world.environ["ORCHESTRATOR_FEEDBACK_SYNC"] = text
    assert world.open().config.feedback_sync is on


@pytest.mark.parametrize("word", ["never", "n", "disabled", "fasle", "maybe", "2"])
def test_no_other_word_switches_anything_on(world: World, word: str) -> None:
    world.environ["ORCHESTRATOR_FEEDBACK_SYNC"] = word
    found = world.open().effective()
    assert not found.config.feedback_sync
    assert "true or false" in found.problems[0]


def test_an_empty_variable_turns_a_switch_off_and_leaves_all_else_as_it_is(world: World) -> None:
    world.give(ConfigLevel.GLOBAL, feedback_sync=True, min_frequency=7, categories=["Data"])
    for key in ("FEEDBACK_SYNC", "MIN_FREQUENCY", "CATEGORIES"):
        world.environ[f"ORCHESTRATOR_{key}"] = ""
    config = world.open().config
    assert (config.feedback_sync, config.min_frequency, config.categories) == (False, 7, ("Data",))


WRONG = {
    "a word for a number": ("min_frequency: often", "min_frequency in {file}, line 1", "a whole number from 2 to 1000"),
    "a text that is digits": ("min_frequency: '7'", "line 1", "a whole number from 2 to 1000"),
    "too small a number": ("min_frequency: 1", "line 1", "a whole number from 2 to 1000"),
    "a switch for a number": ("max_store_mb: yes", "line 1", "a whole number from 10 to 1000000"),
    "a text for a switch": ("feedback_on_finish: 'yes'", "line 1", "true or false"),
    "nothing for a switch": ("feedback_on_finish:", "line 1", "true or false"),
    "a text for a list": ("categories: Data", "line 1", "a list of at most 50 short names"),
    "a number in a list": ("categories: [1]", "line 1", "a list of at most 50 short names"),
    "an empty name in a list": ("categories: ['']", "line 1", "a list of at most 50 short names"),
    "no such engine": ("# first\nengine: magic", "line 2", "auto or words or meaning"),
    "a date": ("state_branch: 2020-01-01", "line 1", "a text of 1 to 300 characters"),
    "a text for a mapping": ("variables: x", "line 1", "a mapping of names to texts"),
    "a switch for a name": ("variables: {on: x}", "line 1", "a mapping of names to texts"),
    "a near miss": ("min_frequenzy: 3", "'min_frequenzy' is no setting, in {file}, line 1", "mean min_frequency?"),
    "no key at all": ("cheese: brie", "'cheese' is no setting, in {file}, line 1", "`orchestrator config list`"),
    "a number for a key": ("7: brie", "'7' is no setting", "`orchestrator config list`"),
}


@pytest.mark.parametrize("level", [ConfigLevel.GLOBAL, ConfigLevel.REPO])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_key_level_file_and_line(world: World, name: str, level: ConfigLevel) -> None:
    text, *says = WRONG[name]
    world.file(level).write_text(f"{text}\nmin_workflows: 9\n", encoding="utf-8")
    found = world.open().effective()
    (problem,) = found.problems
    file = "~/.orchestrator/config.yaml" if level is ConfigLevel.GLOBAL else ".orchestrator/config.yaml"
    assert all(one.format(file=file) in problem for one in [*says, "{file}", f"level {level.value}"])
    assert found.config.min_workflows == 9, "what is right beside it holds"
    with pytest.raises(ConfigError, match=r"orchestrator/config\.yaml"):
        found.sound()


def too_large(path: Path) -> None:
    path.write_bytes(b"variables: {a: " + b"x" * 10_000_000 + b"}")


def linked(path: Path) -> None:
    other = path.with_name("other.yaml")
    other.write_text("min_workflows: 9\n")
    path.symlink_to(other)


def linked_hard(path: Path) -> None:
    linked(path)
    path.unlink()
    path.hardlink_to(path.with_name("other.yaml"))


HOSTILE: dict[str, Callable[[Path], object]] = {
    "bomb": lambda path: path.write_text("a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(20))),
    "tag": lambda path: path.write_text("engine: !!python/object/apply:os.system ['true']"),
    "alias": lambda path: path.write_text("engine: &x words\nstate_branch: *x"),
    "merge": lambda path: path.write_text("variables: {}\nb:\n  <<: {c: 1}"),
    "twice": lambda path: path.write_text("engine: words\nengine: auto"),
    "tab": lambda path: path.write_text("variables:\n\ta: b"),
    "deep": lambda path: path.write_text("variables: " + "[" * 5_000),
    "list": lambda path: path.write_text("- engine"),
    "no utf-8": lambda path: path.write_bytes(b"engine: \xff"),
    "large": too_large,
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "link": linked,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "second name": linked_hard,
}


@pytest.mark.parametrize("level", [ConfigLevel.FALLBACK, ConfigLevel.GLOBAL, ConfigLevel.REPO])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_out_of_force_and_nobody_is_kept_from_working(
    world: World, name: str, level: ConfigLevel
) -> None:
    HOSTILE[name](world.file(level))
    workspace = world.open()
    found = workspace.effective()
    said = found.notices if level is ConfigLevel.FALLBACK else found.problems
    assert len(said) == 1
    assert f"level {level.value}" in said[0]
    assert str(world.file(level)) in said[0]
    assert plain(found.config) == plain(Config())
    log_failure(workspace, context="It broke", feedback="Mend it", category="API")
    assert len(workspace.read(Failure).records) == 1


@pytest.mark.parametrize("broken", ["cheese: brie\n", "a: [", "feedback_sync: true\n"])
def test_while_anything_is_broken_nothing_that_only_people_set_is_in_force(world: World, broken: str) -> None:
    world.give(ConfigLevel.GLOBAL, feedback_sync=True, feedback_endpoint="https://example.org", min_frequency=7)
    assert world.open().config.feedback_sync is True
    world.file(ConfigLevel.REPO).write_text(broken)
    found = world.open().effective()
    assert (found.config.feedback_sync, found.config.feedback_endpoint, found.config.min_frequency) == (False, None, 7)
    assert "feedback_sync, feedback_endpoint" in found.notices[-1]
    shown = {one.key: one.value for one in found.settings}
    assert shown["feedback_sync"] is False


def test_one_error_names_few_problems(world: World) -> None:
    world.give(ConfigLevel.REPO, **{f"k{n}": "x" * 100 for n in range(200)})
    with pytest.raises(ConfigError, match=r"197 more: `orchestrator config show`\.$") as caught:
        world.open().effective().sound()
    assert len(str(caught.value)) < 600


def test_a_value_is_never_part_of_what_is_said_about_it(world: World) -> None:
    world.give(ConfigLevel.GLOBAL, min_frequency="hunter2secret", engine=["hunter2secret"])
    world.environ["ORCHESTRATOR_MAX_STORE_MB"] = "hunter2secret"
    found = world.open().effective()
    assert len(found.problems) == 3
    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(world.open().settings)


def test_the_project_is_asked_only_where_the_store_is_ours(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").mkdir()
    (tmp_path / ".orchestrator/config.yaml").write_text("min_frequency: 9\ncheese: brie\n")
    found = open_workspace({}, tmp_path, root=str(tmp_path)).effective()
    assert (found.config.min_frequency, found.problems) == (3, ())


def test_a_clone_that_brings_a_teams_settings_alone_has_them_at_once(world: World, tmp_path: Path) -> None:
    from orchestrator_mcp.records.setup import Mode
    from orchestrator_mcp.storage.ignoring import ignore_text

    folder = tmp_path / "clone/.orchestrator"
    folder.mkdir(parents=True)
    (folder / ".gitignore").write_bytes(ignore_text(Mode.SHARE_CONFIG))
    (folder / "config.yaml").write_text("categories: [Data]\n")
    clone = open_workspace({}, folder.parent, root=str(folder.parent))
    log_failure(clone, context="It broke", feedback="Mend it", category="data")
    assert clone.read(Failure).records[0].category == "Data"


def test_names_of_the_environment_that_nothing_reads_are_only_noticed(world: World) -> None:
    world.environ |= {f"ORCHESTRATOR_{name}": "1" for name in NOT_SETTINGS - {"ROOT", "SESSION_ID"}}
    assert world.open().effective().notices == ()
    world.environ |= {"ORCHESTRATOR_FEEDBACK_SINK": "1", "ORCHESTRATORX": "1"}
    found = world.open().effective()
    assert found.problems == ()
    assert found.notices == ("ORCHESTRATOR_FEEDBACK_SINK is set, and nothing reads it. Did you mean feedback_sync?",)


def test_what_another_program_left_in_the_fallback_is_noticed_and_passed_over(world: World) -> None:
    world.file(ConfigLevel.FALLBACK).write_text("secrets_repo: me/secrets\nsops_key: x\nmin_frequency: '3'\n")
    found = world.open().effective()
    assert (found.config.secrets_repo, found.problems) == ("me/secrets", ())
    assert len(found.notices) == 3
    assert "still decides secrets_repo" in found.notices[-1]


@pytest.mark.parametrize("home", [None, "", "not/from/the/root", "/nowhere/at/all"])
def test_without_a_home_folder_everything_works(tmp_path: Path, home: str | None) -> None:
    environ = {"ORCHESTRATOR_ENGINE": "words"} | ({} if home is None else {"HOME": home})
    workspace = open_workspace(environ, tmp_path, root=str(tmp_path))
    assert workspace.config.engine is Engine.WORDS
    log_failure(workspace, context="It broke", feedback="Mend it", category="API")
    assert workspace.effective().problems == ()


def test_the_home_folder_as_a_project_has_the_persons_file(world: World) -> None:
    world.give(ConfigLevel.GLOBAL, feedback_sync=True)
    workspace = open_workspace(world.environ, world.home, root=str(world.home))
    assert workspace.config.feedback_sync is True
    assert workspace.effective().problems == ()


def test_a_flag_that_is_no_setting_is_refused_at_once(world: World) -> None:
    for flags in ({"cheese": "brie"}, {"min_frequency": "often"}):
        with pytest.raises(ConfigError, match="level flag"):
            open_workspace(world.environ, world.root, flags=flags)


def test_a_long_lived_process_notices_a_changed_file_and_reads_no_other(world: World, monkeypatch) -> None:
    from orchestrator_mcp.storage import config

    reads: list[Path] = []
    read_yaml = config.read_yaml
    monkeypatch.setattr(config, "read_yaml", lambda path: (reads.append(path), read_yaml(path))[1])
    world.give(ConfigLevel.REPO, min_frequency=7)
    workspace = world.open()
    assert [workspace.config.min_frequency for _ in range(5)] == [7] * 5
    assert len(reads) == 3, "each file once"
    world.give(ConfigLevel.REPO, min_frequency=12)
    assert workspace.config.min_frequency == 12
    world.file(ConfigLevel.REPO).unlink()
    assert workspace.config.min_frequency == 3


def test_a_failure_of_a_known_category_needs_no_settings(project: Project, monkeypatch) -> None:
    """The settings may be in any state, and what they cost does not matter."""
    from orchestrator_mcp.services import inputs

    monkeypatch.setattr(Workspace, "effective", lambda _: pytest.fail("asked for settings"))
    assert inputs.check_category(project.agent(), " testing ") == "Testing"
