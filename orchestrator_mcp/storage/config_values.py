"""Is this a value of that key, here? If not, what may it be?"""

import difflib
import json
from typing import Any, NamedTuple

from pydantic import ValidationError

from orchestrator_mcp.errors import ConfigError, OrchestratorError
from orchestrator_mcp.records.config import Config, ConfigLevel, allowed, for_people_alone, kind_of

from .environment import FALSE

PREFIX = "ORCHESTRATOR_"
_SWITCH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(FALSE, False)
# Any other word is refused: what switches something on must not be taken out of a word that may mean the opposite.


class Given(NamedTuple):
    """A value as it was found: `key` may be no key, and `value` no value of it, or why a whole file cannot be read."""

    key: str
    value: Any
    level: ConfigLevel
    source: str
    line: int | None = None

    @property
    def place(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.source}{line} (level {self.level.value})"


def checked(given: Given) -> Any:
    """A given value, in the type of its key.

    Raises:
        ConfigError: naming key, place, and what it may be. The value is not repeated: it may be a secret.
    """
    key = given.key
    if isinstance(given.value, OrchestratorError):
        raise ConfigError(f"{given.value} Until then the settings of level {given.level.value} are out of force.")
    if key not in Config.model_fields:
        raise ConfigError(f"{key[:40]!r} is no setting, in {given.place}. {nearest(key)}")
    if given.level is ConfigLevel.REPO and for_people_alone(key):
        raise ConfigError(
            f"{key} may not be set in {given.place}, as that file may have come with a clone. "
            f"Set it with `orchestrator config set --global {key} VALUE`, or with {PREFIX}{key.upper()}."
        )
    try:
        return getattr(Config(**{key: given.value}), key)
    except ValidationError:
        raise ConfigError(f"The value of {key} in {given.place} cannot be used. It may be {allowed(key)}.") from None


def from_text(key: str, text: str) -> Any:
    """What a text from the environment or the command line stands for; a text that is none of its key stays one."""
    kind = kind_of(key) if key in Config.model_fields else str
    try:
        if kind is bool:
            return _SWITCH.get(text.strip().lower(), text)
        if kind is tuple:
            return [part.strip() for part in text.split(",") if part.strip()]
        return int(text) if kind is int else json.loads(text) if kind is dict else text.strip()
    except (ValueError, RecursionError):
        return text


def nearest(key: str) -> str:
    """A word on what may have been meant by a key that is none."""
    near = difflib.get_close_matches(key, Config.model_fields, n=1)
    return f"Did you mean {near[0]}?" if near else "`orchestrator config list` names every setting."
