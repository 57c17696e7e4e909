"""What a client sees of the tables, in both eras of the protocol."""

import json
from collections.abc import AsyncIterator
from typing import Any, Literal, cast

import pytest
from fakes import FakeWorkspace, echo, fake_server
from mcp import Client, MCPError
from mcp.types import (
    CallToolResult,
    RequestParamsMeta,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.tools import Tool

Mode = Literal["auto", "legacy"]
pytestmark = pytest.mark.anyio


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> Mode:
    mode: Mode = request.param
    return mode


@pytest.fixture
def workspace() -> FakeWorkspace:
    return FakeWorkspace()


@pytest.fixture
async def client(era: Mode, workspace: FakeWorkspace) -> AsyncIterator[Client]:
    async with Client(fake_server(workspace), mode=era) as connected:
        yield connected


def text_in(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def text_of_failure(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error is True
    return text_in(result)


async def test_a_tool_is_its_verb_and_its_row(client: Client) -> None:
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "echo")
    assert tool.title == "Echo"
    assert tool.description == "Say it again.\nIn a second paragraph of two lines."
    assert tool.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to say"},
            "severity": {"type": "string", "enum": ["low", "high"], "default": "low", "description": "How much"},
            "limit": {"type": "integer", "default": 10, "description": "How many"},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "Labels"},
            "request_id": {"type": "string", "description": "The same for a retry"},
        },
        "required": ["text"],
    }
    assert "title" not in json.dumps(tool.output_schema)
    assert tool.meta == {"anthropic/alwaysLoad": True}
    assert tool.annotations == ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )


async def test_every_tool_is_annotated(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        assert tool.annotations
        assert tool.annotations.read_only_hint is not None


async def test_a_call_answers_structured_content_and_the_same_as_compact_text(client: Client) -> None:
    result = await client.call_tool("echo", {"text": "hi", "tags": ["a"]})
    assert result.structured_content == {
        "text": "hi",
        "request_id": None,
        "notes": ["low", "10", "a"],
        "number": 0.0,
        "warnings": [],
    }
    assert text_in(result) == json.dumps(result.structured_content, separators=(",", ":"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"txt": "x"},
            "echo has no argument 'txt' (did you mean text?). It takes limit, request_id, severity, tags, text.",
        ),
        ({}, "echo was not called: text is required."),
        ({"text": 5}, "echo was not called: text: input should be a valid string, not 5."),
        ({"text": "a", "severity": "x"}, "severity: input should be 'low' or 'high', not \"x\"."),
        ({"text": "a", "limit": 0}, "limit: input should be greater than or equal to 1, not 0."),
    ],
)
async def test_wrong_arguments_are_answered_by_a_sentence(
    client: Client, arguments: dict[str, Any], sentence: str
) -> None:
    text = await text_of_failure(client, "echo", arguments)
    assert text.endswith(sentence)
    assert "http" not in text


async def test_an_unknown_tool_names_the_nearest(client: Client) -> None:
    assert "'eco' (did you mean echo?)" in await text_of_failure(client, "eco", {})


async def test_our_errors_reach_the_agent_as_they_are(client: Client) -> None:
    text = await text_of_failure(client, "fail", {"how": "ours"})
    assert text == "Error executing tool fail: There is no such thing . Ask for another."


@pytest.mark.parametrize("how", ["bug", "exit", "interrupt"])
async def test_anything_else_is_opaque_and_ends_nothing(
    client: Client, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = await text_of_failure(client, "fail", {"how": how})
    assert "Internal error in fail" in text
    assert "secret detail" not in text
    assert "Traceback" in caplog.text
    assert (await client.call_tool("echo", {"text": "still here"})).is_error is False


@pytest.mark.parametrize("kind", ["surrogate", "control", "long", "wide", "nan"])
async def test_poison_is_answered_within_its_limit(client: Client, kind: str) -> None:
    result = await client.call_tool("poison", {"kind": kind})
    assert result.is_error is False
    assert len(text_in(result).encode()) <= 80_000
    assert not set(text_in(result)) & set("\x00\x07\x1b\x7f\x9b\ud83d")


async def test_a_clipped_answer_says_so(client: Client) -> None:
    result = await client.call_tool("poison", {"kind": "long"})
    assert result.structured_content["warnings"] == [
        "Texts were cut to 4000 characters to keep the answer under 80000 bytes."
    ]


async def test_an_answer_that_cannot_be_clipped_says_how_to_ask_for_less(client: Client) -> None:
    assert "use limit or a filter" in await text_of_failure(client, "poison", {"kind": "many"})


async def test_the_clients_call_id_is_the_request_id_unless_one_is_given(
    client: Client, workspace: FakeWorkspace
) -> None:
    meta = cast("RequestParamsMeta", {"claudecode/toolUseId": "toolu_1"})
    await client.call_tool("echo", {"text": "a"}, meta=meta)
    await client.call_tool("echo", {"text": "a", "request_id": "mine"}, meta=meta)
    await client.call_tool("echo", {"text": "a"})
    assert workspace.seen == ["toolu_1", "mine", None]


async def test_read_only_lists_no_mutating_tool(era: Mode) -> None:
    async with Client(fake_server(read_only=True), mode=era) as client:
        assert "echo" not in {tool.name for tool in (await client.list_tools()).tools}
        assert (await client.call_tool("echo", {"text": "a"})).is_error is True


async def test_toolsets_select(era: Mode) -> None:
    async with Client(fake_server(toolsets=("admin",)), mode=era) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["noisy"]


async def test_a_workspace_that_cannot_be_opened_is_a_sentence_and_is_tried_again(era: Mode) -> None:
    tries = []

    def open_workspace() -> FakeWorkspace:
        tries.append(1)
        if len(tries) == 1:
            raise NotFoundError("No project here. Name one with --root.")
        return FakeWorkspace()

    server = build_server(open_workspace, tools=(Tool(verb=echo, title="Echo"),))
    async with Client(server, mode=era) as client:
        assert "Name one with --root." in await text_of_failure(client, "echo", {"text": "a"})
        assert (await client.call_tool("echo", {"text": "a"})).is_error is False
        await client.call_tool("echo", {"text": "a"})
    assert len(tries) == 2


async def read(client: Client, uri: str) -> dict[str, Any]:
    content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return {"text": json.loads(content.text)["text"]}


async def test_resources_are_read_by_address(client: Client) -> None:
    assert [str(row.uri) for row in (await client.list_resources()).resources] == ["fake://statistics"]
    assert await read(client, "fake://statistics") == {"text": "42"}
    assert await read(client, "fake://session/a1") == {"text": "a1"}
    with pytest.raises(MCPError, match="See list_sessions"):
        await client.read_resource("fake://session/missing")


async def test_prompts_are_rendered(client: Client) -> None:
    prompt = (await client.list_prompts()).prompts[0]
    assert [(argument.name, argument.description, argument.required) for argument in prompt.arguments or []] == [
        ("days", "How many days", False)
    ]
    content = (await client.get_prompt("weekly", {"days": "3"})).messages[0].content
    assert content == TextContent(type="text", text="Review the last 3 days .")
    with pytest.raises(MCPError, match="Give a number"):
        await client.get_prompt("weekly", {"days": "x"})


async def test_ids_are_completed(client: Client) -> None:
    reference = ResourceTemplateReference(type="ref/resource", uri="fake://session/{id}")
    some = (await client.complete(reference, {"name": "id", "value": "id14"})).completion
    assert some.values == ["id14", *(f"id14{digit}" for digit in range(10))]
    many = (await client.complete(reference, {"name": "id", "value": ""})).completion
    assert (len(many.values), many.total, many.has_more) == (100, 150, True)
    assert (await client.complete(reference, {"name": "other", "value": ""})).completion.values == []


async def test_the_client_is_told_what_to_use_when(client: Client) -> None:
    assert "log_failure" in (client.instructions or "")
    assert len((client.instructions or "").encode()) < 2048
