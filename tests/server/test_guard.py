"""Which lines are messages, and what the others are answered."""

import pytest

from orchestrator_mcp.server.guard import MAX_DEPTH, MAX_LINE, Refusal, judge

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
GOOD = {
    b'{"jsonrpc":"2.0","id":1,"method":"ping"}': PING,
    b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}': PING,
    b'  {"jsonrpc":"2.0","id":1,"method":"ping"}\r': PING,
    b'{"jsonrpc":"2.0","method":"x"}': {"jsonrpc": "2.0", "method": "x"},
    b'{"jsonrpc":"2.0","id":1,"result":{}}': {"jsonrpc": "2.0", "id": 1, "result": {}},
    b'{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"m"}}': {
        "jsonrpc": "2.0",
        "id": "a",
        "error": {"code": 1, "message": "m"},
    },
    b'{"jsonrpc":"2.0","id":"\\ud83d","method":"m\\uD83D\\ude00"}': {
        "jsonrpc": "2.0",
        "id": "\ufffd",
        "method": "m\U0001f600",
    },
}
BAD = {
    b"nonsense": (-32700, None),
    b"{": (-32700, None),
    b"\xff\xfe{\x00}\x00": (-32700, None),
    b'{"jsonrpc":"2.0","id":1,"method":"\xe9"}': (-32700, None),
    b"[" * 100_000: (-32700, None),
    b"1" * 5_000: (-32700, None),
    b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}': (-32700, None),
    b"[]": (-32600, None),
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]': (-32600, None),
    b"null": (-32600, None),
    b'"text"': (-32600, None),
    b"{}": (-32600, None),
    b'{"jsonrpc":"2.0","id":null,"method":"ping"}': (-32600, None),
    b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}': (-32600, None),
    b'{"jsonrpc":"2.0","id":true,"method":"ping"}': (-32600, None),
    b'{"jsonrpc":"2.0","id":[],"method":"ping"}': (-32600, None),
    b'{"jsonrpc":"2.0","id":' + b"9" * 30 + b',"method":"ping"}': (-32600, None),
    b'{"jsonrpc":"2.0","id":"' + b"9" * 5000 + b'","method":"ping"}': (-32600, None),
    b'{"id":1,"method":"ping"}': (-32600, 1),
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}': (-32600, 1),
    b'{"jsonrpc":"2.0","id":1}': (-32600, 1),
    b'{"jsonrpc":"2.0","id":1,"result":[]}': (-32600, 1),
    b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m"}}': (-32600, 1),
    b'{"jsonrpc":"2.0","id":1,"method":null}': (-32600, 1),
    b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}': (-32602, 1),
    b'{"jsonrpc":"2.0","id":1,"method":"x","params":null}': (-32602, 1),
    b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}}": (-32600, 1),
    b'"' + b"x" * MAX_LINE + b'"': (-32600, None),
}


@pytest.mark.parametrize("line", GOOD, ids=lambda line: line[:40])
def test_a_message_is_passed_on(line: bytes) -> None:
    assert judge(line) == GOOD[line]


@pytest.mark.parametrize("line", BAD, ids=lambda line: line[:40])
def test_anything_else_is_answered(line: bytes) -> None:
    refusal = judge(line)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.id) == BAD[line]
    assert refusal.message.endswith(".") or refusal.message.startswith("The line is not JSON: ")
    assert refusal.line().count(b"\n") == 1


@pytest.mark.parametrize("line", [b"", b"  ", b"\r", b"\xef\xbb\xbf"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    assert judge(line) is None
