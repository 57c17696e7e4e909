"""What a migration refuses, and that nothing was moved then."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_disk import read_tree
from migration_world import NAMES, make_legacy, migrate, outside, workspace

from orchestrator_mcp.errors import MigrationError, ReadOnlyError
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.services import migrating as service
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage import migration as disk

pytestmark = pytest.mark.torn  # the backup keeps originals as they were


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def test_read_only_plans_and_refuses(project: Path) -> None:
    before = read_tree(project)
    assert migrate_state(workspace(project, read_only=True)).action is Action.PLAN
    with pytest.raises(ReadOnlyError):
        migrate_state(workspace(project, read_only=True), dry_run=False)
    with pytest.raises(ReadOnlyError):
        rollback(workspace(project, read_only=True))
    assert read_tree(project) == before


def _symlink(project: Path) -> None:
    (project / NAMES[0]).rename(project / "real.json")
    (project / NAMES[0]).symlink_to("real.json")


def _hard_link(project: Path) -> None:
    os.link(project / NAMES[1], project / "twin")


def _fifo(project: Path) -> None:
    (project / NAMES[3]).unlink()
    os.mkfifo(project / NAMES[3])


def _link_inside(project: Path) -> None:
    (project / NAMES[2] / "deep" / "link").symlink_to("/etc")


def _fifo_inside(project: Path) -> None:
    os.mkfifo(project / NAMES[2] / "deep" / "pipe")


def _not_a_folder(project: Path) -> None:
    shutil.rmtree(project / NAMES[2])
    (project / NAMES[2]).write_text("x")


def _foreign_owner(project: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(project / NAMES[0], 12345, -1)


def _odd_name(project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project / NAMES[2]) + b"/\xff")).mkdir()


@pytest.mark.parametrize(
    "spoil", [_symlink, _hard_link, _fifo, _link_inside, _fifo_inside, _not_a_folder, _foreign_owner, _odd_name]
)
def test_what_is_unsafe_stops_everything(project: Path, spoil: Callable[[Path], None]) -> None:
    spoil(project)
    before = {name: entry[:3] for name, entry in read_tree_without_content(project).items()}
    plan = migrate_state(workspace(project))
    assert "cannot be migrated" in plan.next_step
    with pytest.raises(MigrationError, match=r"^Nothing was moved\. .*cannot be migrated: .*\. "):
        migrate(project)
    after = {name: entry[:3] for name, entry in read_tree_without_content(project).items()}
    assert {name: entry for name, entry in after.items() if not name.startswith(".orchestrator")} == before
    assert not (project / ".orchestrator" / "sessions").exists()


def read_tree_without_content(root: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            info = os.lstat(Path(folder) / name)
            found[str((Path(folder) / name).relative_to(root))] = (info.st_mode, info.st_mtime_ns, info.st_size)
    return found


def test_too_little_space_stops_everything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "free_bytes", lambda _folder: 1000)
    before = outside(project)
    with pytest.raises(MigrationError, match="free bytes and there are 1,000"):
        migrate(project)
    assert outside(project) == before


@pytest.mark.parametrize("change", ["append", "replace", "touch", "new checkpoint", "remove"])
def test_a_change_while_copying_aborts_and_says_so(project: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    real = disk.build

    def slow(*args: Any) -> dict[str, str]:
        hashes = real(*args)
        log = project / NAMES[1]
        if change == "append":
            log.write_bytes(log.read_bytes() + b"more\n")
        elif change == "replace":
            log.rename(project / "old")
            log.write_bytes((project / "old").read_bytes())
        elif change == "touch":
            os.utime(log)
        elif change == "new checkpoint":
            (project / NAMES[2] / "cp_2.json").write_text("{}")
        else:
            log.unlink()
        return hashes

    monkeypatch.setattr(disk, "build", slow)
    with pytest.raises(MigrationError, match="End the tool that writes them"):
        migrate(project)
    assert (project / NAMES[0]).exists()
    store = project / ".orchestrator"
    assert not (store / "sessions").exists()
    assert not list((store / "tmp").iterdir())
    monkeypatch.undo()
    assert migrate(project).action is Action.MIGRATED


def test_a_line_written_after_the_copy_stays_in_sight(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = disk.commit

    def late(*args: Any) -> None:
        real(*args)
        (project / NAMES[1]).write_bytes((project / NAMES[1]).read_bytes() + b"late\n")

    monkeypatch.setattr(disk, "commit", late)
    result = migrate(project)
    assert any("was written again" in warning for warning in result.warnings)
    assert (project / NAMES[1]).read_bytes().endswith(b"late\n")
    assert result.legacy_detected
