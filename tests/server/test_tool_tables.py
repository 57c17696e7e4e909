"""What holds for every row of the real tables, present and future; and what they may cost a model."""

import inspect
import json
from typing import Any, NoReturn

import anyio
import pytest
from mcp import types as wire
from pydantic import BaseModel

from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.binding import face_of
from orchestrator_mcp.server.completions import COMPLETIONS
from orchestrator_mcp.server.instructions import INSTRUCTIONS
from orchestrator_mcp.server.options import TOOLSETS
from orchestrator_mcp.server.prompts import PROMPTS
from orchestrator_mcp.server.resources import RESOURCES
from orchestrator_mcp.server.tools import TOOLS, Tool

MAX_TOOLS = 10
MAX_BYTES = 8 * 1024
MAX_TEXT = 2048


def listed(**options: Any) -> list[wire.Tool]:
    def no_workspace() -> NoReturn:
        raise AssertionError("listing must not open the workspace")

    return anyio.run(build_server(no_workspace, **options).list_tools)


def shown(tools: list[wire.Tool]) -> list[dict[str, Any]]:
    return [{"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema} for tool in tools]


def test_the_default_tools_fit_their_budget() -> None:
    tools = shown(listed())
    size = len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode())
    assert len(tools) <= MAX_TOOLS
    assert size <= MAX_BYTES, f"{size} bytes: { ({tool['name']: len(json.dumps(tool)) for tool in tools}) }"


def test_read_only_lists_no_tool_that_writes() -> None:
    tools = listed(read_only=True, toolsets=TOOLSETS)
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)


def test_names_are_unique() -> None:
    for names in ([row.verb.__name__ for row in TOOLS], [row.uri for row in RESOURCES], [row.name for row in PROMPTS]):
        assert len(names) == len(set(names))
    assert len({row.argument for row in COMPLETIONS}) == len(COMPLETIONS)


def test_few_tools_are_always_loaded() -> None:
    assert sum(row.always_load for row in TOOLS) <= 2


def test_the_instructions_are_short() -> None:
    assert len(INSTRUCTIONS.encode()) < MAX_TEXT


@pytest.mark.parametrize("tool", listed(toolsets=TOOLSETS), ids=lambda tool: tool.name)
def test_every_tool_is_described_to_its_last_parameter(tool: wire.Tool) -> None:
    assert tool.title
    assert 20 <= len((tool.description or "").encode()) < MAX_TEXT
    assert all(part.get("description") for part in tool.input_schema["properties"].values())
    assert "$ref" not in json.dumps(tool.input_schema)
    assert (tool.output_schema or {}).get("type") == "object"
    assert tool.annotations
    assert tool.annotations.read_only_hint is not None


@pytest.mark.parametrize("row", TOOLS, ids=lambda row: row.verb.__name__)
def test_every_verb_takes_a_workspace_and_names_and_returns_a_model(row: Tool) -> None:
    workspace, *others = inspect.signature(row.verb).parameters.values()
    assert workspace.name == "workspace"
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in others)
    assert issubclass(face_of(row.verb).signature.return_annotation, BaseModel)
    assert row.mutating or not row.destructive
    assert row.toolset in TOOLSETS
