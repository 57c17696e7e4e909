"""The telemetry classes under the names their users know, over the same verbs as every other face."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator_mcp.records.fields import FeedbackSource, OutcomeStatus
from orchestrator_mcp.records.telemetry import AgentRank
from orchestrator_mcp.storage.workspace import Workspace

from . import telemetry
from .workspace import open_workspace

STATISTICS = "performance_stats.json"


class _OverWorkspace:
    """Opens the workspace of a project: the one named, else the one the current folder belongs to."""

    def __init__(self, root: str | Path | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self.workspace: Workspace = open_workspace(
            os.environ if environ is None else environ, Path.cwd(), root=str(root) if root else None
        )


class TelemetryLogger(_OverWorkspace):
    """Logs runs of agents and how they were judged."""

    def log_invocation(
        self,
        agent_name: str,
        agent_type: str,
        task_description: str,
        state_features: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Start a run; returns its invocation id."""
        return telemetry.log_invocation(
            self.workspace,
            agent_name=agent_name,
            agent_type=agent_type,
            task_description=task_description,
            state_features=state_features,
            **more,
        ).invocation_id

    def update_invocation(
        self,
        invocation_id: str,
        duration_seconds: float | None = None,
        outcome_status: str | None = None,
        files_modified: list[str] | None = None,
        **more: Any,
    ) -> None:
        """Finish a run, or add to what is known of it; what is left out stays as it was."""
        telemetry.log_invocation(
            self.workspace,
            invocation_id=invocation_id,
            duration_seconds=duration_seconds,
            outcome_status=None if outcome_status is None else OutcomeStatus(outcome_status),
            files_modified=files_modified,
            **more,
        )

    def log_success_metric(
        self,
        invocation_id: str,
        success: bool,
        quality_rating: int | None = None,
        feedback_notes: str | None = None,
        feedback_source: str = "human",
        **more: Any,
    ) -> str:
        """Judge a run; returns the judgement's id."""
        return telemetry.log_success_metric(
            self.workspace,
            invocation_id=invocation_id,
            success=success,
            quality_rating=quality_rating,
            feedback_notes=feedback_notes,
            feedback_source=FeedbackSource(feedback_source),
            **more,
        ).id


class TelemetryAnalyzer(_OverWorkspace):
    """Reads what was logged."""

    def save_statistics(self) -> Path:
        """Write `reports/performance_stats.json`, a derived file; returns where."""
        found = telemetry.statistics(self.workspace).model_dump(mode="json")
        self.workspace.write_report(STATISTICS, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return self.workspace.paths.reports_dir() / STATISTICS

    def print_summary(self) -> None:
        """Print the figures of each agent."""
        found = telemetry.statistics(self.workspace)
        print(f"{found.total_invocations} invocations")  # noqa: T201
        for name, agent in found.agents.items():
            rate = "not judged yet" if agent["success_rate"] is None else f"{agent['success_rate']:.0%} success"
            print(f"  {name}: {agent['invocation_count']} runs, {rate} (n={agent['judged_count']})")  # noqa: T201

    def get_agent_ranking(self, task_type: str | None = None) -> list[AgentRank]:
        """The agents with enough judged runs, best first."""
        return telemetry.get_agent_ranking(self.workspace, task_type=task_type).agents
