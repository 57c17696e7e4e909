"""A project in which agents worked some time ago: every stream has something in it."""

import os
from datetime import datetime
from pathlib import Path

from projects import Project

from orchestrator_mcp.records.fields import FeedbackMode, OutcomeStatus, WorkflowAction, WorkflowEventKind
from orchestrator_mcp.services.checkpoints import create_checkpoint
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.telemetry import log_invocation, log_success_metric
from orchestrator_mcp.services.workflows import start_workflow, update_workflow
from orchestrator_mcp.storage.workspace import Workspace

STORE = ".orchestrator"


def worked(project: Project, number: int) -> Workspace:
    """One agent that did everything an agent can do; its workflow is finished."""
    agent = project.agent()
    start_workflow(agent, task=f"add page {number}")
    fail(agent)
    update_workflow(agent, action=WorkflowAction.EVENT, event=WorkflowEventKind.ERROR, text="KeyError: 'user'")
    create_checkpoint(agent, message=f"half of page {number}", decisions=["use sqlite"], files=["src/page.py"])
    run = log_invocation(agent, agent_name="builder", task_description="build the page")
    log_invocation(agent, invocation_id=run.invocation_id, outcome_status=OutcomeStatus.SUCCESS)
    log_success_metric(agent, invocation_id=run.invocation_id, success=number % 2 == 0, quality_rating=4)
    record_feedback(agent, mode=FeedbackMode.AUTO, learnings="Ask for the schema before writing the query.")
    update_workflow(agent, action=WorkflowAction.FINISH, text="done")
    agent.close()
    return agent


def fail(agent: Workspace, context: str = "tests ran against the live database") -> str:
    return log_failure(agent, context=context, feedback="Set DATABASE_URL first.", category="Testing").id


def leave(project: Project, days: float) -> None:
    """All that was written so far was written at the project's present; then so many days pass."""
    date_files(project.root / STORE, project.now)
    project.wait(days=days)


def date_files(folder: Path, moment: datetime) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (moment.timestamp(), moment.timestamp()))


def sessions(project: Project) -> list[str]:
    return sorted(os.listdir(project.root / STORE / "sessions"))


def archived(project: Project) -> list[str]:
    return sorted(os.listdir(project.root / STORE / "archive"))
