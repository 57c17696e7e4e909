"""The notice that legacy files lie here: once a command, to people alone, on a terminal alone."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from migration_world import make_legacy, migrate

from orchestrator_mcp.cli.notice import NOTICE

pytestmark = pytest.mark.torn  # the backup keeps originals as they were

TITLE = "Orchestrator File Structure Update"


def on_terminal(project: Path, *words: str) -> tuple[str, str]:
    """What a command prints to stdout, and to a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words]
    done = subprocess.run(command, cwd=project, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:  # all of it was read, and nobody holds the other end
        pass
    os.close(ours)
    assert done.returncode == 0, said
    return done.stdout.decode(), said.decode().replace("\r\n", "\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_legacy(tmp_path / "project")
    return tmp_path / "project"


def test_a_person_sees_it_once_a_command(project: Path) -> None:
    for words in (("status",), ("review", "--all"), ("failure", "list")):
        stdout, stderr = on_terminal(project, *words)
        assert stderr.count(NOTICE) <= 1
        assert TITLE not in stdout
    assert NOTICE in on_terminal(project, "status")[1]


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
def test_a_program_does_not(project: Path, flag: str) -> None:
    assert TITLE not in "".join(on_terminal(project, "status", flag))


def test_it_stops_when_the_files_were_migrated(project: Path) -> None:
    assert TITLE not in on_terminal(project, "migrate", "--dry-run")[1], "the plan says it all"
    migrate(project)
    assert TITLE not in on_terminal(project, "status")[1]
