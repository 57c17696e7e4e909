"""What is shared is what was shown, once, only with a person's consent, and noted; and the check fails closed."""

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from e2e.test_every_tool import call_all
from mcp import Client
from projects import Project
from sync_world import allowed, answer, command, record, serving, synced, taken

from orchestrator_mcp.analysis import feedback_sharing
from orchestrator_mcp.analysis.feedback_events import check_events
from orchestrator_mcp.analysis.feedback_sharing import MAX_BYTES, MAX_EVENTS, batches, shared_event, sharing_key, step
from orchestrator_mcp.errors import AnonymizationError, ConfigError, InvalidInputError, ReadOnlyError, StorageError
from orchestrator_mcp.records.feedback import ToolFeedback
from orchestrator_mcp.records.feedback_shared import SharedFeedback
from orchestrator_mcp.records.feedback_sync import TargetKind
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.options import TOOLSETS
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.feedback_sync import preview_sync, sync_feedback, sync_status
from orchestrator_mcp.services.workspace import open_workspace


def person(project: Project, **environ: str):
    return project.person(environ=environ, home=project.root / "home")


def test_the_dry_run_prints_the_very_bytes_that_then_leave(project: Project) -> None:
    record(project, MAX_EVENTS + 5)
    with serving() as server:
        shown = command(project.root, "feedback", "sync", "--dry-run", **allowed(server.url))
        assert server.bodies == []
        sent = command(project.root, "feedback", "sync", **allowed(server.url))
        assert sent.returncode == 0, sent.stderr
        assert shown.stdout == b"".join(server.bodies)
        assert len(server.bodies) == 2
        assert {head["Content-Type"] for head in server.heads} == {"application/cloudevents-batch+json"}
    with serving() as server:
        as_json = json.loads(command(project.root, "feedback", "sync", "--dry-run", "--force", "--json").stdout)
        assert as_json["body"].encode().count(b'"specversion"') == as_json["entries"] == MAX_EVENTS + 5


def test_a_dry_run_and_a_status_write_nothing(project: Project) -> None:
    at = record(project)
    before = project.files()
    preview_sync(at)
    sync_status(at)
    assert project.files() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_whoever_only_reads_makes_no_key(read_only: bool, project: Project) -> None:
    """Without the key nothing can be told to be ours, and there is nothing to share."""
    record(project)
    (project.root / ".orchestrator" / "secrets" / "redaction.key").unlink()
    before = project.files()
    at = project.person(read_only=read_only)
    assert (preview_sync(at).entries, preview_sync(at).body) == (0, "")
    assert sync_status(at).entries == 0
    assert review_feedback(at).with_feedback == 3
    assert project.files() == before


def test_a_file_holds_the_same_bytes_and_is_private(project: Project) -> None:
    at = record(project, 150)
    shown = preview_sync(at)
    done = sync_feedback(at)
    path = Path(done.place or "")
    assert path.parent == project.root / ".orchestrator" / "reports"
    assert path.read_text() == shown.body
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (done.target, done.synced, shown.batches) == (TargetKind.FILE, 150, 1)


def test_what_leaves_has_these_fields_and_no_others(project: Project) -> None:
    (event,) = json.loads(preview_sync(record(project, 1)).body)
    assert list(event) == ["specversion", "id", "source", "type", "datacontenttype", "data"]
    assert event["specversion"] == "1.0"
    assert set(event["data"]) <= set(SharedFeedback.model_fields)
    assert event["data"]["day"] == "2026-11-21"
    assert not {"id", "timestamp", "session_id", "request_id", "tool_suggestions"} & set(event["data"])


def test_only_tool_feedback_leaves_of_every_session_and_each_once(project: Project) -> None:
    record(project, 2)
    project.wait(days=2)
    agent = project.agent()
    record_feedback(
        agent, workflow_id="wf_other", what_went_well="the acme launch", challenges="acme", reviews_worked="no"
    )
    at = project.person()
    assert len(list((project.root / ".orchestrator" / "sessions").iterdir())) == 2
    first = sync_feedback(at)
    assert first.synced == 3
    assert "acme" not in Path(first.place or "").read_text()
    again = sync_feedback(at)
    assert (again.synced, again.unsynced, again.place) == (0, 0, None)
    record(project, 1, "new")
    assert sync_feedback(at).synced == 1
    assert sync_feedback(at, force=True).synced == 4
    assert all(set(line["synced_ids"]) <= {one.id for one in at.read(ToolFeedback).records} for line in synced(project))


def test_entries_are_never_edited(project: Project) -> None:
    at = record(project)
    before = project.files()
    sync_feedback(at)
    after = project.files()
    assert {name: after[name] for name in before} == before
    assert {Path(name).name for name in set(after) - set(before)} - {"sync.jsonl"} == {
        Path(synced(project)[0]["place"]).name
    }


def test_each_kind_of_target_has_its_own_memory(project: Project) -> None:
    at = record(project)
    sync_feedback(at)
    with serving() as server:
        to = person(project, **allowed(server.url))
        assert sync_feedback(to).synced == 3
        assert sync_feedback(to).synced == 0
        assert sync_feedback(to, to=str(project.root / "x.json"), force=True).synced == 3
    status = sync_status(at)
    assert {one.target: one.unsynced for one in status.targets} == {
        TargetKind.FILE: 0, TargetKind.ENDPOINT: 0, TargetKind.GIST: 3,
    }  # fmt: skip
    assert (status.entries, status.synced, status.unsynced) == (3, 3, 0)
    assert status.last
    assert status.last.target == TargetKind.FILE


def test_the_newest_revision_is_sent(project: Project) -> None:
    at = record(project, 1)
    (entry,) = at.read(ToolFeedback).records
    (session,) = at.sessions.list_sessions()
    at.stream(ToolFeedback, session).supersede(entry.id, lambda one: one.model_copy(update={"reviews_worked": False}))
    (event,) = json.loads(preview_sync(at).body)
    assert event["data"]["reviews_worked"] is False


def test_ids_and_hashes_need_the_installations_key(project: Project, tmp_path_factory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    one, two = (json.loads(preview_sync(record(each, 1)).body)[0] for each in (project, other))
    assert one["data"]["installation_hash"] != two["data"]["installation_hash"]
    assert one["data"]["workflow_id_hash"] != two["data"]["workflow_id_hash"]
    (stored,) = project.person().read(ToolFeedback).records
    assert stored.workflow_id_hash not in json.dumps(one)
    assert stored.id not in json.dumps(one)


def test_no_hash_that_leaves_can_be_made_without_the_key(project: Project) -> None:
    (stored,) = record(project, 1).read(ToolFeedback).records
    one, two = (shared_event(stored, sharing_key(secret)) for secret in (b"one", b"two"))
    assert one.id != two.id
    assert one.data.workflow_id_hash != two.data.workflow_id_hash
    assert one.data.installation_hash != two.data.installation_hash


def test_the_installations_hash_changes_every_month(project: Project) -> None:
    record(project, 2)
    project.wait(days=20)
    at = record(project, 1, "later")
    hashes = [event["data"]["installation_hash"] for event in json.loads(preview_sync(at).body)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_salt_joins_projects_and_a_short_one_is_no_key(project: Project, tmp_path_factory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    salt = {"WORKFLOW_SALT": "0123456789abcdef"}
    found = []
    for each in (project, other):
        at = person(each, **salt)
        record_feedback(at, kind=FeedbackKind.TOOL, workflow_id="wf_1", reviews_worked="yes")
        found += json.loads(preview_sync(at).body)
    assert len({one["data"]["installation_hash"] for one in found}) == 1
    assert len({one["data"]["workflow_id_hash"] for one in found}) == 1
    assert len({one["id"] for one in found}) == 2
    short = sync_status(person(project, WORKFLOW_SALT="short"))
    assert "too short" in short.warnings[0]
    assert sync_status(person(project, **salt)).warnings == []


def test_what_another_installation_recorded_is_its_own_to_send(project: Project, tmp_path_factory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    record(other, 2)
    at = record(project, 1)
    (theirs,) = other.root.glob(".orchestrator/sessions/*/feedback/tool.jsonl")
    (ours,) = project.root.glob(".orchestrator/sessions/*/feedback/tool.jsonl")
    ours.write_bytes(ours.read_bytes() + theirs.read_bytes())
    done = sync_feedback(at)
    assert (done.synced, done.elsewhere) == (1, 2)
    assert sync_status(at).elsewhere == 2


def test_what_was_forgotten_is_not_sent_by_name(project: Project) -> None:
    at = record(project, 2)
    entry = at.read(ToolFeedback).records[0]
    result = command(project.root, "forget", entry.id, "--yes")
    assert result.returncode == 0, result.stderr
    body = preview_sync(project.person()).body
    assert check_events(body.encode()).problems == []


NEEDS = {
    "feedback_sync": {"ORCHESTRATOR_FEEDBACK_SYNC": "false"},
    "the endpoint": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": ""},
    "https": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": "http://collector.example/"},
    "an address": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": "http://[/"},
    "no password in it": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": "http://a:b@127.0.0.1/"},
    "no look-alike": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": "http://127.0.0.1.evil.example/"},
    "no file": {"ORCHESTRATOR_FEEDBACK_ENDPOINT": "file:///etc/passwd"},
}


@pytest.mark.parametrize("change", NEEDS.values(), ids=NEEDS)
def test_every_condition_is_needed(change: dict[str, str], project: Project) -> None:
    record(project)
    with serving() as server:
        environ = {name: value for name, value in (allowed(server.url) | change).items() if value}
        with pytest.raises(ConfigError, match="Nothing was sent"):
            sync_feedback(person(project, **environ), to="endpoint")
        status = sync_status(person(project, **environ))
        lacking = next(one for one in status.targets if one.target is TargetKind.ENDPOINT)
        assert not lacking.possible
        assert lacking.missing
        assert status.default is TargetKind.FILE
        sync_feedback(person(project, **environ))  # without consent the default is a file
        assert server.bodies == []


@pytest.mark.parametrize("name", ["DO_NOT_TRACK", "ORCHESTRATOR_SKIP_FEEDBACK"])
@pytest.mark.parametrize("to", [None, "endpoint", "gist", "x.json"])
def test_an_opt_out_stops_every_target_and_is_no_error(name: str, to: str | None, project: Project) -> None:
    record(project)
    before = project.files()
    with serving() as server:
        more = {name: "1", "GITHUB_TOKEN": "t", "ORCHESTRATOR_FEEDBACK_GIST": server.url}
        environ = allowed(server.url, HOME=str(project.root / "home"), **more)
        at = open_workspace(environ, project.root, root=str(project.root))
        done = sync_feedback(at, to=to, force=True)
        assert name in (done.skipped or "")
        assert preview_sync(at, to=to).body == ""
        assert server.bodies == []
    assert project.files() == before
    assert all(name in one.missing[0] for one in sync_status(at).targets)


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_an_opt_out_that_is_off_stops_nothing(value: str, project: Project) -> None:
    record(project)
    assert sync_feedback(person(project, DO_NOT_TRACK=value)).synced == 3


def test_a_project_cannot_consent_for_a_person(project: Project) -> None:
    record(project)
    with serving() as server:
        text = f"feedback_sync: true\nfeedback_endpoint: {server.url}\n"
        (project.root / ".orchestrator" / "config.yaml").write_text(text)
        with pytest.raises(ConfigError):
            sync_feedback(person(project), to="endpoint")
        assert server.bodies == []
        (project.root / ".orchestrator" / "config.yaml").unlink()
        own = project.root / "home" / ".orchestrator"
        own.mkdir(parents=True, mode=0o700)
        (own / "config.yaml").write_text(text)
        assert sync_feedback(person(project)).synced == 3
        assert len(server.bodies) == 1


def test_nothing_is_sent_read_only_or_without_a_store(project: Project) -> None:
    with serving() as server:
        assert sync_feedback(person(project, **allowed(server.url))).synced == 0
        record(project)
        at = project.person(read_only=True, environ=allowed(server.url))
        with pytest.raises(ReadOnlyError):
            sync_feedback(at)
        assert preview_sync(at).entries == 3
        assert server.bodies == []


def test_an_address_on_the_command_line_is_refused(project: Project) -> None:
    record(project)
    with serving() as server, pytest.raises(InvalidInputError, match="config set"):
        sync_feedback(person(project, **allowed(server.url)), to=server.url)
    assert server.bodies == []


LEAKS = {
    "a text": {"orchestrator_errors": ["bob failed"]},
    "an item": {"items_skipped": ["deploy_acme"]},
    "a phase": {"phases": {"Acme": 60}},
    "a moment": {"day": "2026-11-21T10:00:00Z"},
    "a number": {"duration_seconds": 61},
    "a version": {"orchestrator_version": "1.0.0-acme"},
    "a hash that is none": {"workflow_id_hash": "wf_94a0f102"},
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_leak_anywhere_stops_everything(leak: dict, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant of the sharing that leaks in a single entry: nothing leaves, and the entry and the field are named."""
    record(project, MAX_EVENTS + 5)
    right = feedback_sharing._shared
    last = max(one.id for one in project.person().read(ToolFeedback).records)
    monkeypatch.setattr(
        feedback_sharing,
        "_shared",
        lambda entry, key: right(entry, key).model_copy(update=leak if entry.id == last else {}),
    )
    with serving() as server:
        at = person(project, **allowed(server.url))
        for verb in (sync_feedback, preview_sync):
            with pytest.raises(AnonymizationError, match=f"{last}.*{next(iter(leak))}") as refused:
                verb(at)
            assert "acme" not in str(refused.value).lower()
        assert server.bodies == []
    with pytest.raises(AnonymizationError):
        sync_feedback(project.person())
    assert synced(project) == []


def test_the_second_net_stops_what_the_schema_would_let_through(project: Project, monkeypatch) -> None:
    at = record(project, 1)
    monkeypatch.setattr("orchestrator_mcp.analysis.anonymize_closed.is_template", lambda text: True)
    right = feedback_sharing._shared
    monkeypatch.setattr(
        feedback_sharing,
        "_shared",
        lambda entry, key: right(entry, key).model_copy(update={"orchestrator_errors": ["bob@acme.example"]}),
    )
    with pytest.raises(AnonymizationError, match="orchestrator_errors holds an e-mail address"):
        sync_feedback(at)


def test_batches_are_bounded_and_named_after_what_is_in_them() -> None:
    key = sharing_key(b"k")
    many = ["keyerror: <str> " + "not " * 21 + f"{word} a" for word in ("failed", "denied", "missing")]
    entries = [
        ToolFeedback(
            id=f"{number:026}", timestamp=datetime(2026, 1, 2, tzinfo=UTC), orchestrator_version="1.0.0",
            orchestrator_errors=many, mode="auto",
        )
        for number in range(1000)
    ]  # fmt: skip
    found = list(batches([(one.id, shared_event(one, key)) for one in entries], key))
    assert max(len(one.entry_ids) for one in found) <= MAX_EVENTS
    assert max(len(one.body) for one in found) <= MAX_BYTES + 1000
    assert [one_id for batch in found for one_id in batch.entry_ids] == [one.id for one in entries]
    assert len({one.id for one in found}) == len(found)
    assert found == list(batches([(one.id, shared_event(one, key)) for one in entries], key))
    assert all(check_events(one.body).problems == [] for one in found)


@pytest.mark.parametrize(("value", "shown"), [(-5, 0), (0, 0), (59, 0), (60, 60), (3599, 1800), (10**9, 604800)])
def test_numbers_are_the_step_that_they_reach(value: int, shown: int) -> None:
    assert step(feedback_sharing.SECONDS, value) == shown


def test_a_file_that_holds_something_else_is_left_alone(project: Project) -> None:
    at = record(project)
    taken_already = project.root / "mine.json"
    taken_already.write_text("mine")
    with pytest.raises(InvalidInputError, match="something else"):
        sync_feedback(at, to=str(taken_already))
    assert taken_already.read_text() == "mine"
    assert synced(project) == []
    with pytest.raises(InvalidInputError, match="no folder"):
        sync_feedback(at, to=str(project.root / "nowhere" / "x.json"))
    (project.root / "out").mkdir()
    for long in (project.root / ("x" * 300), project.root / ("x" * 300) / "y"):
        with pytest.raises(StorageError, match="shorter names"):
            sync_feedback(at, to=str(long))
    done = sync_feedback(at, to=str(project.root / "out"))
    assert Path(done.place or "").parent == project.root / "out"
    assert sync_feedback(at, to=str(project.root / "out"), force=True).place == done.place


@pytest.mark.parametrize(("typed", "where"), [("mine.json", "there"), ("~/mine.json", "home")])
def test_a_file_lies_where_the_person_stands_or_lives(project: Project, typed: str, where: str) -> None:
    record(project)
    for name in ("there", "home"):
        (project.root / name).mkdir(exist_ok=True)
    at = project.person(home=project.root / "home", cwd=project.root / "there")
    assert sync_feedback(at, to=typed).place == str(project.root / where / "mine.json")


def test_a_batch_that_failed_leaves_those_before_it_noted(project: Project) -> None:
    record(project, 2 * MAX_EVENTS + 5)
    with serving(taken, answer(422, b'{"error":"Event 1: field day is missing."}')) as server:
        result = command(project.root, "feedback", "sync", **allowed(server.url))
        assert result.returncode == 1
        assert b"refused what was sent (422)" in result.stderr
        assert b"field day is missing" in result.stderr
    assert [line["count"] for line in synced(project)] == [MAX_EVENTS]
    with serving() as server:
        done = sync_feedback(person(project, **allowed(server.url)))
        assert done.synced == MAX_EVENTS + 5


KILLER = """
import os, signal, sys
from pathlib import Path
real = os.open
def dies(path, *rest, **more):
    if str(path).endswith("sync.jsonl") and rest[0] & os.O_CREAT:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path, *rest, **more)
os.open = dies
from orchestrator_mcp.cli.main import main
sys.exit(main(["feedback", "sync"]))
"""


def test_a_kill_between_sending_and_noting_doubles_nothing_but_the_sending(project: Project) -> None:
    record(project)
    with serving() as server:
        environ = os.environ | allowed(server.url)
        killed = subprocess.run(
            [sys.executable, "-c", KILLER], cwd=project.root, env=environ, check=False, capture_output=True
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(server.bodies) == 1
        assert synced(project) == []
        assert sync_feedback(person(project, **allowed(server.url))).synced == 3
        assert server.bodies[0] == server.bodies[1]
    assert len(synced(project)) == 1


def test_two_syncs_at_once_send_the_same_ids_and_note_one_batch(project: Project) -> None:
    record(project)
    with serving() as server:
        runs = [
            subprocess.Popen([sys.executable, "-m", "orchestrator_mcp.cli", "feedback", "sync"], cwd=project.root, env=os.environ | allowed(server.url), stdout=subprocess.DEVNULL)
            for _ in range(4)
        ]  # fmt: skip
        assert [run.wait() for run in runs] == [0] * 4
        assert len(set(server.bodies)) == 1
    assert len({line["id"] for line in synced(project)}) == 1
    assert sync_status(project.person()).synced == 3


def test_offline_is_no_error(project: Project) -> None:
    record(project)
    with serving() as server:
        gone = server.url
    result = command(project.root, "feedback", "sync", **allowed(gone))
    assert result.returncode == 0
    assert result.stdout.startswith(b"Offline: ")
    assert synced(project) == []


def test_no_tool_of_the_server_sends(project: Project) -> None:
    """Every tool is called, with everything allowed and entries waiting: nobody is asked for anything."""
    record(project)

    async def run(environ: dict[str, str]) -> None:
        server = build_server(
            lambda: open_workspace(environ, project.root, root=str(project.root), own_session=True), toolsets=TOOLSETS
        )
        async with Client(server) as client:
            await call_all(client)

    with serving() as server:
        anyio.run(run, allowed(server.url, HOME=str(project.root / "home")))
        assert server.bodies == []
    assert synced(project) == []


def test_archived_sessions_are_shared_too(project: Project) -> None:
    record(project, 2)
    (session,) = (project.root / ".orchestrator" / "sessions").iterdir()
    archive = project.root / ".orchestrator" / "archive"
    archive.mkdir()
    session.rename(archive / session.name)
    assert sync_feedback(project.person()).synced == 2


@pytest.mark.torn
def test_lines_that_nobody_can_read_are_told(project: Project) -> None:
    at = record(project, 1)
    (path,) = project.root.glob(".orchestrator/sessions/*/feedback/tool.jsonl")
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    assert "and stay: 1." in sync_status(at).warnings[0]
    assert sync_feedback(at).synced == 1


def test_the_status_says_what_is_missing_and_what_was_done(project: Project) -> None:
    record(project)
    shown = command(project.root, "feedback", "sync", "--status").stdout.decode()
    assert "3 entries about the tool: 0 synced, 3 not yet." in shown
    assert "config set feedback_sync true" in shown
    assert "GITHUB_TOKEN" in shown
    done = command(project.root, "feedback", "sync", "--to", "out.json").stdout.decode()
    assert done == (
        f"Synced 3 entries to {project.root / 'out.json'}.\n"
        "It has not left this machine. Read it, then hand it on if you like.\n"
    )
    shown = command(project.root, "feedback", "sync", "--status").stdout.decode()
    assert "3 entries about the tool: 3 synced, 0 not yet." in shown
    assert "Last: " in shown
    again = json.loads(command(project.root, "feedback", "sync", "--to", "out.json", "--force", "--json").stdout)
    status = json.loads(command(project.root, "feedback", "sync", "--status", "--json").stdout)
    assert (again["synced"], again["unsynced"]) == (status["synced"], status["unsynced"]) == (3, 0)
