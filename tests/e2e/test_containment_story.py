"""Old files, from beginning to end: migrated, brought back, migrated again, packed, and at work in another clone."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org")
REVIEWS = (["review", "--all"], ["feedback", "review", "--all"], ["failure", "list"])


def told(folder: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout)


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything outside git and the store: mode, time and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if name.parts[0] not in {".git", ".orchestrator"}:
            info = path.lstat()
            content = b"" if path.is_dir() else path.read_bytes()
            found[str(name)] = stat.S_IMODE(info.st_mode), 0 if path.is_dir() else info.st_mtime_ns, content
    return found


@pytest.fixture
def old(shared_data: Path, tmp_path: Path) -> Path:
    """A repository with the real files of two of the older tools, of which git has the code alone."""
    project = tmp_path / "old"
    for sample in ("workflow_project", "failure_tracker"):
        shutil.copytree(shared_data / "legacy" / sample, project, dirs_exist_ok=True)
    for folder, _, _ in os.walk(project):
        os.chmod(folder, 0o755)
    (project / ".workflow_checkpoints" / "empty").mkdir()
    (project / ".gitignore").write_text(".workflow_*\n.orchestrator/\nlogs/\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*GIT, *words], cwd=project, check=True)
    return project


def test_the_samples_migrate_come_back_and_move_to_another_clone(old: Path, tmp_path: Path) -> None:
    before = tree(old)
    planned = told(old, "migrate", "--dry-run")
    assert (planned["action"], tree(old)) == ("plan", before)
    assert told(old, "migrate")["action"] == "migrated"
    assert set(tree(old)) == {".gitignore", "workflow.yaml", "logs"}, "a folder may be of use to others"
    told(old, "migrate", "--rollback")
    assert tree(old) == before, "byte for byte, with modes, times and the empty folder"

    moved = told(old, "migrate")
    assert {one["from"] for one in moved["files"]} == {one["from"] for one in planned["files"]}
    assert told(old, "migrate")["action"] == "nothing_to_do"
    told(old, "snapshot", "export", str(tmp_path / "store.tar.gz"))

    clone = tmp_path / "clone"
    subprocess.run([*GIT, "clone", "-q", str(old), str(clone)], check=True)
    assert not (clone / ".orchestrator").exists()
    taken = told(clone, "snapshot", "import", str(tmp_path / "store.tar.gz"))
    assert taken["action"] == "imported"
    for words in REVIEWS:
        assert told(clone, *words) == told(old, *words), words
    assert told(clone, "review", "--all")["counts"]["workflows"] > 0
    assert told(clone, "failure", "list")["total"] > 0
