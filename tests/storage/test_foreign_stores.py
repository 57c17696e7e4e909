"""A store's identity: another tool's folder is left alone, a newer version's is only read."""

import json
from pathlib import Path
from typing import Any

import pytest
from stores import failure, failures, open_workspace, suggestion
from test_sessions import everything

from orchestrator_mcp.errors import ForeignStoreError, ReadOnlyError, StorageError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.storage.store import OUR_NAMES, git_remote

FOREIGN: dict[str, dict[str, str]] = {
    "a config": {"config.yaml": "agents: 3\n"},
    "sessions": {"sessions/1/events.jsonl": "{}\n"},
    "an empty sessions folder": {"sessions/": ""},
    "a database beside a config": {"state.db": "SQLite", "config.yaml": "x: 1\n"},
    "another's meta": {"meta.json": '{"tool":"conductor","version":3}'},
    "a meta that is a list": {"meta.json": "[]"},
    "an empty meta": {"meta.json": ""},
    "a meta without an id": {"meta.json": '{"tool":"orchestrator-mcp","format":1}'},
    "a current": {"current": "task-7\n"},
    "rules": {"rules/one.md": "be good\n"},
    "its own ignore list": {".gitignore": "/logs\n", "agents.toml": "x\n"},
}


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / ".orchestrator" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_text(text)


@pytest.mark.torn
@pytest.mark.parametrize("kind", FOREIGN)
def test_another_tools_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, FOREIGN[kind])
    before = everything(tmp_path)
    workspace = open_workspace(tmp_path, own_session=True)
    with pytest.raises(ForeignStoreError, match="--root"):
        workspace.store()
    with pytest.raises(ForeignStoreError):
        workspace.session_id()
    after = everything(tmp_path)
    after.pop(".orchestrator/lock", None)
    assert after == before


@pytest.mark.torn
@pytest.mark.parametrize("name", OUR_NAMES)
def test_any_name_of_ours_that_is_taken_makes_the_folder_foreign(tmp_path: Path, name: str) -> None:
    lay(tmp_path, {"agents.toml": "x", f"{name}/" if name != "meta.json" else name: "{}"})
    if name == "lock":
        with pytest.raises(StorageError):
            open_workspace(tmp_path).store()
        return
    with pytest.raises(ForeignStoreError):
        open_workspace(tmp_path).store()


def test_a_folder_with_none_of_our_names_is_lived_beside(tmp_path: Path) -> None:
    lay(tmp_path, {"agents.toml": "x = 1\n", "logs/one.txt": "x\n"})
    workspace = open_workspace(tmp_path, own_session=True)
    workspace.stream(Failure).append(failure())
    workspace.index()
    ignored = (tmp_path / ".orchestrator/.gitignore").read_text().split()
    assert ignored == [f"/{name}" for name in OUR_NAMES]
    assert (tmp_path / ".orchestrator/agents.toml").read_text() == "x = 1\n"
    ours = {path.name for path in (tmp_path / ".orchestrator").iterdir()} - {"agents.toml", "logs", ".gitignore"}
    assert ours <= set(OUR_NAMES), "each name that we make is on the list"


@pytest.mark.parametrize("extra", ["", "/logs\n", "*.tmp\r\n"])
def test_an_ignore_list_that_names_ours_is_kept_as_it_is(tmp_path: Path, extra: str) -> None:
    text = extra + "".join(f"/{name}\n" for name in OUR_NAMES)
    lay(tmp_path, {"agents.toml": "x", ".gitignore": text})
    open_workspace(tmp_path).store()
    assert (tmp_path / ".orchestrator/.gitignore").read_text() == text.replace("\r\n", "\n")


def test_a_store_of_ours_that_was_killed_while_being_made_is_finished(tmp_path: Path) -> None:
    for files in (
        {"lock": ""},
        {"lock": "", ".gitignore": "*\n"},
        {"lock": "", ".meta.json.0011223344556677.tmp": "{"},
    ):
        root = tmp_path / str(len(files)) / "-".join(files)
        lay(root, files)
        open_workspace(root).store()
        assert (root / ".orchestrator/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 99, "shape": "new"}])
def test_a_newer_format_is_read_but_not_written(tmp_path: Path, change: dict[str, Any]) -> None:
    workspace = open_workspace(tmp_path, session="live")
    workspace.stream(Failure).append(failure("old"))
    workspace.stream(Suggestion).append(suggestion())
    workspace.close()
    meta = tmp_path / ".orchestrator/meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | change))
    before = everything(tmp_path / ".orchestrator/sessions") | everything(tmp_path / ".orchestrator/rules")
    newer = open_workspace(tmp_path, session="live")
    assert [one.context for one in newer.read(Failure).records] == ["old"]
    assert len(newer.read(Suggestion).records) == 1
    for act in (
        newer.session_id,
        lambda: newer.stream(Failure),
        lambda: newer.stream(Failure, "live"),
        lambda: newer.stream(Suggestion),
        lambda: newer.write_report("x.md", "x"),
    ):
        with pytest.raises(ForeignStoreError, match="Update"):
            act()
    assert everything(tmp_path / ".orchestrator/sessions") | everything(tmp_path / ".orchestrator/rules") == before


def test_unknown_fields_of_a_meta_are_no_reason_to_refuse(tmp_path: Path) -> None:
    first = open_workspace(tmp_path).store()
    meta = tmp_path / ".orchestrator/meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"mood": "fine"}))
    assert open_workspace(tmp_path).store().repo_id == first.repo_id


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_meta_that_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, {"other": "x"})
    meta = tmp_path / ".orchestrator/meta.json"
    if kind == "link":
        open_workspace(tmp_path / ".orchestrator").store()
        meta.symlink_to(tmp_path / ".orchestrator/.orchestrator/meta.json")
    else:
        meta.mkdir()
    with pytest.raises((StorageError, ForeignStoreError)):
        open_workspace(tmp_path).store()


def test_a_store_folder_that_is_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError):
        open_workspace(tmp_path).store()
    assert not (tmp_path / "nowhere").exists()


def test_a_read_only_workspace_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(ReadOnlyError):
        open_workspace(tmp_path, read_only=True).key()
    assert list(tmp_path.iterdir()) == []
    key = open_workspace(tmp_path).key()
    assert open_workspace(tmp_path, read_only=True).key() == key


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 33])
def test_a_key_of_the_wrong_length_is_made_anew(tmp_path: Path, data: bytes) -> None:
    open_workspace(tmp_path).store()
    path = tmp_path / ".orchestrator/secrets/redaction.key"
    path.write_bytes(data)
    key = open_workspace(tmp_path).key()
    assert len(key) == 32
    assert path.read_bytes() == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_workspace(tmp_path).key() == key


@pytest.mark.parametrize(
    ("url", "short"),
    [
        ("https://github.com/owner/name.git", "github.com/owner/name"),
        ("https://user:token@github.com/owner/name", "github.com/owner/name"),
        ("https://user:pa@ss@github.com:8443/owner/name.git", "github.com/owner/name"),
        ("git@github.com:owner/name.git", "github.com/owner/name"),
        ("ssh://git@git.example.org:22/owner/name.git", "git.example.org/owner/name"),
        ("https://[broken/owner", None),
        ("/srv/git/name.git", None),
        ("", None),
    ],
)
def test_the_remote_is_kept_without_its_credentials(tmp_path: Path, url: str, short: str | None) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n')
    assert git_remote(tmp_path) == short


@pytest.mark.parametrize("config", [b"\xff\xfe", b"no section", b"[remote", b'[remote "origin"]\nurl\n', b"\0" * 99])
def test_a_git_config_that_cannot_be_read_names_no_remote(tmp_path: Path, config: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_bytes(config)
    assert git_remote(tmp_path) is None
    assert open_workspace(tmp_path).store().git_remote is None


def test_records_of_one_model_beside_a_store_need_no_store(tmp_path: Path) -> None:
    failures(tmp_path).append(failure())
    assert len(failures(tmp_path).read().records) == 1


def test_a_persons_own_settings_are_no_other_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    lay(tmp_path, {"config.yaml": "min_frequency: 4\n", "secrets/": "", "templates/": ""})
    before = everything(tmp_path)
    with pytest.raises(ForeignStoreError, match=r"your own settings lie.*name one with --root"):
        open_workspace(tmp_path).store()
    assert everything(tmp_path) == before


def test_a_damaged_meta_names_the_way_to_mend_it(tmp_path: Path) -> None:
    open_workspace(tmp_path).store()
    (tmp_path / ".orchestrator/meta.json").write_text("{")
    with pytest.raises(ForeignStoreError, match="If it was damaged, `orchestrator doctor` says how to mend it"):
        open_workspace(tmp_path).store()
