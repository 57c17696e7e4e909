"""The collector as a real process: whole batches or none, each event once, nothing acknowledged is ever lost."""

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from projects import Project
from sync_world import (
    BATCH_TYPE,
    RUN,
    CollectorProcess,
    allowed,
    answer,
    collector,
    command,
    cut,
    lines,
    record,
    serving,
)

from orchestrator_mcp.errors import StorageFullError
from orchestrator_mcp.services.feedback_everyone import review_everyone
from orchestrator_mcp.services.feedback_sync import preview_sync, sync_feedback
from orchestrator_mcp.storage import collected
from orchestrator_mcp.storage.collected import Collected
from orchestrator_mcp.storage.lines import LineFile, parse_object, read_lines
from orchestrator_mcp.web.connections import FROM_ONE_ADDRESS


def post(url: str, body: bytes, content_type: str = BATCH_TYPE, method: str = "POST", **headers: str):
    """The status, the answer and its headers."""
    names = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": content_type}
    request = urllib.request.Request(url, body, names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response), response.headers
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {}, error.headers


def batch(project: Project, count: int, prefix: str = "wf") -> list[dict]:
    return json.loads(preview_sync(record(project, count, prefix)).body)


def test_it_keeps_what_is_shared_once(project: Project, tmp_path: Path) -> None:
    record(project, 3)
    with collector(tmp_path / "kept") as running:
        for _ in range(2):
            assert sync_feedback(project.person(environ=allowed(running.url)), force=True).synced == 3
        body = preview_sync(project.person()).body.encode()
        assert post(running.url, body)[:2] == (200, {"accepted": 0, "known": 3})
        assert [line["id"] for line in lines(running.kept)] == [one["id"] for one in json.loads(body)]
        assert stat.S_IMODE(running.kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(running.kept.parent.stat().st_mode) == 0o700
    assert review_everyone(tmp_path / "kept").entries == 3


def test_an_answer_that_was_lost_on_its_way_doubles_nothing(project: Project, tmp_path: Path) -> None:
    record(project, 3)
    with collector(tmp_path / "kept") as running:

        def lost(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            assert post(running.url, body)[1] == {"accepted": 3, "known": 0}
            cut(handler, body)

        def passed_on(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            status, said, _ = post(running.url, body)
            answer(status, json.dumps(said).encode())(handler, body)

        with serving(lost, passed_on) as between:
            assert sync_feedback(project.person(environ=allowed(between.url))).synced == 3
            assert len(between.bodies) == 2
        assert len(lines(running.kept)) == 3


def test_one_event_outside_the_schema_refuses_the_batch_and_says_why(project: Project, tmp_path: Path) -> None:
    good = batch(project, 2)
    changes = [
        ({"data": {**good[1]["data"], "repo": "github.com/acme/x"}}, "(unknown)"),
        ({"data": {**good[1]["data"], "items_skipped": ["deploy_acme"]}}, "items_skipped"),
        ({"data": {**good[1]["data"], "duration_seconds": 61}}, "duration_seconds"),
        ({"data": {**good[1]["data"], "day": "2026-11-31"}}, "day"),
        ({"id": "bob@acme.example"}, "id"),
        ({"source": "urn:acme"}, "source"),
        ({"time": "2026-11-21T10:00:00Z"}, "(unknown)"),
    ]
    with collector(tmp_path / "kept") as running:
        for change, field in changes:
            status, said, _ = post(running.url, json.dumps([good[0], {**good[1], **change}]).encode())
            assert status == 422
            assert f"Event 2: field {field} " in said["error"]
            assert "acme" not in said["error"]
        for body in (b"", b"{}", b"[1]", b"[[]]", b"null", b"[" * 90_000, b"\xff\xfe", b'[{"a":1,"a":1}]', b"[NaN]"):
            assert post(running.url, body)[0] == 422
        assert lines(running.kept) == []
        assert post(running.url, b"[]")[:2] == (200, {"accepted": 0, "known": 0})
        assert post(running.url, json.dumps(good).encode())[1] == {"accepted": 2, "known": 0}


def test_what_is_no_batch_is_refused(tmp_path: Path) -> None:
    with collector(tmp_path / "kept") as running:
        assert post(running.url, b"[]", "application/json")[0] == 415
        assert post(running.url, b"[]", method="PUT")[0] == 405
        assert post(running.url + "elsewhere", b"[]")[0] == 404
        assert post(running.url, b" " * ((1 << 20) + 1))[0] == 413
        assert running.process.poll() is None


def test_a_client_that_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    with collector(tmp_path / "kept", "--per-minute", "3") as running:
        assert [post(running.url, b"[]")[0] for _ in range(5)] == [200, 200, 200, 429, 429]
        assert 0 < int(post(running.url, b"[]")[2]["Retry-After"]) <= 61


def test_nothing_acknowledged_is_lost_when_it_is_killed(project: Project, tmp_path: Path) -> None:
    """Killed again and again while many post; what was acknowledged is there afterwards, whole and once."""
    events = batch(project, 60)
    acknowledged: set[str] = set()
    for turn in range(6):
        running = CollectorProcess(tmp_path / "kept", "--per-minute", "100000")
        part = events[turn * 10 : turn * 10 + 10]

        def send(one: dict, url: str = running.url) -> None:
            try:
                if post(url, json.dumps([one]).encode())[0] == 200:
                    acknowledged.add(one["id"])
            except (OSError, ValueError, http.client.HTTPException):
                pass  # killed before it answered

        threads = [threading.Thread(target=send, args=(one,)) for one in part]
        for thread in threads:
            thread.start()
        threads[turn].join()
        running.kill()
        for thread in threads:
            thread.join()
        with running.kept.open("ab") as file:
            file.write(b'{"id":"torn')  # what a kill in the middle of a write leaves
    with collector(tmp_path / "kept", "--per-minute", "100000") as running:
        assert acknowledged
        known = [one for one in events if one["id"] in acknowledged]
        assert post(running.url, json.dumps(known).encode())[1] == {"accepted": 0, "known": len(known)}
        assert post(running.url, json.dumps(events).encode())[0] == 200
        kept = [line["id"] for line in lines(running.kept)]
        assert sorted(kept) == sorted({one["id"] for one in events})


def test_two_collectors_may_share_a_folder(project: Project, tmp_path: Path) -> None:
    events = batch(project, 20)
    with collector(tmp_path / "kept") as one, collector(tmp_path / "kept") as two:
        threads = [
            threading.Thread(target=post, args=(url, json.dumps(events[start : start + 5]).encode()))
            for start in range(0, 20, 5)
            for url in (one.url, two.url)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(line["id"] for line in lines(one.kept)) == sorted(event["id"] for event in events)


POST = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH_TYPE}\r\nContent-Length: 2\r\n\r\n".encode()


def connected(running: CollectorProcess, said: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    port = int(running.url.rstrip("/").rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
    connection.sendall(said)
    return connection


def test_idle_connections_of_one_client_keep_nobody_out(tmp_path: Path) -> None:
    """Neither others nor, as it may be a proxy, itself."""
    with collector(tmp_path / "kept") as running, contextlib.ExitStack() as stack:
        for number in range(260):
            stack.enter_context(connected(running, b"" if number % 2 else b"POST / HTTP/1.1\r\nHost:"))
        assert post(running.url, b"[]")[0] == 200
        with connected(running, POST + b"[]", source="127.0.0.2") as other:
            assert other.recv(100).startswith(b"HTTP/1.1 200")


def test_connections_from_one_address_that_wait_for_a_body_are_few(tmp_path: Path) -> None:
    with collector(tmp_path / "kept", "--per-minute", "1000") as running, contextlib.ExitStack() as stack:
        for _ in range(FROM_ONE_ADDRESS):
            busy = stack.enter_context(
                connected(running, POST.replace(b"2\r\n\r\n", b"2\r\nExpect: 100-continue\r\n\r\n"))
            )
            assert busy.recv(100).startswith(b"HTTP/1.1 100")
        with connected(running) as one_more:
            read_to_the_end(one_more)
        with connected(running, POST + b"[]", source="127.0.0.2") as other:
            assert other.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "said",
    [b"", b"POST / HTTP/1.1\r\nX: ", POST + b"[]" + b"POST / HTTP/1.1\r\nX: ", POST.replace(b"h: 2", b"h: 9999999")],
    ids=["nothing", "half a header", "half of the second header", "a body that is too large, and slow"],
)
def test_a_header_that_never_ends_ends_the_connection(tmp_path: Path, said: bytes) -> None:
    """However steadily it comes."""
    with collector(tmp_path / "kept") as running, connected(running, said) as connection:
        if b"9999999" in said:
            connection.sendall(b" " * (1 << 20) + b"  ")
        done = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while said and not done.wait(0.2):
                    connection.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            read_to_the_end(connection)
        finally:
            done.set()
            thread.join()
        assert post(running.url, b"[]")[0] == 200


def read_to_the_end(connection: socket.socket) -> None:
    """Fails by its time limit if the collector does not close the connection."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(4096):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_asked(number: int, tmp_path: Path) -> None:
    with collector(tmp_path / "kept") as running:
        assert post(running.url, b"[]")[0] == 200
        running.process.send_signal(number)
        assert running.process.wait(timeout=20) == 0


def test_it_listens_at_this_machine_alone_and_warns_otherwise(tmp_path: Path) -> None:
    with collector(tmp_path / "kept") as running:
        assert running.url.startswith("http://127.0.0.1:")
    with collector(tmp_path / "kept", "--host", "0.0.0.0") as running:
        assert post(running.url.replace("0.0.0.0", "127.0.0.1"), b"[]")[0] == 200
        running.process.terminate()
        assert b"warning: others can reach this." in running.process.communicate()[1]


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with collector(tmp_path / "kept") as running:
        port = running.url.rstrip("/").rpartition(":")[2]
        result = command(tmp_path, "collector", "--port", port, "--data", str(tmp_path / "other"))
    assert result.returncode == 1
    assert b"cannot be listened at" in result.stderr


def test_without_its_extra_a_sentence_names_it(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["uvicorn"] = None
from orchestrator_mcp.cli.main import main
sys.exit(main(["collector", "--data", sys.argv[1]]))
"""
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x")], capture_output=True, check=False, env=os.environ
    )
    assert result.returncode == 1
    assert b"orchestrator-mcp[collector]" in result.stderr


def ids(kept: Collected) -> list[str]:
    """What is kept, rotated parts and all."""
    return [str((parse_object(line.data) or {}).get("id")) for line in read_lines(kept.path)]


def move_away(kept: Collected, to: Path) -> None:
    """As a person does it, while the collector runs."""
    to.mkdir()
    for name in ("events.jsonl", "rotated", "lock"):
        if (kept.path.parent / name).exists():
            (kept.path.parent / name).rename(to / name)


@pytest.mark.parametrize("rotate_at", [20, 1000])
def test_a_full_folder_is_emptied_and_collecting_begins_anew(
    rotate_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collected, "LARGEST", 20)
    monkeypatch.setattr(LineFile, "rotate_at", rotate_at)
    kept = Collected(tmp_path / "kept")
    assert kept.take([{"id": "one"}]) == 1
    assert kept.take([{"id": "two"}, {"id": "one"}]) == 1
    assert (kept.path.parent / "rotated").exists() == (rotate_at == 20)
    with pytest.raises(StorageFullError, match="Move the folder's files away"):
        kept.take([{"id": "three"}])
    move_away(kept, tmp_path / "old")
    assert kept.take([{"id": "three"}]) == 1
    assert ids(kept) == ["three"]


def test_what_was_read_before_a_rotation_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by a rotated part that holds other bytes since: whoever read it again would not know its id any more."""
    monkeypatch.setattr(LineFile, "rotate_at", 30)
    kept = Collected(tmp_path / "kept")
    for name in ("one", "two", "three", "four"):
        assert kept.take([{"id": name}]) == 1
    parts = [path for path in kept.path.parent.rglob("events.jsonl") if path != kept.path]
    assert parts
    for part in parts:
        part.write_bytes(b" " * (part.stat().st_size - 1) + b"\n")
    assert kept.take([{"id": name} for name in ("one", "two", "three", "four", "five")]) == 1


def test_another_collectors_new_file_is_read_from_its_start(tmp_path: Path) -> None:
    one, two = Collected(tmp_path / "kept"), Collected(tmp_path / "kept")
    assert two.take([{"id": "old"}]) == 1
    assert one.take([{"id": "old"}]) == 0
    move_away(one, tmp_path / "old")
    assert two.take([{"id": f"a longer name {number}"} for number in range(5)]) == 5
    assert one.take([{"id": "a longer name 0"}]) == 0
    assert len(ids(one)) == 5


def test_help_needs_no_extra() -> None:
    assert subprocess.run([*RUN, "collector", "--help"], capture_output=True, check=False).returncode == 0
