"""The server as a process: nothing but JSON-RPC on stdout, whatever comes in and whatever the tools do."""

import pytest
from processes import HANG, Server, request

ECHO = {"name": "echo", "arguments": {"text": "hi"}}


def test_the_opening_of_an_older_client(server: Server) -> None:
    assert {tool["name"] for tool in server.ask(request(1, "tools/list"))["result"]["tools"]} >= {"echo", "fail"}
    assert server.call("echo", {"text": "grüße"})["result"]["structuredContent"]["text"] == "grüße"


def test_the_opening_of_a_newer_client() -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    with Server() as server:
        found = server.ask(request(1, "server/discover", {"_meta": meta}))["result"]
        assert "2026-07-28" in found["supportedVersions"]
        called = server.ask(request(2, "tools/call", ECHO | {"_meta": meta | {"claudecode/toolUseId": "toolu_9"}}))
        assert called["result"]["structuredContent"]["request_id"] == "toolu_9"


def test_prints_and_children_do_not_reach_stdout(server: Server) -> None:
    assert server.call("noisy", {})["result"]["structuredContent"]["text"] == "0"
    assert server.ask(request(2, "ping"))["id"] == 2
    server.stdin.close()
    server.process.wait(HANG)
    assert server.read_or_end() is None
    heard = server.errors()
    assert all(noise in heard for noise in ("noise on stdout", "noise on descriptor 1", "noise of a child"))


@pytest.mark.parametrize("kind", ["surrogate", "control", "long", "wide", "many", "nan"])
def test_poisoned_results_are_answered(server: Server, kind: str) -> None:
    assert server.call("poison", {"kind": kind})["id"] == "call"
    assert server.ask(request(2, "ping"))["id"] == 2


@pytest.mark.parametrize("how", ["bug", "exit", "interrupt"])
def test_a_tool_cannot_end_the_server(server: Server, how: str) -> None:
    assert server.call("fail", {"how": how})["result"]["isError"] is True
    assert server.ask(request(2, "ping"))["id"] == 2
    assert "Traceback" in server.errors()


def test_what_is_said_twice_in_an_answer_shape_is_a_request(server: Server) -> None:
    assert server.ask(request(5, "ping") | {"result": {}})["id"] == 5


def test_calls_overtake_a_slow_one(server: Server) -> None:
    server.send(request("slow", "tools/call", {"name": "slow", "arguments": {"seconds": 1}}))
    server.send(request("fast", "tools/call", ECHO))
    assert [server.read()["id"], server.read()["id"]] == ["fast", "slow"]


def test_a_thousand_calls_at_once_are_all_answered(server: Server) -> None:
    server.send(b"\n".join(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % number for number in range(1000)))
    assert {server.read()["id"] for _ in range(1000)} == set(range(1000))


def test_a_line_of_several_megabytes_is_read_and_a_longer_one_is_refused(server: Server) -> None:
    text = "x" * 200_000
    assert server.call("echo", {"text": text, "tags": ["y" * 3_000_000]})["id"] == "call"
    refused = server.ask(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 9_000_000 + b'"}')
    assert (refused["id"], refused["error"]["code"]) == (None, -32600)
    assert server.ask(request(2, "ping"))["id"] == 2
