"""Which verbs does an agent see, and what may a client expect of each? One row per tool."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from orchestrator_mcp.services.doctor import diagnose
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.migration import migrate_state
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import suggest_rules
from orchestrator_mcp.services.sessions import list_sessions
from orchestrator_mcp.services.snapshots import export_snapshot
from orchestrator_mcp.services.telemetry import get_agent_ranking, log_invocation, log_success_metric
from orchestrator_mcp.services.workflows import get_workflow, start_workflow, update_workflow

Toolset = Literal["default", "telemetry", "admin"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One verb and its hints. The verb's signature and docstring are the schema and the description."""

    verb: Callable[..., BaseModel]
    title: str
    toolset: Toolset = "default"
    mutating: bool = False
    """Writes to the store: not listed under `--read-only`."""
    destructive: bool = False
    """May remove or overwrite what was there."""
    idempotent: bool = True
    """Calling it again with the same arguments changes nothing more."""
    open_world: bool = False
    """Reaches beyond this machine."""
    always_load: bool = False
    """Shown in full from the start by clients that otherwise search their tools."""


TOOLS: tuple[Tool, ...] = (
    Tool(verb=record_feedback, title="Record workflow feedback", mutating=True, idempotent=False),
    Tool(verb=log_failure, title="Log a failure", mutating=True, idempotent=False, always_load=True),
    Tool(verb=review_patterns, title="Review recurring patterns"),
    Tool(verb=suggest_rules, title="Suggest rules", mutating=True),
    Tool(verb=migrate_state, title="Migrate legacy state", mutating=True),
    Tool(verb=log_invocation, title="Log an agent run", mutating=True, idempotent=False),
    Tool(verb=start_workflow, title="Start a workflow", mutating=True, idempotent=False),
    Tool(verb=update_workflow, title="Update the workflow", mutating=True, idempotent=False),
    Tool(verb=get_workflow, title="Show the workflow"),
    Tool(verb=log_success_metric, title="Judge an agent run", toolset="telemetry", mutating=True, idempotent=False),
    Tool(verb=get_agent_ranking, title="Rank agents", toolset="telemetry"),
    Tool(verb=list_sessions, title="List sessions", toolset="admin"),
    Tool(verb=export_snapshot, title="Export a snapshot", toolset="admin", mutating=True),
    Tool(verb=diagnose, title="Diagnose the store", toolset="admin"),
)
