"""Settings: what can be set, what is in force and why, and setting it."""

import secrets
from enum import Enum
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.errors import ConfigError
from orchestrator_mcp.records.config import Config, ConfigLevel, Setting, allowed, for_people_alone
from orchestrator_mcp.records.settings import (
    SettingKind,
    SettingKinds,
    SettingsInForce,
    SettingValue,
    SettingWritten,
)
from orchestrator_mcp.storage.config import GLOBAL
from orchestrator_mcp.storage.config_edit import write_setting
from orchestrator_mcp.storage.config_values import PREFIX, Given, checked, from_text, nearest
from orchestrator_mcp.storage.workspace import Workspace

MASKED = "[masked]"


def set_setting(workspace: Workspace, key: str, text: str, *, everywhere: bool = False) -> SettingWritten:
    """Write a setting into the project's file, or into the person's own; an empty text removes it there.

    Args:
        workspace: the project.
        key: what to set.
        text: the value, as it would stand in the environment.
        everywhere: set it for every project of this person.

    Raises:
        ConfigError: if there is no such key, the value is none of its values, only a person's own file may have it, or
            there is nothing to remove.
    """
    repo = workspace.paths.shown(workspace.paths.config_file())
    level, file = (ConfigLevel.GLOBAL, GLOBAL) if everywhere else (ConfigLevel.REPO, repo)
    # What may not be set can be removed all the same.
    value = _plain(checked(Given(key, from_text(key, text), level, file))) if text else None
    path = _writable(workspace, key, everywhere=everywhere)
    was_set = write_setting(path, workspace.locks.of(path.parent), key, value)
    if not was_set:
        _refuse_unknown(key)
    warnings = [] if text or was_set else [f"It was not set in {file}."]
    warnings += _stronger(workspace, key, level)
    return SettingWritten(key=key, value=_masked(key, value), file=file, warnings=warnings)


def get_setting(workspace: Workspace, key: str) -> SettingValue:
    """The value in force.

    Raises:
        ConfigError: if there is no such key.
    """
    _refuse_unknown(key)
    mine = [one for one in workspace.effective().settings if one.key.partition(".")[0] == key]
    source = ", ".join(dict.fromkeys(one.source for one in mine)) or "default"
    value = _plain(getattr(workspace.config, key))
    return SettingValue(key=key, value=_masked(key, value), source=source)


def list_settings() -> SettingKinds:
    """Everything that can be set: what it may be, what it is unless set, and what it means."""
    return SettingKinds(
        settings=[
            SettingKind(
                key=key,
                may_be=allowed(key),
                default=_plain(field.default),
                description=field.description or "",
                people_alone=for_people_alone(key),
                environment=PREFIX + key.upper(),
            )
            for key, field in Config.model_fields.items()
        ]
    )


def show_settings(workspace: Workspace, *, effective: bool = False, everywhere: bool = False) -> SettingsInForce:
    """What is set, and where; with `effective` the defaults too, with `everywhere` only what the person set for all."""
    found = workspace.effective()
    empty = [Setting(key=key, value={}) for key, value in found.config if value == {}]  # has no name to be listed by
    settings = [
        _in_force(one)
        for one in (*found.settings, *empty)
        if (effective or one.level is not ConfigLevel.DEFAULT)
        and (not everywhere or one.level in {ConfigLevel.GLOBAL, ConfigLevel.FALLBACK})
    ]
    return SettingsInForce(effective=effective, settings=settings, warnings=[*found.problems, *found.notices])


def _refuse_unknown(key: str) -> None:
    if key not in Config.model_fields:
        raise ConfigError(f"There is no setting {key[:40]!r}. {nearest(key)}")


def _writable(workspace: Workspace, key: str, *, everywhere: bool) -> Path:
    """The file that a setting goes into, where it may be written."""
    if not everywhere:
        workspace.store()
        return workspace.paths.config_file()
    workspace.check_writable()
    if workspace.home is None:
        raise ConfigError(f"There is no home folder: set HOME, or set {PREFIX}{key.upper()} instead.")
    return workspace.home.config_file()


def _stronger(workspace: Workspace, key: str, level: ConfigLevel) -> list[str]:
    order = list(ConfigLevel)
    over = {
        one.source
        for one in workspace.effective().settings
        if one.key.partition(".")[0] == key and order.index(one.level) > order.index(level)
    }
    return [f"What is in force is set elsewhere: {source}." for source in sorted(over)]


def _in_force(one: Setting) -> Setting:
    return one.model_copy(update={"value": _masked(one.key, _plain(one.value))})


def _plain(value: Any) -> Any:
    """A value as YAML and JSON have it."""
    return value.value if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value


def _masked(key: str, value: Any) -> Any:
    """The value, or a mask if it, or a part of it, looks like a secret."""
    name = key.rpartition(".")[2]
    return value if redact_json({name: value}, secrets.token_bytes(16)) == {name: value} else MASKED
