"""Every tool through a real client: both eras of the protocol in process, and a real process over stdio."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client, StdioServerParameters

from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.options import TOOLSETS
from orchestrator_mcp.server.tools import TOOLS
from orchestrator_mcp.services.workspace import open_workspace

RUN = "an invocation"
CALLS: dict[str, dict[str, Any]] = {
    "log_failure": {"context": "It broke", "feedback": "Mend it", "category": "testing", "severity": "high"},
    "record_feedback": {"learnings": "Small steps", "multi_agents": "no"},
    "review_patterns": {"all": True, "min_frequency": 2, "limit": 5},
    "suggest_rules": {},
    "migrate_state": {},
    "log_invocation": {
        "agent_name": "reviewer",
        "task_description": "Review",
        "state_features": {"task": {"type": "x"}},
    },
    "log_success_metric": {"invocation_id": RUN, "success": True, "quality_rating": 5},
    "get_agent_ranking": {"task_type": "x"},
    "list_sessions": {"limit": 3},
    "diagnose": {},
    "export_snapshot": {},
    "start_workflow": {"task": "Add a login page"},
    "update_workflow": {"action": "complete", "item": "initial_plan", "text": "Two pages and a form"},
    "get_workflow": {},
}


@asynccontextmanager
async def in_process(root: Path, mode: str) -> AsyncIterator[Client]:
    environment = {"HOME": str(root / "home")}
    server = build_server(
        lambda: open_workspace(environment, root, root=str(root), own_session=True), toolsets=TOOLSETS
    )
    async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
        yield client


@asynccontextmanager
async def over_stdio(root: Path, mode: str) -> AsyncIterator[Client]:
    command = ["-m", "orchestrator_mcp", "--toolset", "all"]
    parameters = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ), cwd=str(root))
    async with Client(parameters, mode=mode) as client:  # type: ignore[arg-type]
        yield client


async def call_all(client: Client) -> None:
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(listed) == set(CALLS) == {row.verb.__name__ for row in TOOLS}
    run = ""
    for name, arguments in CALLS.items():
        given = {key: run if value == RUN else value for key, value in arguments.items()}
        result = await client.call_tool(name, given)
        assert not result.is_error, (name, result.content)
        assert result.structured_content is not None
        jsonschema.validate(result.structured_content, listed[name].output_schema)
        assert {"warnings", "legacy_detected"} <= set(result.structured_content)
        run = result.structured_content.get("invocation_id", run)
        wrong = await client.call_tool(name, given | {"colour": "blue"})
        assert wrong.is_error
        assert "colour" in wrong.content[0].text


async def answer_about_a_failure(client: Client) -> None:
    """An entry is offered what it may be, the agent answers, and nothing is added."""

    async def call(**arguments: str) -> dict[str, Any]:
        result = await client.call_tool("log_failure", arguments)
        assert result.structured_content is not None, result.content
        return result.structured_content

    first = await call(context="Used float for money", feedback="Use Decimal for amounts", category="API")
    other = await call(context="Wrong interpreter for the tests", feedback="Activate the venv", category="API")
    said = await call(failure_id=other["id"], same_as=first["pattern"]["id"])
    assert not said["recorded"]
    assert (said["pattern"]["id"], said["pattern"]["occurrences"]) == (first["pattern"]["id"], 2)
    assert said["pattern"]["joined_by"] == "agent"
    shown = await client.read_resource(f"orchestrator://pattern/{first['pattern']['id']}")
    assert "Wrong interpreter" in shown.contents[0].text
    apart = await call(failure_id=other["id"], same_as="new")
    assert apart["pattern"]["occurrences"] == 1


async def read_all(client: Client) -> None:
    for resource in (await client.list_resources()).resources:
        assert (await client.read_resource(resource.uri)).contents
    for template in (await client.list_resource_templates()).resource_templates:
        assert "{" in template.uri_template
    for prompt in (await client.list_prompts()).prompts:
        shown = await client.get_prompt(prompt.name, {})
        assert "Call" in shown.messages[0].content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("open_client", [in_process, over_stdio])
def test_every_tool_resource_and_prompt_answers(open_client: Any, mode: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with open_client(tmp_path, mode) as client:
            await call_all(client)
            await answer_about_a_failure(client)
            await read_all(client)

    anyio.run(play)


def test_a_whole_migration_through_mcp(tmp_path: Path, shared_data: Path) -> None:
    import shutil

    shutil.copytree(shared_data / "legacy" / "workflow_project", tmp_path, dirs_exist_ok=True)

    async def play() -> None:
        async with over_stdio(tmp_path, "auto") as client:
            plan = (await client.call_tool("migrate_state", {})).structured_content
            assert (plan["action"], plan["legacy_detected"]) == ("plan", True)
            done = (await client.call_tool("migrate_state", {"dry_run": False})).structured_content
            assert (done["action"], done["legacy_detected"]) == ("migrated", False)
            review = (await client.call_tool("review_patterns", {"all": True})).structured_content
            assert "workflow_error" in {one["kind"] for one in review["patterns"]}

    (tmp_path / ".workflow_checkpoints").chmod(0o755)
    anyio.run(play)
    assert not (tmp_path / ".workflow_state.json").exists()
