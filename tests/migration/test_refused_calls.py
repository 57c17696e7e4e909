"""Whatever call the operating system refuses, at whatever point: a typed error, and nothing half-done."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_disk import read_tree
from migration_world import NAMES, fast_folder, make_legacy, workspace
from whole_world import whole

from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.migration import Action
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.storage.migration import recover

CALLS = ("open", "pwrite", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "utime", "chmod")


@pytest.fixture
def base() -> Iterator[Path]:
    folder = fast_folder()
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def refusing(at: int, code: int, *, forever: bool) -> Iterator[list[int]]:
    """The `at`-th call fails; if `forever`, so do all after it. Only calls that change something count."""
    seen = [0]
    originals = {name: getattr(os, name) for name in CALLS}

    def refused(name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or args[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
                seen[0] += 1
                if seen[0] == at or (forever and seen[0] > at):
                    raise OSError(code, os.strerror(code), *args[:1])
            return original(*args, **kwargs)

        return call

    for name, original in originals.items():
        setattr(os, name, refused(name, original))
    try:
        yield seen
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def legacy(root: Path) -> dict[str, tuple[str, int, int | None, bytes]]:
    return {name: entry for name, entry in read_tree(root).items() if name.split("/")[0] in NAMES}


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("verb", ["migrate", "rollback"])
def test_every_refusal_is_typed_and_recovered(base: Path, verb: str, code: int, *, forever: bool) -> None:
    at = 0
    while True:
        at += 1
        root = base / str(at)
        make_legacy(root)
        before = legacy(root)
        there = workspace(root)
        if verb == "rollback":
            migrate_state(there, dry_run=False)
        with refusing(at, code, forever=forever) as seen, contextlib.suppress(OrchestratorError):
            migrate_state(there, dry_run=False) if verb == "migrate" else rollback(there)
        there = workspace(root)
        there.store()
        assert recover(there.paths, there.locks) == [], f"call {at}"
        migrated = there.sessions.list_sessions()
        assert legacy(root) == ({} if migrated else before), f"call {at}"
        if migrated:
            assert rollback(there).action is Action.ROLLED_BACK
            assert legacy(root) == before
        shutil.rmtree(root)
        if seen[0] < at:
            break
    assert at > 30


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("verb", ["migrate", "rollback"])
def test_refusals_of_the_steps_after_the_commit_are_recovered_too(base: Path, verb: str, *, forever: bool) -> None:
    at = 0
    while True:
        at += 1
        world = whole(base / str(at))
        there = world.open(world.root)
        if verb == "rollback":
            world.migrate(there)
        with refusing(at, errno.EIO, forever=forever) as seen, contextlib.suppress(OrchestratorError):
            world.migrate(there) if verb == "migrate" else rollback(there)
        there = world.open(world.root)
        there.store()
        assert recover(there.paths, there.locks) == [], f"call {at}"
        assert world.verdict(read_tree(world.root)) in {"before", "after"}, f"call {at}"
        shutil.rmtree(world.root)
        if seen[0] < at:
            break
    assert at > 30
