"""A workflow driven only through MCP, by a real client over stdio; then feedback and a review learn from it."""

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.services.workspace import open_workspace


@asynccontextmanager
async def client_of(root: Path, *flags: str):
    command = ["-m", "orchestrator_mcp", *flags]
    parameters = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ), cwd=str(root))
    async with Client(parameters, mode="auto") as client:
        yield client


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def test_feedback_is_inferred_from_a_workflow_that_only_mcp_wrote(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()

    async def play() -> None:
        async with client_of(tmp_path) as client:
            started = await call(client, "start_workflow", task="Add a login page")
            assert started["phases"][0] == {"id": "PLAN", "status": "active", "items": 7, "completed": 0, "skipped": 0}

            async def update(action: str, **said: Any) -> dict[str, Any]:
                return await call(client, "update_workflow", action=action, **said)

            await update("complete", item="parallel_execution_check", text="Two parts")
            await update("event", event="parallel_agents", text="One for each page")
            await update("complete", item="initial_plan")
            await update("skip", item="check_roadmap", text="There is none")
            view = await update("advance")
            assert view["warnings"][0].startswith("Required items are still open: clarifying_questions")
            await update("complete", item="write_tests")
            await update(
                "event", event="command", command="pytest", exit_code=1, text="E   ImportError: No module named 'yaml'"
            )
            await update(
                "event", event="command", command="orchestrator workflow sow", exit_code=2, text="invalid choice: 'sow'"
            )
            await update("event", event="error", text="Connection to the test database timed out")
            await update("event", event="command", command="pytest", exit_code=0, text="3 passed")
            await update("complete", item="implement_code")
            await update("advance")
            await update("event", event="review_completed", item="security", text="Fine")
            await update("complete", item="security_review")
            await update("event", event="review_failed", item="quality", text="No API key")
            await update("skip", item="vibe_coding_review", text="No key")
            await update("advance")
            await update("pause", text="Lunch")
            await update("resume")
            await update("advance")
            await update(
                "complete", item="document_learnings", text="Small steps worked well. The mock setup was tricky."
            )
            open_now = (await call(client, "get_workflow"))["open_items"]
            assert "capture_workflow_feedback" in {item["id"] for item in open_now}
            await update("complete", item="capture_workflow_feedback")
            ended = await update("finish", text="Shipped")
            assert (ended["status"], ended["open_items"]) == ("completed", [])
            answer = await call(client, "record_feedback")
            assert answer["workflow_id"] == started["workflow_id"]
            assert answer["warnings"] == []
            inferred = answer["inferred"]
            assert list(inferred["phases"]) == ["PLAN", "EXECUTE", "REVIEW", "VERIFY", "LEARN"]
            assert inferred["items_skipped"] == ["check_roadmap", "vibe_coding_review"]
            assert (inferred["orchestrator_errors"], inferred["project_errors"]) == (1, 2)
            assert (inferred["phase0_guidance_used"], inferred["parallel_agents_used"]) == (True, True)
            assert inferred["reviews_worked"] is True
            assert inferred["what_went_well"]["text"] == "Small steps worked well."
            review = await call(client, "review_patterns", all=True)
            assert review["counts"]["workflows"] == 1

    anyio.run(play)
    at = open_workspace({"HOME": str(tmp_path)}, tmp_path, root=str(tmp_path))
    (process,), (tool,) = at.read(ProcessFeedback).records, at.read(ToolFeedback).records
    assert process.task == "Add a login page"
    assert process.project_errors == [
        "ImportError: No module named 'yaml'",
        "Connection to the test database timed out",
    ]
    assert process.learnings == "Small steps worked well. The mock setup was tricky."
    assert process.challenges == "The mock setup was tricky."
    assert process.custom_workflow_items == []
    assert (tool.items_skipped, tool.items_skipped_pct) == (["check_roadmap", "vibe_coding_review"], 0.25)
    assert set(tool.phases or {}) == {"PLAN", "EXECUTE", "REVIEW", "VERIFY", "LEARN"}


def test_what_is_refused_is_a_sentence(tmp_path: Path) -> None:
    async def refused(client: Client, tool: str, /, **arguments: Any) -> str:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        return result.content[0].text  # type: ignore[union-attr]

    async def play() -> None:
        async with client_of(tmp_path) as client:
            assert "No workflow is running" in await refused(client, "update_workflow", action="advance")
            assert (await call(client, "get_workflow"))["workflow_id"] is None
            await call(client, "start_workflow", task="x")
            assert "Did you mean initial_plan?" in await refused(
                client, "update_workflow", action="complete", item="inital_plan"
            )
            assert "skip needs text, the reason," in await refused(
                client, "update_workflow", action="skip", item="initial_plan"
            )
            for arguments, name in (
                ({"action": "undo"}, "action"),
                ({"action": "note", "text": "x" * 20_001}, "text"),
                ({"action": "event", "event": "command", "command": "x", "exit_code": "1"}, "exit_code"),
                ({"action": "advance", "colour": "blue"}, "colour"),
            ):
                assert name in await refused(client, "update_workflow", **arguments)
            assert (await call(client, "get_workflow"))["revision"] == 2
        async with client_of(tmp_path, "--read-only") as client:
            assert not {"start_workflow", "update_workflow"} & {tool.name for tool in (await client.list_tools()).tools}

    anyio.run(play)


def test_the_clients_own_call_id_makes_a_retry_harmless(tmp_path: Path) -> None:
    async def play() -> None:
        async with client_of(tmp_path) as client:
            meta: Any = {"claudecode/toolUseId": "toolu_01A09q90qw90lq917835lq9"}
            await client.call_tool("start_workflow", {"task": "x"})
            for _ in range(3):
                result = await client.call_tool("update_workflow", {"action": "advance"}, meta=meta)
                assert result.structured_content
                assert (result.structured_content["phase"], result.structured_content["revision"]) == ("EXECUTE", 4)

    anyio.run(play)


@pytest.mark.parametrize("name", ["start_workflow", "update_workflow", "get_workflow"])
def test_answers_stay_small(tmp_path: Path, name: str) -> None:
    async def play() -> None:
        async with client_of(tmp_path) as client:
            first = await client.call_tool("start_workflow", {"task": "x" * 20_000})
            if name == "update_workflow":
                for _ in range(4):
                    first = await client.call_tool(name, {"action": "advance"})
            if name == "get_workflow":
                first = await client.call_tool(name, {})
            assert len(first.content[0].text.encode()) < 4096  # type: ignore[union-attr]

    anyio.run(play)
