"""There and back again."""

import os
import shutil
from pathlib import Path

import pytest
from crash_disk import read_tree
from migration_world import EVENT, NAMES, lines, make_legacy, migrate, outside, session_of, workspace

from orchestrator_mcp.errors import MigrationError
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage.manifests import KEPT
from orchestrator_mcp.storage.migration import recover

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def test_there_and_back_restores_everything(project: Path) -> None:
    before = outside(project)
    migrate(project)
    result = rollback(workspace(project))
    assert result.action is Action.ROLLED_BACK
    assert result.legacy_detected
    assert outside(project) == before
    store = project / ".orchestrator"
    assert not list((store / "sessions").iterdir())
    assert not list((store / "migration_backup").iterdir())
    assert not (store / ".migration_complete").exists()
    assert rollback(workspace(project)).action is Action.NOTHING_TO_DO


def test_a_real_project_goes_there_and_back_byte_for_byte(tmp_path: Path, shared_data: Path) -> None:
    project = tmp_path / "real"
    shutil.copytree(shared_data / "legacy" / "workflow_project", project)
    os.chmod(project, 0o755)
    os.chmod(project / NAMES[2], 0o755)
    (project / NAMES[2] / "empty").mkdir()
    os.chmod(project / NAMES[2], 0o555)
    before = outside(project)
    result = migrate(project)
    assert (session_of(project, result) / "log.jsonl").read_bytes() == before[NAMES[1]][3]
    assert (session_of(project, result) / "state.json").read_bytes() == before[NAMES[0]][3]
    assert set(outside(project)) == {"workflow.yaml"}
    rollback(workspace(project))
    assert outside(project) == before


@pytest.mark.parametrize("mode", [0o777, 0o700, 0o400])
def test_any_mode_comes_back(project: Path, mode: int) -> None:
    """On some file systems everything can be run."""
    for name in NAMES:
        os.chmod(project / name, mode if (project / name).is_file() else 0o777)
    before = outside(project)
    migrate(project)
    assert rollback(workspace(project)).action is Action.ROLLED_BACK
    assert outside(project) == before


def test_rollback_refuses_to_hide_what_was_written_since(project: Path) -> None:
    before = outside(project)
    result = migrate(project)
    log = session_of(project, result) / "log.jsonl"
    log.write_bytes(log.read_bytes() + b"\n" + lines(EVENT))
    kept = log.read_bytes()
    with pytest.raises(MigrationError, match=r"was written to since\. Use --force"):
        rollback(workspace(project))
    forced = rollback(workspace(project), force=True)
    assert outside(project) == before
    backup = project / ".orchestrator" / "migration_backup" / str(result.session_id)
    assert (backup / "sessions" / str(result.session_id) / "log.jsonl").read_bytes() == kept
    assert "It is kept in" in forced.warnings[-1]
    assert migrate(project).action is Action.MIGRATED


def test_a_forced_rollback_puts_aside_what_stands_in_the_way(project: Path) -> None:
    before = outside(project)
    migrate(project)
    (project / NAMES[0]).write_text("mine")
    forced = rollback(workspace(project), force=True)
    assert outside(project) == before
    aside = list(project.glob(".orchestrator/migration_backup/*/displaced/*"))
    assert [path.read_text() for path in aside] == ["mine"]
    assert str(aside[0]) in forced.warnings[0]


def test_a_linked_work_tree_is_migrated_into_the_main_store(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    make_legacy(linked)
    before = read_tree(linked)
    result = migrate_state(workspace(main, linked), dry_run=False)
    assert session_of(main, result).is_dir()
    assert set(read_tree(linked)) == {"src.py"}
    assert rollback(workspace(main)).action is Action.NOTHING_TO_DO
    assert rollback(workspace(main, linked)).action is Action.ROLLED_BACK
    assert read_tree(linked) == before


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system at /dev/shm")
def test_originals_on_another_file_system_go_there_and_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    far = Path("/dev/shm") / f"orchestrator-test-{os.getpid()}"
    request.addfinalizer(lambda: shutil.rmtree(far, ignore_errors=True))
    make_legacy(far)
    if far.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("both folders are on one file system")
    os.chmod(far / NAMES[2], 0o555)
    before = read_tree(far)
    migrate_state(workspace(tmp_path, far), dry_run=False)
    assert set(read_tree(far)) == {"src.py"}
    rollback(workspace(tmp_path, far))
    assert read_tree(far) == before


def test_a_project_that_was_moved_can_still_be_rolled_back(project: Path) -> None:
    before = outside(project)
    migrate(project)
    moved = project.rename(project.with_name("moved"))
    rollback(workspace(moved))
    assert outside(moved) == before


def test_umask_does_not_matter(project: Path) -> None:
    old = os.umask(0o077)
    try:
        before = outside(project)
        migrate(project)
        os.umask(0)
        rollback(workspace(project))
        assert outside(project) == before
        assert (project / ".orchestrator").stat().st_mode & 0o077 == 0
    finally:
        os.umask(old)


def test_copies_of_what_stays_are_swept_if_nothing_was_decided(project: Path) -> None:
    there = workspace(project)
    there.store()
    backup = there.paths.backup_dir() / str(there.sessions.create_session())
    (backup / KEPT).mkdir(parents=True)
    (backup / KEPT / "state.json").write_bytes(b"{}")
    assert recover(there.paths, there.locks) == []
    assert not backup.exists()
