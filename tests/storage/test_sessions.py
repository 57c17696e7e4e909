"""Sessions: which one a process works in, and what may never be overwritten."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from racers import race
from stores import failure, open_workspace

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError, ReadOnlyError, UnsafePathError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.workspace import open_workspace as open_from
from orchestrator_mcp.storage.sessions import SessionManager, check_session_id
from orchestrator_mcp.storage.workspace import Workspace

UNSAFE = [
    "", ".", "..", "../x", "x/y", "x\\y", "/etc", "~", "-rf", ".hidden", "a..b", "x\0y", "x\ny", "x ", " x", "é", "x:y",
    "con", "NUL", "nul.txt", "com1", "LPT9.log", "x" * 65, "$(id)", "a\u202eb", "x\n",
]  # fmt: skip


def everything(root: Path) -> dict[str, tuple[int, bytes | None]]:
    """Each name below a folder, with its mode and content."""
    return {
        path.relative_to(root).as_posix(): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else None,
        )
        for path in sorted(root.rglob("*"))
    }


def agent(root: Path, **settings: Any) -> Workspace:
    return open_workspace(root, own_session=True, **settings)


def manager(root: Path) -> SessionManager:
    return open_workspace(root).sessions


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_an_unsafe_id_is_refused_and_makes_nothing(tmp_path: Path, unsafe: str) -> None:
    with pytest.raises(InvalidInputError):
        check_session_id(unsafe)
    workspace = open_workspace(tmp_path, session=unsafe or "..")
    with pytest.raises(InvalidInputError):
        workspace.session_id()
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("safe", ["x", "A-1", "2026.11.21", "a_b", "x" * 64, "console", "a.b.c"])
def test_a_safe_id_is_kept_as_it_is(tmp_path: Path, safe: str) -> None:
    assert open_workspace(tmp_path, session=safe).session_id() == safe
    assert manager(tmp_path).list_sessions() == [safe]


def test_two_agents_of_one_project_work_in_different_sessions(tmp_path: Path) -> None:
    one, two = agent(tmp_path), agent(tmp_path)
    for workspace in (one, two):
        workspace.stream(Failure).append(failure(session_id=workspace.session_id()))
    assert one.session_id() != two.session_id()
    assert [len(one.read(Failure, workspace.session_id()).records) for workspace in (one, two)] == [1, 1]
    assert len(one.read(Failure).records) == 2


def test_two_processes_of_two_agents_never_share_a_session(tmp_path: Path) -> None:
    assert len(set(race("own", 8, tmp_path))) == 8


def test_processes_of_one_conversation_started_at_once_share_its_session(tmp_path: Path) -> None:
    for number in range(3):
        root = tmp_path / str(number)
        root.mkdir()
        ids = race("session", 8, root, "c0ffee-uuid")
        assert len(set(ids)) == 1
        assert manager(root).list_sessions() == ids[:1]
        assert len(open_workspace(root).read(Failure).records) == 8
        assert os.listdir(root / ".orchestrator/tmp") == []


@pytest.mark.parametrize("idle", [False, True])
def test_first_commands_at_once_open_one_session(tmp_path: Path, *, idle: bool) -> None:
    """Also those that find a current session in which nobody worked for long."""
    for number in range(5):
        root = tmp_path / str(number)
        root.mkdir()
        if idle:
            old = open_workspace(root).session_id()
            for path in (root / ".orchestrator").rglob("*"):
                os.utime(path, (0, 0))
        ids = race("current", 6, root)
        assert len(set(ids)) == 1
        assert manager(root).get_current_session() == ids[0]
        assert manager(root).list_sessions() == ([old, ids[0]] if idle else [ids[0]])
        assert len(open_workspace(root).read(Failure).records) == 6
        assert os.listdir(root / ".orchestrator/tmp") == []


def test_sixteen_processes_that_need_a_store_make_one(tmp_path: Path) -> None:
    for number in range(3):
        root = tmp_path / str(number)
        root.mkdir()
        answers = race("store", 16, root)
        assert len({tuple(answer) for answer in answers}) == 1, "one repo_id and one key"
        names = set(os.listdir(root / ".orchestrator"))
        assert names <= {"meta.json", "lock", ".gitignore", "secrets"}, "nothing half-made is left"
        assert (root / ".orchestrator/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("asked", "environ", "is_own", "used"),
    [
        ("argument", {"ORCHESTRATOR_SESSION_ID": "env", "CLAUDE_CODE_SESSION_ID": "c"}, True, "argument"),
        (None, {"ORCHESTRATOR_SESSION_ID": "env", "CLAUDE_CODE_SESSION_ID": "c"}, True, "env"),
        (None, {"CLAUDE_CODE_SESSION_ID": "c"}, True, "client"),
        (None, {"CLAUDE_CODE_SESSION_ID": "c"}, False, "client"),
        (None, {}, True, "own"),
        (None, {}, False, "current"),
        ("argument", {}, False, "argument"),
        (None, {"ORCHESTRATOR_SESSION_ID": "", "CLAUDE_CODE_SESSION_ID": ""}, False, "current"),
    ],
)
def test_the_argument_wins_over_environment_over_client_over_own_over_current(
    tmp_path: Path, asked: str | None, environ: dict[str, str], is_own: bool, used: str
) -> None:
    open_workspace(tmp_path, session="current").session_id()
    root = str(tmp_path)
    workspace = open_from(environ, tmp_path, root=root, session=asked, own_session=is_own)
    before = workspace.known_session()
    found = workspace.session_id()
    if used == "client":
        assert found == workspace.sessions.client_session_id("c")
        assert workspace.sessions.read(found).client_session == "c"
    elif used == "own":
        assert found not in {"argument", "env", "current"}
        assert before is None
    else:
        assert found == used
    assert workspace.sessions.get_current_session() == "current", "a live one is never overwritten"


def test_the_first_session_becomes_current(tmp_path: Path) -> None:
    first = agent(tmp_path).session_id()
    agent(tmp_path).session_id()
    assert open_workspace(tmp_path).session_id() == first


def _write(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


CURRENT: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "empty": _write(b""),
    "dangling": _write(b"01aaaaaaaaaaaaaaaaaaaaaaaa\n"),
    "traversal": _write(b"../../outside\n"),
    "dots": _write(b"..\n"),
    "absolute": _write(b"/etc\n"),
    "garbage": _write(bytes(range(256))),
    "huge": _write(b"x" * (2 << 20)),
    "long": _write(b"x" * 5000),
    "several lines": _write(b"live\nlive\n"),
    "link out": lambda path: path.symlink_to("../outside"),
    "link to a file": lambda path: path.symlink_to("../precious"),
    "link in a circle": lambda path: path.symlink_to("current"),
}


@pytest.mark.parametrize("kind", CURRENT)
def test_a_current_that_names_no_session_is_replaced_and_never_written_through(tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    open_workspace(tmp_path, session="live").session_id()
    current = tmp_path / ".orchestrator/current"
    current.unlink()
    CURRENT[kind](current)
    workspace = open_workspace(tmp_path)
    assert workspace.sessions.get_current_session() is None
    new = workspace.session_id()
    assert new != "live"
    assert current.read_bytes() == new.encode() + b"\n"
    assert not current.is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert os.listdir(tmp_path / "outside") == []


def test_a_current_that_is_a_pipe_or_a_folder_hangs_nobody(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path, session="live")
    workspace.session_id()
    current = tmp_path / ".orchestrator/current"
    current.unlink()
    os.mkfifo(current)
    assert workspace.sessions.get_current_session() is None
    current.unlink()
    current.mkdir()
    assert workspace.sessions.get_current_session() is None


def test_a_current_that_another_tool_made_a_link_is_read(tmp_path: Path) -> None:
    open_workspace(tmp_path, session="live").session_id()
    current = tmp_path / ".orchestrator/current"
    current.unlink()
    current.symlink_to("sessions/live")
    assert open_workspace(tmp_path).session_id() == "live"
    manager(tmp_path).set_current_session("live")
    assert not current.is_symlink()
    assert not (tmp_path / ".orchestrator/sessions/live").is_symlink()


def test_current_can_only_name_a_session_that_exists(tmp_path: Path) -> None:
    open_workspace(tmp_path, session="live").session_id()
    with pytest.raises(NotFoundError):
        manager(tmp_path).set_current_session("nobody")
    with pytest.raises(InvalidInputError):
        manager(tmp_path).set_current_session("../live")


def test_only_folders_with_safe_names_are_sessions(tmp_path: Path) -> None:
    open_workspace(tmp_path, session="live").session_id()
    folder = tmp_path / ".orchestrator/sessions"
    (folder / "linked").symlink_to(folder / "live")
    (folder / "file").touch()
    (folder / ".hidden").mkdir()
    (folder / "with space").mkdir()
    assert manager(tmp_path).list_sessions() == ["live"]
    assert not manager(tmp_path).exists("linked")
    with pytest.raises(NotFoundError):
        open_workspace(tmp_path).read(Failure, "linked")


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_what_stands_where_a_session_should_be_is_left_alone(tmp_path: Path, kind: str) -> None:
    workspace = open_workspace(tmp_path, session="taken")
    workspace.store()
    (tmp_path / "outside").mkdir()
    place = tmp_path / ".orchestrator/sessions/taken"
    place.parent.mkdir()
    if kind == "file":
        place.write_bytes(b"precious")
    else:
        place.symlink_to(tmp_path / ("outside" if kind == "link" else "nowhere"))
    with pytest.raises(UnsafePathError, match="not a folder of ours"):
        workspace.session_id()
    assert kind != "file" or place.read_bytes() == b"precious"
    assert os.listdir(tmp_path / "outside") == []


def test_a_sessions_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    workspace = agent(tmp_path)
    workspace.store()
    (tmp_path / "outside").mkdir()
    (tmp_path / ".orchestrator/sessions").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafePathError):
        workspace.session_id()
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{", b'{"session_id":7}', b"\xff", b'{"session_id":null}'])
def test_a_session_whose_description_is_spoilt_says_so_but_keeps_its_records(tmp_path: Path, data: bytes) -> None:
    workspace = open_workspace(tmp_path, session="live")
    workspace.stream(Failure).append(failure())
    (tmp_path / ".orchestrator/sessions/live/meta.json").write_bytes(data)
    with pytest.raises(NotFoundError, match="live"):
        workspace.sessions.read("live")
    assert len(open_workspace(tmp_path).read(Failure).records) == 1
    open_workspace(tmp_path, session="live").stream(Failure).append(failure())


def test_a_session_knows_its_worktree_and_whose_it_is(tmp_path: Path) -> None:
    main, work = tmp_path / "main", tmp_path / "work"
    main.mkdir()
    work.mkdir()
    there = open_workspace(main, work, client="claude-code", client_session="c", own_session=True)
    described = there.sessions.read(there.session_id())
    assert (described.worktree, described.repo_root) == (str(work), str(main))
    assert (described.client, described.client_session) == ("claude-code", "c")
    assert os.listdir(work) == []
    here = agent(main)
    assert here.sessions.read(here.session_id()).worktree is None


def test_fields_of_a_newer_version_are_kept_in_a_description(tmp_path: Path) -> None:
    open_workspace(tmp_path, session="live").session_id()
    path = tmp_path / ".orchestrator/sessions/live/meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mood": "fine"}))
    assert manager(tmp_path).read("live").model_dump()["mood"] == "fine"


@pytest.mark.parametrize("what", [".orchestrator", ".orchestrator/sessions"])
def test_a_server_whose_store_is_removed_goes_on_in_a_new_one(tmp_path: Path, what: str) -> None:
    workspace = agent(tmp_path)
    workspace.stream(Failure).append(failure())
    workspace.index()
    shutil.rmtree(tmp_path / what)
    assert workspace.read(Failure).records == []
    with workspace.index().open() as db:
        assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (0,)
    assert not (tmp_path / what).exists(), "a read makes nothing"
    workspace.stream(Failure).append(failure("after"))
    assert [one.context for one in workspace.read(Failure).records] == ["after"]
    assert [one.context for one in open_workspace(tmp_path).read(Failure).records] == ["after"]


def test_a_named_session_that_is_removed_appears_again_under_its_name(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path, session="live")
    workspace.stream(Failure).append(failure())
    shutil.rmtree(tmp_path / ".orchestrator/sessions/live")
    workspace.stream(Failure).append(failure("after"))
    assert workspace.session_id() == "live"
    assert manager(tmp_path).read("live").session_id == "live"


@pytest.mark.parametrize("is_there", [True, False])
def test_read_only_makes_nothing_at_all(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        workspace = agent(tmp_path)
        workspace.stream(Failure).append(failure())
        workspace.close()
    before = everything(tmp_path)
    reader = agent(tmp_path, read_only=True)
    reader.touch()
    assert len(reader.read(Failure).records) == is_there
    with reader.index().open() as db:
        assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (int(is_there),)
    attempts: list[Callable[[], object]] = [
        reader.store,
        reader.session_id,
        lambda: reader.stream(Failure),
        lambda: reader.write_report("x.md", "x"),
        lambda: reader.stream(Failure, reader.sessions.list_sessions()[0] if is_there else "x"),
    ]
    for attempt in attempts:
        with pytest.raises((ReadOnlyError, NotFoundError)):
            attempt()
    reader.close()
    assert everything(tmp_path) == before


def test_reading_where_no_store_is_makes_nothing(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    assert workspace.read(Failure).records == []
    assert workspace.known_session() is None
    workspace.touch()
    workspace.index()
    workspace.close()
    assert everything(tmp_path) == {}


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").write_bytes(b"a file")
    for act in (agent(tmp_path).session_id, open_workspace(tmp_path).store):
        with pytest.raises(OrchestratorError):
            act()


def test_what_killed_builders_left_is_swept_after_a_day(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.agent().session_id()
    old, fresh = (tmp_path / ".orchestrator" / "tmp" / name for name in ("old", "fresh"))
    for stage in (old, fresh):
        stage.mkdir()
        (stage / "meta.json").write_text("{}")
    os.utime(old, (0, 0))
    project.agent().session_id()
    assert (old.exists(), fresh.exists()) == (False, True)
