"""How do the tables become an MCP server? Arguments in, results and errors out; nothing else."""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

import anyio.to_thread
from mcp import types as wire
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.records.base import with_warnings
from orchestrator_mcp.services.settings_warning import noted

from .answers import content_of, text_of
from .binding import face_of, wear
from .boundary import Boundary, protocol_error
from .completions import COMPLETIONS, Completion
from .forms import ANSWER, FORMS, UNUSABLE, asking, read
from .instructions import INSTRUCTIONS
from .prompts import PROMPTS, Prompt
from .refusals import invalid_arguments, unknown_arguments, unknown_tool
from .resources import RESOURCES, Resource
from .schema import for_arguments, without_titles
from .tools import TOOLS, Tool

_CALL_ID = "claudecode/toolUseId"
_AN_HOUR = CacheHint(3_600_000)
_MAX_COMPLETIONS = 100  # by the protocol


def build_server(
    open_workspace: Callable[[], Any],
    *,
    tools: Iterable[Tool] = TOOLS,
    resources: Iterable[Resource] = RESOURCES,
    prompts: Iterable[Prompt] = PROMPTS,
    completions: Iterable[Completion] = COMPLETIONS,
    read_only: bool = False,
    toolsets: Collection[str] = ("default",),
) -> "OrchestratorServer":
    """Build the server. The workspace is opened by the first call that needs it, and then kept."""
    boundary = Boundary(open_workspace)
    listed = [row for row in tools if row.toolset in toolsets and not (read_only and row.mutating)]
    server = OrchestratorServer([_sdk_tool(row, boundary) for row in listed])
    for resource in resources:
        _add_resource(server, resource, boundary)
    for prompt in prompts:
        _add_prompt(server, prompt, boundary)
    _add_completions(server, {row.argument: row for row in completions}, boundary)
    return server


class OrchestratorServer(MCPServer[Any]):
    """The SDK's server, with sentences for wrong arguments, and an answer even where a client spoils a form."""

    def __init__(self, tools: list[SdkTool]) -> None:
        super().__init__(
            "orchestrator-mcp",
            title="Orchestrator",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=tools,
            log_level="WARNING",
            cache_hints={"tools/list": _AN_HOUR, "prompts/list": _AN_HOUR, "resources/list": _AN_HOUR},
        )
        self._parameters = {tool.name: frozenset(tool.parameters["properties"]) for tool in tools}
        self._asking = {tool.name: tool for tool in tools if ANSWER in tool.resolved_params}

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> wire.CallToolResult | wire.InputRequiredResult:
        """Call a tool, after checking the names of what it is given.

        Raises:
            ToolError: with a sentence for the agent, whatever went wrong.
        """
        known = self._parameters.get(name)
        if known is None:
            raise ToolError(unknown_tool(name, self._parameters))
        if fault := unknown_arguments(name, arguments, known):
            raise ToolError(fault)
        if "request_id" in known and arguments.get("request_id") is None:
            arguments = {**arguments, "request_id": _call_id(context)}
        try:
            return await super().call_tool(name, arguments, context)
        except (ToolError, MCPError) as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(sanitize(invalid_arguments(name, error.__cause__))) from None
            if name not in self._asking or isinstance(error.__cause__, Refused):
                raise
            return await _without_form(self._asking[name], arguments)


class Refused(ToolError):  # noqa: N818  it is an answer
    """What a function of ours said: unlike the SDK's own errors, it is the answer."""


def _call_id(context: Context[Any, Any] | None) -> str | None:
    """Find the client's own id of this call: the same when it retries, so that a retry writes nothing twice."""
    value = ((context.request_context.meta if context else None) or {}).get(_CALL_ID)
    return value if isinstance(value, str) else None


async def _without_form(tool: SdkTool, arguments: dict[str, Any]) -> wire.CallToolResult:
    """Call a tool whose form failed on the way: nobody's word is lost because a client answers with nonsense."""
    validated = tool.fn_metadata.validate_arguments(arguments)
    result: wire.CallToolResult = await tool.fn_metadata.call_fn(tool.fn, tool.is_async, validated, {ANSWER: UNUSABLE})
    return result


def _sdk_tool(row: Tool, boundary: Boundary) -> SdkTool:
    face = face_of(row.verb)
    form = FORMS.get(row.verb)

    def call(**arguments: Any) -> wire.CallToolResult:
        answers, notes = read(form, arguments.pop(ANSWER)) if form else ({}, [])
        verb = partial(row.verb, **arguments | answers)
        content, text = boundary.ask(
            face.name, lambda at: content_of(noted(at, with_warnings(verb(at), notes))), Refused
        )
        return wire.CallToolResult(content=[wire.TextContent(text=text)], structured_content=content)

    wear(face, call, returns=face.signature.return_annotation)
    if form:
        asking(form, call, lambda function: boundary.ask(face.name, function, Refused))
    tool = SdkTool.from_function(
        call,
        title=row.title,
        annotations=wire.ToolAnnotations(
            read_only_hint=not row.mutating,
            destructive_hint=row.destructive,
            idempotent_hint=row.idempotent,
            open_world_hint=row.open_world,
        ),
        meta={"anthropic/alwaysLoad": True} if row.always_load else None,
    )
    tool.parameters = for_arguments(tool.parameters)
    tool.fn_metadata.output_schema = without_titles(tool.fn_metadata.output_schema or {})
    tool.fn_metadata.output_model = None  # validating the dump of a model against that model finds nothing
    return tool


def _add_resource(server: MCPServer[Any], row: Resource, boundary: Boundary) -> None:
    def read(**arguments: Any) -> str:
        return boundary.ask(row.name, lambda at: text_of(row.read(at, **arguments)), ResourceError)

    add = server.resource(row.uri, name=row.name, title=row.title, description=row.description, mime_type=row.mime_type)
    add(wear(face_of(row.read), read, returns=str))


def _add_prompt(server: MCPServer[Any], row: Prompt, boundary: Boundary) -> None:
    def render(**arguments: Any) -> str:
        return boundary.ask(row.name, lambda at: text_of(row.render(at, **arguments)), protocol_error)

    add = server.prompt(name=row.name, title=row.title, description=row.description)
    add(wear(face_of(row.render), render, returns=str))


def _add_completions(server: MCPServer[Any], rows: dict[str, Completion], boundary: Boundary) -> None:
    def values(argument: str, typed: str) -> list[str]:
        row = rows.get(argument)
        found = boundary.ask(argument, lambda at: row.values(at, typed), protocol_error) if row else ()
        return [sanitize(value) for value in found]

    async def complete(_ref: object, argument: wire.CompletionArgument, _context: object) -> wire.Completion:
        found = await anyio.to_thread.run_sync(partial(values, argument.name, argument.value))
        more = len(found) > _MAX_COMPLETIONS
        return wire.Completion(values=found[:_MAX_COMPLETIONS], total=len(found), has_more=more)

    server.completion()(complete)  # type: ignore[no-untyped-call]
