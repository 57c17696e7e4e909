"""What is set here, at which of the five levels, and what of it cannot be used."""

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import ConfigError, OrchestratorError
from orchestrator_mcp.records.config import Config, ConfigLevel, Setting, for_people_alone, kind_of
from orchestrator_mcp.records.setup import Mode

from .config_values import PREFIX, Given, checked, from_text, nearest
from .paths import CONFIG, DIRECTORY, FALLBACK, HomePaths, OrchestratorPaths
from .store import mode_here, read_meta
from .yaml_files import Mapping, read_yaml

NOT_SETTINGS = frozenset({"ROOT", "SESSION_ID", "SKIP_FEEDBACK", "SNAPSHOT_PASSPHRASE", "REQUIRE", "TEST_DATA"})
"""Names after `PREFIX` that say something else: where, who, whether; and what the tests are given."""
SAID = 3  # problems that one error names
GLOBAL = f"~/{DIRECTORY}/{CONFIG}"


@dataclass(frozen=True)
class Effective:
    """The settings in force.

    Args:
        config: the values. While anything is broken, what only people may set stands at its default: nothing is sent
            and nothing is moved on half of what somebody said.
        settings: where each comes from.
        problems: what cannot be used, a sentence each.
        notices: what a person should know, and nothing suffers from.
    """

    config: Config
    settings: tuple[Setting, ...]
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def sound(self) -> Config:
        """The settings, for what must not go on with half of them.

        Raises:
            ConfigError: if anything is broken.
        """
        if self.problems:
            more = len(self.problems) - SAID
            rest = f" {more} more: `orchestrator config show`." if more > 0 else ""
            raise ConfigError(" ".join(self.problems[:SAID]) + rest)
        return self.config


class ConfigLoader:
    """Merges five levels, each over the one before; mappings name by name, while a list replaces a list.

    They are: defaults, a person's file, the project's file, the environment, flags.

    Args:
        paths: the project's.
        home: the person's, or None if there is no home folder.
        environ: the environment.
        flags: what was given on the command line, as text.

    Raises:
        ConfigError: if a flag cannot be used. All else is a problem of what is loaded, see `Effective`.
    """

    def __init__(
        self,
        paths: OrchestratorPaths,
        home: HomePaths | None = None,
        environ: AnyMapping[str, str] | None = None,
        flags: AnyMapping[str, str] | None = None,
    ) -> None:
        self._paths = paths
        self._home = home
        self._environ = environ or {}
        self._flags = [
            Given(key, from_text(key, text), ConfigLevel.FLAG, f"--set {key}") for key, text in (flags or {}).items()
        ]
        for flag in self._flags:
            checked(flag)
        mine = [home.fallback_config_file(), home.config_file()] if home else []
        self._is_mine = paths.config_file() in mine  # the home folder was named as a project
        self._watched = [*mine, paths.config_file(), paths.meta_file()]
        self._kept: tuple[list[tuple[int, ...]], Effective] | None = None

    def load_config(self) -> Effective:
        """The settings in force; files are read again only after they changed."""
        marks = [_mark(path) for path in self._watched]
        if self._kept is None or self._kept[0] != marks:
            self._kept = marks, self._load()
        return self._kept[1]

    def _load(self) -> Effective:
        found = dict(_defaults())
        problems: list[str] = []
        notices = list(_strange_names(self._environ))
        for given in self._given():
            try:
                found |= _settings(given, checked(given))
            except ConfigError as error:
                (notices if given.level is ConfigLevel.FALLBACK else problems).append(str(error))
        withheld = [key for key, one in found.items() if one.level is not ConfigLevel.DEFAULT and _is_personal(key)]
        if problems and withheld:
            notices.append(f"Until all settings can be used, these count as not set: {', '.join(withheld)}.")
        if problems:
            found |= {key: one for key, one in _defaults().items() if for_people_alone(key)}
        old = [key for key, one in found.items() if one.level is ConfigLevel.FALLBACK]
        if old:
            notices.append(f"{FALLBACK} still decides {', '.join(old)}. Move that into {GLOBAL}.")
        return Effective(Config(**_merged(found)), tuple(found.values()), tuple(problems), tuple(notices))

    def _given(self) -> Iterator[Given]:
        for path, level, source in self._files():
            try:
                values = read_yaml(path) or Mapping()
            except OrchestratorError as error:
                yield Given("", error, level, source)
                continue
            for key, value in values.items():
                yield Given(str(key), value, level, source, values.lines.get(key))
        for key in Config.model_fields:
            name = PREFIX + key.upper()
            if name in self._environ and (self._environ[name] or kind_of(key) is bool):
                yield Given(key, from_text(key, self._environ[name]), ConfigLevel.ENVIRONMENT, f"env {name}")
        yield from self._flags

    def _files(self) -> Iterator[tuple[Path, ConfigLevel, str]]:
        if self._home:
            yield self._home.fallback_config_file(), ConfigLevel.FALLBACK, FALLBACK
            yield self._home.config_file(), ConfigLevel.GLOBAL, GLOBAL
        if self._is_mine:
            return
        try:
            # Where only the settings are committed, a clone has no store yet, and the team's settings all the same.
            ours = read_meta(self._paths) is not None or mode_here(self._paths.orchestrator_dir) is Mode.SHARE_CONFIG
        except OrchestratorError:
            ours = False  # another tool's folder, whose config.yaml is none of ours
        if ours:
            yield self._paths.config_file(), ConfigLevel.REPO, self._paths.shown(self._paths.config_file())


def _settings(given: Given, value: Any) -> dict[str, Setting]:
    """A value by its key; a mapping's by the names in it, so that levels merge name by name."""
    key, _, level, source, line = given
    leaves = {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, dict) else {key: value}
    return {name: Setting(key=name, value=one, level=level, source=source, line=line) for name, one in leaves.items()}


@cache
def _defaults() -> dict[str, Setting]:
    return {
        name: setting
        for key, field in Config.model_fields.items()
        for name, setting in _settings(Given(key, None, ConfigLevel.DEFAULT, "default"), field.default).items()
    }


def _merged(found: AnyMapping[str, Setting]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, setting in found.items():
        key, dot, leaf = name.partition(".")
        if dot:
            values.setdefault(key, {})[leaf] = setting.value
        else:
            values[key] = setting.value
    return values


def _strange_names(environ: AnyMapping[str, str]) -> Iterator[str]:
    known = NOT_SETTINGS | {key.upper() for key in Config.model_fields}
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest != name and rest not in known:
            yield f"{name[:60]} is set, and nothing reads it. {nearest(rest.lower())}"


def _is_personal(name: str) -> bool:
    return for_people_alone(name.partition(".")[0])


def _mark(path: Path) -> tuple[int, ...]:
    try:
        info = path.lstat()
    except (OSError, ValueError):
        return ()
    return info.st_ino, info.st_size, info.st_mtime_ns
