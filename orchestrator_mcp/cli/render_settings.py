"""Settings and secrets as text for people."""

from typing import Any

from orchestrator_mcp.records.settings import (
    SecretChecks,
    SecretFound,
    SecretLine,
    SecretList,
    SecretWritten,
    SettingKind,
    SettingKinds,
    SettingsInForce,
    SettingValue,
    SettingWritten,
)
from orchestrator_mcp.records.wording import counted

from .layout import clean, shown, table


@shown.register
def _(result: SettingValue) -> str:
    return "" if result.value is None else _value(result.value)


@shown.register
def _(result: SettingWritten) -> str:
    if result.value is None:
        return f"Removed {result.key} from {result.file}."
    return f"Set {result.key} to {_value(result.value)} in {result.file}."


@shown.register
def _(result: SettingsInForce) -> str:
    if not result.settings:
        return "Nothing is set. `orchestrator config list` says what can be."
    what = "showing effective values" if result.effective else "showing what is set"
    lines = [f"  {clean(one.key)}: {_value(one.value)} (from: {clean(one.source)})" for one in result.settings]
    return "\n".join([f"Configuration ({what}):", "", *lines])


@shown.register
def _(result: SettingKinds) -> str:
    return "\n".join(line for one in result.settings for line in _kind(one))


def _kind(one: SettingKind) -> list[str]:
    alone = "; only with --global, in the environment or as a flag" if one.people_alone else ""
    return [f"{one.key}: {one.description}", f"  {one.may_be}; default {_value(one.default)}{alone}"]


@shown.register
def _(result: SecretWritten) -> str:
    return f"{'Replaced' if result.replaced else 'Stored'} {result.name} ({result.origin.value})."


@shown.register
def _(result: SecretList) -> str:
    if not result.secrets:
        return "No secrets in files. `orchestrator secrets set NAME` stores one."
    return _secrets(result.secrets)


@shown.register
def _(result: SecretFound) -> str:
    if result.origin is None:
        return f"{result.name} is absent. `orchestrator secrets set {result.name}` stores it."
    state = f"cannot be used: {clean(result.problem)}" if result.problem else "present, and may be used"
    return f"{result.name} ({result.origin.value}): {state}"


@shown.register
def _(result: SecretChecks) -> str:
    order = f"Looked for in this order: {', '.join(one.value for one in result.order)}."
    found = _secrets(result.secrets) if result.secrets else "No secrets in files."
    return f"{order}\n{found}\n{counted(result.problems, 'problem')}."


def _secrets(lines: list[SecretLine]) -> str:
    rows = [(one.name, one.origin.value, "yes" if one.in_force else "", one.problem or "ok") for one in lines]
    return table(("secret", "where", "used", "state"), rows)


def _value(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case list():
            return clean(", ".join(value)) or "none"
        case dict():
            return clean(", ".join(f"{name}={one}" for name, one in value.items())) or "none"
        case _:
            return clean(str(value))
