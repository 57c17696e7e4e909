"""Real requests to a server that misbehaves: nothing is believed too early, lost, sent elsewhere or waited for in vain."""

import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from projects import Project
from sync_world import Server, allowed, answer, cut, noise, record, serving, silent, synced, taken

from orchestrator_mcp.errors import ConfigError, RemoteError, UnreachableError
from orchestrator_mcp.services.feedback_sync import preview_sync, sync_feedback, sync_status
from orchestrator_mcp.services.secrets import set_secret
from orchestrator_mcp.storage.remote import http
from orchestrator_mcp.storage.remote.address import check_address
from orchestrator_mcp.storage.remote.http import ATTEMPTS, LARGEST_ANSWER, Request, exchange

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.5)
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.01)
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


def sync(project: Project, server: Server, **more: object):
    return sync_feedback(project.person(environ=allowed(server.url)), **more)


PASSING = {
    "500, then well": [answer(500), taken],
    "503 twice": [answer(503), answer(503), taken],
    "429": [answer(429, Retry_After="0"), taken],
    "cut in the middle": [cut, taken],
    "no answer": [silent, taken],
    "no HTTP": [noise, taken],
    "408": [answer(408), taken],
}


@pytest.mark.parametrize("replies", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again_with_the_same_bytes(replies: list, project: Project) -> None:
    at = record(project)
    body = preview_sync(at).body.encode()
    with serving(*replies) as server:
        assert sync(project, server).synced == 3
        assert server.bodies == [body] * len(replies)
    assert len(synced(project)) == 1


def count(accepted: object, known: object) -> bytes:
    return json.dumps({"accepted": accepted, "known": known}).encode()


STAYING = {
    "always 500": (answer(500), "failed (500)", ATTEMPTS),
    "always cut": (cut, "did not answer as a server", ATTEMPTS),
    "never an answer": (silent, "did not answer as a server", ATTEMPTS),
    "400": (answer(400, b"no"), "refused what was sent (400): no.", 1),
    "401": (answer(401), "refused what was sent (401)", 1),
    "413": (answer(413), "refused what was sent (413)", 1),
    "422": (answer(422, b'{"error":"Event 1: field day is missing."}'), "field day is missing", 1),
    "an empty 200": (answer(200), "as a collector does", 1),
    "a page": (answer(200, b"<html>Welcome</html>"), "as a collector does", 1),
    "another number": (answer(200, count(2, 0)), "as a collector does", 1),
    "no numbers": (answer(200, count("3", True)), "as a collector does", 1),
    "a negative one": (answer(200, count(4, -1)), "as a collector does", 1),
    "a huge answer": (answer(200, count(3, 0) + b" " * LARGEST_ANSWER), "as a collector does", 1),
    "a huge error": (answer(400, b"x" * 3_000_000), "refused what was sent (400)", 1),
    "deep JSON": (answer(200, b"[" * 50_000), "as a collector does", 1),
    "a long pause": (answer(429, Retry_After="3600"), "asks to be left alone for 3600 s", 1),
    "a long pause, as a date": (answer(503, Retry_After="Fri, 31 Dec 2117 23:59:59 GMT"), "asks to be left alone", 1),
    "nonsense as a pause": (answer(503, Retry_After="soon"), "failed (503)", ATTEMPTS),
}


@pytest.mark.parametrize(("reply", "said", "requests"), STAYING.values(), ids=STAYING)
def test_what_does_not_pass_is_told_and_nothing_is_noted(reply, said: str, requests: int, project: Project) -> None:
    record(project)
    with serving(reply) as server:
        with pytest.raises(RemoteError) as refused:
            sync(project, server)
        assert said in str(refused.value)
        assert len(str(refused.value)) < 500
        assert not isinstance(refused.value, UnreachableError)
        assert len(server.bodies) == requests
    assert synced(project) == []
    with serving() as server:
        assert sync(project, server).synced == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, project: Project) -> None:
    record(project)
    with serving() as elsewhere, serving(answer(status, Location=elsewhere.url)) as server:
        with pytest.raises(RemoteError, match="points elsewhere"):
            sync(project, server)
        assert elsewhere.bodies == []
        assert len(server.bodies) == 1
    assert synced(project) == []


def test_a_pause_that_was_asked_for_is_kept() -> None:
    pauses: list[float] = []
    with serving(answer(429, Retry_After="7"), answer(503), answer(200)) as server:
        assert exchange(Request("POST", server.url, b"", {}), pauses.append).status == 200
    assert pauses[0] == 7
    assert 0 < pauses[1] < 1


def test_pauses_double_and_differ() -> None:
    every = [list(http._pauses()) for _ in range(50)]
    assert len({tuple(one) for one in every}) == 50
    assert all(
        0.5 <= pause / (http._FIRST_PAUSE * 2**number) <= 1.5 for one in every for number, pause in enumerate(one)
    )


def test_a_server_that_answers_byte_by_byte_is_not_waited_for(project: Project) -> None:
    def drip(handler, _: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not handler.server.done.wait(0.1):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    record(project)
    with serving(drip) as server:
        with pytest.raises(RemoteError, match="did not answer as a server"):
            sync(project, server)
        assert len(server.bodies) == ATTEMPTS


def test_a_connection_that_is_kept_open_is_not_waited_for(project: Project) -> None:
    def stays(handler, body: bytes) -> None:
        taken(handler, body)
        handler.wfile.flush()
        handler.server.done.wait(30)

    record(project)
    with serving(stays) as server:
        assert sync(project, server).synced == 3
        assert len(server.bodies) == 1


def test_a_collector_that_knows_everything_is_believed(project: Project) -> None:
    record(project)
    with serving(answer(200, count(0, 3))) as server:
        assert sync(project, server).synced == 3


def test_what_goes_to_this_machine_passes_no_proxy(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    record(project)
    with serving() as proxy, serving() as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("all_proxy", proxy.url)
        assert sync(project, server).synced == 3
        assert proxy.bodies == []


def test_a_proxy_of_the_environment_is_used_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(502)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(RemoteError):
            exchange(Request("POST", "https://collector.example/", b"", {}), lambda _: None)
        assert {head["method"] for head in proxy.heads} == {"CONNECT"}


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(project: Project, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    record(project)
    with serving() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http://", "https://")
        with pytest.raises(RemoteError, match="could not prove who it is") as refused:
            sync_feedback(project.person(environ=allowed(url)))
        assert not isinstance(refused.value, UnreachableError)
        assert server.bodies == []


def test_nobody_there_is_offline(project: Project) -> None:
    record(project)
    for url in ("http://127.0.0.1:9/", "https://collector.invalid/"):
        done = sync_feedback(project.person(environ=allowed(url)))
        assert "could not be reached" in (done.offline or "")
        assert (done.synced, done.unsynced) == (0, 3)
    assert synced(project) == []


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://collector.example/submit?x=1", True),
        ("https://[2001:db8::1]:8443/", True),
        ("http://127.0.0.1:8000/", True),
        ("http://[::1]:8000/", True),
        ("http://localhost/", True),
        ("http://collector.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.1@evil.example/", False),
        ("https://me:secret@collector.example/", False),
        ("https://collector.example/#x", False),
        ("https:///path", False),
        ("https://collector.example:99999/", False),
        ("https://collector.example/\r\nX: y", False),
        ("https://collector.exämple/", False),
        ("file:///etc/passwd", False),
        ("ftp://127.0.0.1/", False),
        ("collector.example", False),
        ("", False),
    ],
)
def test_addresses(url: str, fine: bool) -> None:
    if fine:
        assert check_address(url, "feedback_endpoint") == url
    else:
        with pytest.raises(ConfigError, match="feedback_endpoint") as refused:
            check_address(url, "feedback_endpoint")
        assert "secret" not in str(refused.value)


def gist(server: Server, **more: str) -> dict[str, str]:
    return {"ORCHESTRATOR_FEEDBACK_SYNC": "true", "ORCHESTRATOR_FEEDBACK_GIST": f"{server.url}gists/0123", **more}


def test_a_gist_gets_a_new_file_for_every_batch(project: Project) -> None:
    at = record(project)
    body = preview_sync(at).body
    with serving(answer(200, b"x" * 3_000_000)) as server:
        done = sync_feedback(project.person(environ=gist(server, GITHUB_TOKEN=TOKEN)), to="gist")
        record(project, 1, "more")
        sync_feedback(project.person(environ=gist(server, GITHUB_TOKEN=TOKEN)), to="gist")
    assert done.synced == 3
    (head, _), (first, second) = server.heads, map(json.loads, server.bodies)
    assert (head["method"], head["path"], head["Authorization"]) == ("PATCH", "/gists/0123", f"Bearer {TOKEN}")
    assert [one["content"] for one in first["files"].values()] == [body]
    assert not set(first["files"]) & set(second["files"])
    assert TOKEN.encode() not in b"".join(project.files().values())


def test_a_gist_takes_its_token_from_the_secrets_too(project: Project) -> None:
    at = record(project)
    set_secret(at, "GITHUB_TOKEN", TOKEN)
    with serving(answer(200)) as server:
        assert sync_feedback(project.person(environ=gist(server)), to="gist").synced == 3
        assert server.heads[0]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("lacking", ["ORCHESTRATOR_FEEDBACK_SYNC", "ORCHESTRATOR_FEEDBACK_GIST", "GITHUB_TOKEN"])
def test_a_gist_needs_every_condition_too(lacking: str, project: Project) -> None:
    record(project)
    with serving(answer(200)) as server:
        environ = {name: value for name, value in gist(server, GITHUB_TOKEN=TOKEN).items() if name != lacking}
        with pytest.raises(ConfigError, match="Nothing was sent"):
            sync_feedback(project.person(environ=environ), to="gist")
        assert server.bodies == []


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Y: z", "tökén", "\x00"])
def test_a_token_that_is_none_is_not_sent(token: str, project: Project) -> None:
    record(project)
    with serving(answer(200)) as server:
        with pytest.raises(ConfigError, match="GITHUB_TOKEN") as refused:
            sync_feedback(project.person(environ=gist(server, GITHUB_TOKEN=token)), to="gist")
        assert token not in str(refused.value)
        assert server.heads == []


def test_a_token_is_never_shown(project: Project) -> None:
    record(project)
    with (
        serving() as elsewhere,
        serving(answer(401, b"bad credentials"), answer(302, Location=elsewhere.url)) as server,
    ):
        at = project.person(environ=gist(server, GITHUB_TOKEN=TOKEN))
        for _ in range(2):
            with pytest.raises(RemoteError) as refused:
                sync_feedback(at, to="gist")
            assert TOKEN not in str(refused.value)
        assert elsewhere.heads == []
    assert TOKEN not in sync_status(at).model_dump_json()
