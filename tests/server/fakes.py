"""A server of ten small tools over a workspace that does nothing; run as a script it speaks stdio."""

import os
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel, Field

from orchestrator_mcp.errors import NotFoundError
from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.completions import Completion
from orchestrator_mcp.server.prompts import Prompt
from orchestrator_mcp.server.resources import Resource
from orchestrator_mcp.server.tools import Tool


@dataclass
class FakeWorkspace:
    seen: list[str | None] = field(default_factory=list)
    started: Event = field(default_factory=Event)


class Echo(BaseModel):
    text: str
    request_id: str | None = None
    notes: list[str] = []
    number: float = 0
    warnings: list[str] = []


Text = Annotated[str, Field(description="What to say", max_length=300_000)]


def echo(
    workspace: FakeWorkspace,
    *,
    text: Text,
    severity: Annotated[Literal["low", "high"], Field(description="How much")] = "low",
    limit: Annotated[int, Field(description="How many", ge=1, le=100)] = 10,
    tags: Annotated[list[str] | None, Field(description="Labels")] = None,
    request_id: Annotated[str | None, Field(description="The same for a retry")] = None,
) -> Echo:
    """Say it again.

    In a second paragraph
    of two lines.

    Args:
        text: is described by its type.
    """
    workspace.seen.append(request_id)
    return Echo(text=text, request_id=request_id, notes=[severity, str(limit), *(tags or [])])


def poison(workspace: FakeWorkspace, *, kind: Annotated[str, Field(description="Which poison")]) -> Echo:
    """Answer what must not break the wire."""
    poisons = {
        "surrogate": "half an emoji \ud83d",
        "control": "\x00\x07\x1b[31m\x7f\x9b\r\u2028",
        "long": "x" * 200_000,
        "wide": "ü" * 79_000,
    }
    if kind == "many":
        return Echo(text="", notes=["y" * 400] * 2000)
    if kind == "nan":
        return Echo(text=kind, number=float("nan"))
    return Echo(text=poisons[kind], notes=[poisons[kind]])


def fail(workspace: FakeWorkspace, *, how: Annotated[str, Field(description="Which error")]) -> Echo:
    """Raise."""
    errors: dict[str, BaseException] = {
        "ours": NotFoundError("There is no such thing \udc80. Ask for another."),
        "bug": RuntimeError("secret detail"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
    }
    raise errors[how]


def slow(workspace: FakeWorkspace, *, seconds: Annotated[float, Field(description="How long")]) -> Echo:
    """Take a while."""
    time.sleep(seconds)
    return Echo(text="done")


def noisy(workspace: FakeWorkspace) -> Echo:
    """Print, here and in a child that also reads stdin."""
    print("noise on stdout", flush=True)
    os.write(1, b"noise on descriptor 1\n")
    child = subprocess.run(["/bin/sh", "-c", "echo noise of a child; cat"], check=True, timeout=5)
    return Echo(text=str(child.returncode))


def statistics(workspace: FakeWorkspace) -> Echo:
    """Numbers."""
    return Echo(text="42")


def one_session(workspace: FakeWorkspace, *, id: str) -> Echo:
    """One session."""
    if id == "missing":
        raise NotFoundError("There is no session missing. See list_sessions.")
    return Echo(text=id)


def weekly(workspace: FakeWorkspace, *, days: Annotated[str, Field(description="How many days")] = "7") -> str:
    """Review."""
    if days == "x":
        raise NotFoundError("No days. Give a number.")
    return f"Review the last {days} days \ud800."


def ids(workspace: FakeWorkspace, typed: str) -> list[str]:
    return [name for name in (f"id{number}" for number in range(150)) if name.startswith(typed)]


TOOLS = (
    Tool(verb=echo, title="Echo", mutating=True, always_load=True),
    Tool(verb=poison, title="Poison"),
    Tool(verb=fail, title="Fail"),
    Tool(verb=slow, title="Slow"),
    Tool(verb=noisy, title="Noisy", toolset="admin"),
)
RESOURCES = (
    Resource(uri="fake://statistics", read=statistics, name="statistics", title="Statistics", description="Numbers."),
    Resource(uri="fake://session/{id}", read=one_session, name="session", title="Session", description="One session."),
)
PROMPTS = (Prompt(name="weekly", render=weekly, title="Weekly", description="Review the week."),)
COMPLETIONS = (Completion(argument="id", values=ids),)


def fake_server(
    workspace: FakeWorkspace | None = None, *, read_only: bool = False, toolsets: Collection[str] = ("default", "admin")
) -> MCPServer[Any]:
    there = workspace or FakeWorkspace()
    return build_server(
        lambda: there,
        tools=TOOLS,
        resources=RESOURCES,
        prompts=PROMPTS,
        completions=COMPLETIONS,
        read_only=read_only,
        toolsets=toolsets,
    )
