"""Which values does a client offer while a person types an argument? One row per argument name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_mcp.services.failures import failure_ids
from orchestrator_mcp.services.sessions import session_ids


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The argument of a prompt or of a resource's address, and `values(workspace, typed)`, best first."""

    argument: str
    values: Callable[[Any, str], Sequence[str]]


COMPLETIONS: tuple[Completion, ...] = (
    Completion(argument="session_id", values=session_ids),
    Completion(argument="failure_id", values=failure_ids),
)
