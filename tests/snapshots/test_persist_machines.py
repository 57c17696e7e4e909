"""Two clones and a bare repository between them: what the one saved, the other has."""

import shutil
import subprocess
from pathlib import Path

import pytest
from persist_world import BRANCH, git, here, logged, repository, untouched
from projects import Project
from snapshot_world import fill, reviewed

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.snapshot import ImportAction
from orchestrator_mcp.services.persistence import persist_status, restore_at_first, restore_state, save_state

PUSHED = {"ORCHESTRATOR_STATE_REMOTE": "origin"}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return repository(tmp_path / "remote.git", "--bare")


@pytest.fixture
def clones(tmp_path: Path, remote: Path) -> tuple[Path, Path]:
    one, two = repository(tmp_path / "one"), repository(tmp_path / "two")
    for root in (one, two):
        git(root, "remote", "add", "origin", str(remote))
    return one, two


def test_a_fresh_clone_gives_the_same_review(remote: Path, tmp_path: Path) -> None:
    one = Project(repository(tmp_path / "one"))
    git(one.root, "remote", "add", "origin", str(remote))
    fill(one)
    git(one.root, "commit", "-q", "--allow-empty", "-m", "x")
    git(one.root, "push", "-q", "origin", "HEAD:main")
    assert save_state(here(one.root, **PUSHED)).pushed_to == "origin"
    subprocess.run(["git", "clone", "-q", "-b", "main", str(remote), str(tmp_path / "two")], check=True)
    two = Project(tmp_path / "two")
    before = untouched(two.root)
    assert restore_state(here(two.root, **PUSHED)).action is ImportAction.IMPORTED
    assert untouched(two.root) == before
    two.now = one.now
    assert reviewed(two.person()) == reviewed(one.person())
    assert reviewed(two.person())["patterns"]
    assert two.person().meta.repo_id == one.person().meta.repo_id  # type: ignore[union-attr]
    assert persist_status(here(two.root)).unsaved == []
    names = {path.name for path in two.root.rglob("*.jsonl")}
    assert "agent_invocations.jsonl" not in names


def test_both_keep_what_the_other_saved(clones: tuple[Path, Path], remote: Path) -> None:
    ids = [logged(root, f"it broke in {root.name}", **PUSHED) for root in clones]
    for root in (*clones, clones[0]):
        assert save_state(here(root, **PUSHED)).pushed_to == "origin"
    for root in clones:
        restore_state(here(root, **PUSHED))
        assert {one.id for one in here(root).read(Failure).records} >= set(ids)
    assert git(remote, "rev-parse", BRANCH) == git(clones[0], "rev-parse", BRANCH)
    assert git(clones[0], "rev-list", "--max-parents=0", "--count", BRANCH).strip() == "1"


def test_a_session_that_went_on_elsewhere_loses_no_line(clones: tuple[Path, Path]) -> None:
    environ = {**PUSHED, "CLAUDE_CODE_SESSION_ID": "one-conversation"}
    first = logged(clones[0], "before the machine was thrown away", **environ)
    save_state(here(clones[0], **environ))
    restore_state(here(clones[1], **environ))
    second = logged(clones[1], "on the next machine", **environ)
    third = logged(clones[0], "the first machine was not gone after all", **environ)
    for root in (*clones, clones[0]):
        save_state(here(root, **environ))
    shutil.rmtree(clones[1] / ".orchestrator")
    restore_state(here(clones[1], **environ))
    found = here(clones[1]).read(Failure).records
    assert [one.id for one in found].count(first) == 1
    assert {one.id for one in found} == {first, second, third}


def test_a_push_that_fails_is_a_warning(clones: tuple[Path, Path], remote: Path) -> None:
    logged(clones[0], "it broke")
    shutil.rmtree(remote)
    saved = save_state(here(clones[0], **PUSHED))
    assert saved.saved
    assert saved.pushed_to is None
    assert "could not be asked" in saved.warnings[0]
    assert restore_state(here(clones[0], **PUSHED)).warnings
    for name in ("nowhere", "--upload-pack=touch /tmp/x", str(remote), "https://example.com/x.git"):
        saved = save_state(here(clones[0], ORCHESTRATOR_STATE_REMOTE=name))
        assert "no remote of that name" in saved.warnings[0]


def test_a_remote_that_refuses_is_a_warning(clones: tuple[Path, Path], remote: Path) -> None:
    (remote / "hooks").mkdir(exist_ok=True)
    (remote / "hooks" / "pre-receive").write_text("#!/bin/sh\necho no thanks >&2\nexit 1\n")
    (remote / "hooks" / "pre-receive").chmod(0o755)
    logged(clones[0], "it broke")
    saved = save_state(here(clones[0], **PUSHED))
    assert saved.saved
    assert saved.pushed_to is None
    assert "not pushed to origin" in saved.warnings[0]


def test_a_foreign_branch_on_the_remote_is_left_alone(clones: tuple[Path, Path], remote: Path) -> None:
    git(clones[1], "commit", "-q", "--allow-empty", "-m", "mine")
    git(clones[1], "push", "-q", "origin", f"HEAD:{BRANCH}")
    tip = git(remote, "rev-parse", BRANCH)
    logged(clones[0], "it broke")
    with pytest.raises(SnapshotError, match="not begun by us"):
        save_state(here(clones[0], **PUSHED))
    assert git(remote, "rev-parse", BRANCH) == tip


def test_nothing_is_pushed_that_nobody_asked_for(clones: tuple[Path, Path], remote: Path) -> None:
    logged(clones[0], "it broke")
    assert save_state(here(clones[0])).pushed_to is None
    (clones[0] / ".orchestrator" / "config.yaml").write_text("state_remote: origin\n")
    assert save_state(here(clones[0])).pushed_to is None
    assert git(remote, "for-each-ref") == ""


def test_a_fresh_machine_brings_it_back_by_itself(clones: tuple[Path, Path]) -> None:
    pattern = {**PUSHED, "ORCHESTRATOR_STATE_BRANCH": "state-<repo-id>"}
    failure = logged(clones[0], "it broke", **pattern)
    repo_id = here(clones[0]).meta.repo_id  # type: ignore[union-attr]
    assert save_state(here(clones[0], **pattern)).branch == f"state-{repo_id}"
    for environ in ({}, {"ORCHESTRATOR_WEB_MODE": "false", "CODESPACES": "true"}):
        assert here(clones[1], **pattern, **environ).meta is None, "nobody asked for it"
    there = here(clones[1], **pattern, CODESPACES="true")
    assert [one.id for one in there.read(Failure).records] == [failure]
    assert there.meta.repo_id == repo_id  # type: ignore[union-attr]
    assert restore_at_first(there) == ()


def test_of_several_saved_states_none_is_guessed(clones: tuple[Path, Path], tmp_path: Path) -> None:
    pattern = {**PUSHED, "ORCHESTRATOR_STATE_BRANCH": "state-<repo-id>"}
    for root in clones:
        logged(root, "it broke")
        save_state(here(root, **pattern))
    third = repository(tmp_path / "three")
    git(third, "remote", "add", "origin", str(tmp_path / "remote.git"))
    with pytest.raises(SnapshotError, match="2 saved states"):
        restore_state(here(third, **pattern))
    assert not (third / ".orchestrator").exists()
