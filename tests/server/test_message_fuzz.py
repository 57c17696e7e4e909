"""2,000 malformed messages through a real process: none kills it, none goes unanswered, every answer is JSON-RPC."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import Message, Server, request

SEED = 20_260_728
SEEDED, GENERATED, BATCH = 1_200, 80, 10

VALID: list[Message] = [
    request(1, "ping"),
    request(2, "tools/list"),
    request("three", "tools/list", {"cursor": "x"}),
    request(
        4, "tools/call", {"name": "echo", "arguments": {"text": "a", "severity": "low", "limit": 3, "tags": ["b"]}}
    ),
    request(5, "tools/call", {"name": "poison", "arguments": {"kind": "surrogate"}}),
    request(6, "tools/call", {"name": "fail", "arguments": {"how": "bug"}}),
    request(7, "resources/read", {"uri": "fake://session/a"}),
    request(8, "prompts/get", {"name": "weekly", "arguments": {"days": "3"}}),
    request(9, "prompts/list"),
    request(
        10,
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "weekly"}, "argument": {"name": "id", "value": "i"}},
    ),
    request(11, "resources/templates/list", {"_meta": {"progressToken": "t"}}),
    request(12, "logging/setLevel", {"level": "debug"}),
    request(13, "no/such/method", {"a": {"b": [1, 2, {"c": None}]}}),
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 0.5}},
    {"jsonrpc": "2.0", "id": 14, "result": {"roots": []}},
    {"jsonrpc": "2.0", "id": 15, "error": {"code": -1, "message": "no"}},
]
ODD_VALUES = [
    b"null", b"true", b"[]", b"{}", b'""', b"-1", b"1.5", b"1e999", b"NaN", b"-Infinity", b"9" * 40, b"9" * 5_000,
    b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"' + b"x" * 5_000 + b'"', b"[" * 300 + b"]" * 300,
    b'{"a":' * 130 + b"1" + b"}" * 130, "\u2028\u2029\x85".encode(), b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00",
]  # fmt: skip


def _cut(line: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(line))
    return line[:start] + line[start + rng.randint(1, 12) :]


def _repeat(line: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(line))
    return line[:start] + line[start : start + rng.randint(1, 30)] * 2 + line[start:]


def _flip(line: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(line))
    return line[:place] + bytes([line[place] ^ (1 << rng.randrange(8))]) + line[place + 1 :]


def _insert(line: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(line))
    return line[:place] + rng.choice(ODD_VALUES) + line[place:]


def _replace_a_value(line: bytes, rng: random.Random) -> bytes:
    message = json.loads(line)
    key = rng.choice([*message, "extra"])
    message[key] = "@"
    if key == "params" and rng.random() < 0.5:
        message[key] = {"name": "echo", "arguments": {"text": "@"}, "uri": "@", "_meta": "@"}
    return json.dumps(message).encode().replace(b'"@"', rng.choice(ODD_VALUES))


def _drop_a_key(line: bytes, rng: random.Random) -> bytes:
    message = json.loads(line)
    del message[rng.choice(list(message))]
    return json.dumps(message).encode()


def _wrap(line: bytes, rng: random.Random) -> bytes:
    before, after = rng.choice(
        [(b"[", b"]"), (b"\xef\xbb\xbf", b""), (b"", b"\r"), (b" \t", b" "), (b"", b","), (b'"', b'"')]
    )
    return before + line + after


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    _cut,
    _repeat,
    _flip,
    _insert,
    _replace_a_value,
    _drop_a_key,
    _wrap,
]


def mutant(rng: random.Random) -> bytes:
    line = json.dumps(rng.choice(VALID)).encode()
    for _ in range(rng.randint(1, 2)):
        try:
            line = rng.choice(MUTATIONS)(line, rng)
        except (ValueError, TypeError, LookupError, RecursionError):  # no object any more after the first mutation
            line = _flip(line, rng)
    return line.replace(b"\n", b" ")


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def expects_an_answer(line: bytes) -> bool:
    """Everything does, but a blank line, a proper notification and a proper answer."""
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        return False
    try:
        message = json.loads(line.decode(), parse_constant=lambda _: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return True
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or depth(message) > 128:
        return True
    if "method" in message:
        proper = isinstance(message["method"], str) and isinstance(message.get("params", {}), dict)
        return "id" in message or not proper
    error = message.get("error")
    answer = isinstance(message.get("result"), dict) or (
        isinstance(error, dict) and type(error.get("code")) is int and isinstance(error.get("message"), str)
    )
    id_ = message.get("id")
    proper_id = (isinstance(id_, str) and len(id_) <= 1024) or (type(id_) is int and abs(id_) < 2**63)
    return not (answer and proper_id)


@contextmanager
def fuzzed() -> Iterator[Server]:
    with Server() as server:
        server.handshake()
        yield server
        assert server.process.poll() is None
        server.stdin.close()
        assert server.process.wait(10) == 0


def check(server: Server, lines: list[bytes]) -> None:
    """Send lines and a ping: exactly as many answers as lines that expect one, then the ping's."""
    for line in lines:
        server.send(line)
    expected = sum(map(expects_an_answer, lines))
    for _ in range(expected):
        server.read(timeout=15)
    pong = server.ask(request("check", "ping"))
    assert pong["id"] == "check", f"more answers than expected, among {lines} the first is {pong}"


def test_seeded_mutants_of_real_messages() -> None:
    rng = random.Random(SEED)
    with fuzzed() as server:
        for _ in range(SEEDED):
            check(server, [mutant(rng)])


def test_mutants_before_the_first_proper_message() -> None:
    rng = random.Random(SEED + 1)
    lines = [line for line in (mutant(rng) for _ in range(60)) if b"initialize" not in line and b"jsonrpc" in line]
    broken = [line for line in lines if not _is_request(line)]
    with Server() as server:
        for line in broken:
            server.send(line)
        answers = [server.read(timeout=15) for line in broken if expects_an_answer(line)]
        assert all("error" in answer for answer in answers)
        assert server.handshake()["result"]["serverInfo"]["name"] == "orchestrator-mcp"


def _is_request(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.strip().removeprefix(b"\xef\xbb\xbf")).get("method"), str)
    except (ValueError, AttributeError, RecursionError):
        return False


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    with fuzzed() as server:
        yield server


texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just("\ud83d"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
METHODS = ["ping", "tools/list", "tools/call", "resources/read", "prompts/get", "completion/complete", "initialize"]
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values},
    optional={
        "id": st.integers(0, 10**6) | values,
        "method": st.sampled_from(METHODS) | values,
        "params": values
        | st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["echo", "fail", "weekly"]) | values,
                "arguments": values | st.fixed_dictionaries({"text": values}),
                "uri": values,
                "ref": values,
                "argument": values,
                "_meta": values,
            },
        ),
        "result": values,
        "error": values,
    },
)
lines = (messages | values).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60).map(
    lambda data: data.replace(b"\n", b"")
)


@settings(max_examples=GENERATED, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(lines, min_size=BATCH, max_size=BATCH))
def test_generated_messages(one_server: Server, lines: list[bytes]) -> None:
    check(one_server, lines)
