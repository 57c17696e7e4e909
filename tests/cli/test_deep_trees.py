"""Folders within folders, deeper than Python recurses, as a cloned repository may bring them: every command goes on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_commands import LOG, as_json, done, run

from orchestrator_mcp.cli.main import main
from orchestrator_mcp.storage.trees import remove_tree

LEVELS = 1_000
ID = "01m7y6e3m9y6syec7w7ybzrxfz"
SWEPT = {
    f".orchestrator/migration_backup/{ID}/prepared",
    ".orchestrator/tmp/migration-x",
    ".orchestrator/tmp/zzz",
    ".orchestrator/upgrade",
}
"""What the next command that writes takes for something that was cut short."""

IN_STORE = {
    f".orchestrator/migration_backup/import-{ID}/incoming",
    f".orchestrator/migration_backup/{ID}/originals",
    ".orchestrator/sessions/x/checkpoints",
    ".orchestrator/archive/x/checkpoints",
    ".orchestrator/prd",
    ".orchestrator/reports",
    ".orchestrator/cache",
    ".orchestrator/secrets",
}
LEGACY = ".workflow_checkpoints"
COMMANDS = ("status", "session new", "doctor", "migrate", "snapshot export out.zip")


@pytest.fixture(params=sorted({LEGACY, *SWEPT, *IN_STORE}))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a deep tree lies, in a store in which something was recorded; taken away before others walk through it."""
    monkeypatch.chdir(tmp_path)
    assert main(LOG) == 0
    top = request.param
    Path(top).mkdir(parents=True, exist_ok=True)
    for depth in range(1, LEVELS + 1):
        Path(top + "/a" * depth).mkdir()
    Path(top + "/a" * LEVELS, "file").write_text("{}")
    if "incoming" in top:
        Path(top).with_name("pending.json").write_text('{"session_id": "x"}')
    os.utime(top, (1, 1))
    yield top
    for name in os.listdir(tmp_path):
        remove_tree(tmp_path / name)


def test_every_command_goes_on(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main([*LOG, "--json"]) == 0, capsys.readouterr()
    logged = json.loads(capsys.readouterr().out)
    codes = {words: main(words.split()) for words in (*COMMANDS, f"forget {logged['id']} --yes")}
    said = capsys.readouterr()
    assert {words for words, code in codes.items() if code} <= {"doctor", *(["migrate"] if place == LEGACY else [])}, (
        said
    )
    assert place not in SWEPT or not Path(place).exists()
    if place in IN_STORE:
        assert codes["doctor"] == 1
        assert "goes more than 64 folders deep" in " ".join(said.out.split())
    if place == LEGACY:
        assert "it lies more than 64 folders deep. Put a plain file of your own there" in said.err
        assert main(["migrate", "--exclude", LEGACY]) == 0


@pytest.mark.parametrize("place", [".orchestrator/prd"], indirect=True)
@pytest.mark.usefixtures("place")
def test_a_process_of_its_own_goes_on_too(tmp_path: Path) -> None:
    assert as_json(tmp_path, *LOG)["id"]
    assert run(tmp_path, "doctor").returncode == 1
    done(tmp_path, "status")
