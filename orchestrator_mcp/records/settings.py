"""What is answered about settings and secrets: what is in force, where it comes from, and never a secret's value."""

from enum import StrEnum
from typing import Any

from .base import Model, Result
from .config import Setting

NEEDED = {"feedback_gist": "GITHUB_TOKEN"}
"""Setting → the secret without which it is of no use."""


class SettingValue(Result):
    """One setting in force."""

    key: str
    value: Any
    source: str


class SettingWritten(Result):
    """A setting that was written, or removed if `value` is None."""

    key: str
    value: Any
    file: str


class SettingsInForce(Result):
    """What is in force, and where each value comes from. What looks like a secret is masked."""

    effective: bool
    settings: list[Setting]


class SettingKind(Model):
    """What can be set."""

    key: str
    may_be: str
    default: Any
    description: str
    people_alone: bool
    environment: str


class SettingKinds(Result):
    """Everything that can be set."""

    settings: list[SettingKind]


class SecretOrigin(StrEnum):
    """Where a secret lies, in the order in which it is looked for."""

    ENVIRONMENT = "environment"
    REPO = "repo"
    GLOBAL = "global"


class SecretLine(Model):
    """One secret: where it lies, and what is wrong with it there. Its value is never part of an answer."""

    name: str
    origin: SecretOrigin
    in_force: bool
    problem: str | None = None


class SecretList(Result):
    """Every secret that lies in a file, by name."""

    secrets: list[SecretLine]


class SecretFound(Result):
    """Whether a secret is there, and may be used."""

    name: str
    present: bool
    origin: SecretOrigin | None = None
    problem: str | None = None


class SecretChecks(Result):
    """Every secret, whether it is private and well-formed, and in which order they are looked for."""

    order: list[SecretOrigin] = list(SecretOrigin)
    secrets: list[SecretLine]
    problems: int


class SecretWritten(Result):
    """A secret that was stored."""

    name: str
    origin: SecretOrigin
    replaced: bool
