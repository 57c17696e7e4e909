"""What git makes of each mode: asked of the real git, for every path that a store may have."""

import os
import subprocess
from pathlib import Path

import pytest
from stores import failure, open_workspace

from orchestrator_mcp.errors import ForeignStoreError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.setup import Mode
from orchestrator_mcp.records.streams import STREAMS
from orchestrator_mcp.storage.ignoring import ignore_text, mode_of
from orchestrator_mcp.storage.store import OUR_NAMES, open_store, set_mode
from orchestrator_mcp.storage.travel import NEVER, travels
from orchestrator_mcp.storage.workspace import Workspace

_FOLDERS = ("sessions", "rules", "archive", "reports", "cache", "tmp", "migration_backup", "prd", "secrets")
_IN_SESSION = ("meta.json", "state.json", "lock", "checkpoints/one.json", "workflows/wf_1.json", "log.jsonl.quarantine")
PATHS = sorted(
    {name for name in OUR_NAMES if name not in _FOLDERS}
    | {spec.file if not spec.in_session else f"sessions/s1/{spec.file}" for spec in STREAMS}
    | {f"archive/{Path(spec.file).name}" for spec in STREAMS if spec.in_session}
    | {f"archive/s1/{spec.file}" for spec in STREAMS if spec.in_session}
    | {f"sessions/s1/{name}" for name in _IN_SESSION}
    | {"secrets/redaction.key", "secrets/API_KEY", "cache/index.sqlite", "cache/index.sqlite-wal", "tmp/01k/meta.json"}
    | {"migration_backup/1/originals/.workflow_log.jsonl", "reports/skill_update_suggestions.md", "prd/prd.json"}
    | {"sessions/s1/.state.json.0011223344556677.tmp", ".meta.json.0011223344556677.tmp", ".gitignore"}
)


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True, env=os.environ
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Workspace:
    git(tmp_path, "init", "-q")
    workspace = open_workspace(tmp_path)
    workspace.store()
    for name in PATHS:
        path = workspace.paths.orchestrator_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("{}\n")
    return workspace


def added(workspace: Workspace, mode: Mode) -> set[str]:
    """What `git add -A` takes of the store."""
    set_mode(workspace.paths, workspace.locks.of(workspace.paths.orchestrator_dir), mode)
    root = workspace.paths.base_dir
    git(root, "read-tree", "--empty")
    git(root, "add", "-A", ".")
    return {name.removeprefix(".orchestrator/") for name in git(root, "ls-files", "-z").split("\0") if name}


@pytest.mark.parametrize("private", [False, True])
def test_in_portable_mode_git_takes_exactly_what_may_travel(repository: Workspace, private: bool) -> None:
    mode = Mode.PORTABLE_WITH_PRIVATE if private else Mode.PORTABLE
    taken = added(repository, mode)
    assert taken == {name for name in PATHS if travels(name, include_private=private)}
    assert ("sessions/s1/feedback/process.jsonl" in taken) is private
    assert "sessions/s1/failures.jsonl" in taken
    assert not [name for name in taken if name.startswith(NEVER)]


def test_in_the_other_modes_git_takes_nothing_or_the_settings(repository: Workspace) -> None:
    assert added(repository, Mode.PRIVATE) == set()
    assert added(repository, Mode.SHARE_CONFIG) == {"config.yaml", ".gitignore"}
    assert added(repository, Mode.PRIVATE) == set()


def test_every_name_of_ours_is_among_the_paths_that_were_tried() -> None:
    assert set(OUR_NAMES) <= {name.split("/")[0] for name in PATHS}


@pytest.mark.parametrize("mode", Mode)
def test_a_mode_is_known_by_its_ignore_file(mode: Mode) -> None:
    text = ignore_text(mode)
    assert mode_of(text) is mode
    assert mode_of(text.replace(b": ", b": in other words, ")) is mode
    assert mode_of(text + b"\n") is mode
    assert mode_of(text + b"/mine\n") is None
    assert mode_of(b"/mine\n" + text) is None


@pytest.mark.parametrize("text", ["*\n/mine\n", "/logs\n", "# mine\n*\n", "*\r\n", "!secrets\n"])
def test_lines_of_somebody_else_are_not_replaced(tmp_path: Path, text: str) -> None:
    workspace = open_workspace(tmp_path)
    workspace.store()
    ignore = tmp_path / ".orchestrator/.gitignore"
    ignore.write_bytes(text.encode())
    for mode in Mode:
        with pytest.raises(ForeignStoreError, match="not ours alone"):
            set_mode(workspace.paths, workspace.locks.of(workspace.paths.orchestrator_dir), mode)
    assert ignore.read_bytes() == text.encode()


def test_where_another_tool_lives_the_mode_is_not_ours_to_choose(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").mkdir()
    (tmp_path / ".orchestrator/agents.toml").write_text("x = 1\n")
    workspace = open_workspace(tmp_path)
    workspace.store()
    before = (tmp_path / ".orchestrator/.gitignore").read_bytes()
    with pytest.raises(ForeignStoreError, match="another tool"):
        set_mode(workspace.paths, workspace.locks.of(workspace.paths.orchestrator_dir), Mode.PORTABLE)
    assert (tmp_path / ".orchestrator/.gitignore").read_bytes() == before


def test_a_clone_that_brings_the_settings_alone_is_no_other_tools_folder(tmp_path: Path) -> None:
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    git(source, "init", "-q")
    first = open_workspace(source)
    first.store()
    first.paths.config_file().write_text("min_frequency: 5\n")
    set_mode(first.paths, first.locks.of(first.paths.orchestrator_dir), Mode.SHARE_CONFIG)
    git(source, "add", "-A")
    git(source, "commit", "-qm", "x")
    git(tmp_path, "clone", "-q", str(source), str(clone))
    second = open_workspace(clone)
    assert second.meta is None
    second.stream(Failure).append(failure())
    assert second.config.min_frequency == 5
    assert (clone / ".orchestrator").stat().st_mode & 0o777 == 0o700
    assert git(clone, "status", "--short") == ""


def test_a_clone_of_a_portable_store_is_the_same_store(tmp_path: Path) -> None:
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    git(source, "init", "-q")
    first = open_workspace(source, own_session=True)
    first.stream(Failure).append(failure("seen before"))
    set_mode(first.paths, first.locks.of(first.paths.orchestrator_dir), Mode.PORTABLE)
    git(source, "add", "-A")
    git(source, "commit", "-qm", "x")
    git(tmp_path, "clone", "-q", str(source), str(clone))
    second = open_workspace(clone, own_session=True)
    assert second.store().repo_id == first.store().repo_id
    assert [one.context for one in second.read(Failure).records] == ["seen before"]
    second.stream(Failure).append(failure("new"))
    assert second.key() != first.key()
    assert {line[:2] for line in git(clone, "status", "--short").splitlines()} == {"??"}, "only new sessions"
    assert (clone / ".orchestrator").stat().st_mode & 0o777 == 0o700


def test_a_lost_ignore_file_keeps_everything_private(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    workspace.store()
    set_mode(workspace.paths, workspace.locks.of(workspace.paths.orchestrator_dir), Mode.PORTABLE)
    (tmp_path / ".orchestrator/.gitignore").unlink()
    again = open_workspace(tmp_path)
    open_store(again.paths, again.locks.of(again.paths.orchestrator_dir), again.now())
    assert (tmp_path / ".orchestrator/.gitignore").read_bytes() == ignore_text(Mode.PRIVATE)
