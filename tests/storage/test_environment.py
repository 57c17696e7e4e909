"""Which machines are taken for ones that will be thrown away, and that a sign is named without its value."""

from pathlib import Path

import pytest

from orchestrator_mcp.storage.environment import SIGNS, ephemeral, installed


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("value", ["1", "true", "yes", "s3cret-workspace"])
def test_each_sign_is_named_without_its_value(tmp_path: Path, name: str, value: str) -> None:
    sentence = ephemeral({name: value}, tmp_path)
    assert sentence is not None
    assert sentence.startswith(f"{name} is set")
    assert "s3cret" not in sentence


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("value", ["", "0", "false", "No", " off "])
def test_a_sign_that_is_off_is_none(tmp_path: Path, name: str, value: str) -> None:
    assert ephemeral({name: value}, tmp_path) is None


def test_an_ordinary_machine_stays_even_with_ci_set(tmp_path: Path) -> None:
    assert ephemeral({"CI": "true", "CLAUDECODE": "1"}, tmp_path) is None


def test_no_home_folder_is_a_sign() -> None:
    sentence = ephemeral({}, None)
    assert sentence is not None
    assert "HOME is not set" in sentence


def test_a_home_folder_that_cannot_be_written_to_is_a_sign(tmp_path: Path) -> None:
    # The kernel's own files: nobody makes a file there, root included.
    for home in (tmp_path / "gone", Path("/proc/self"), tmp_path / "x\udcff"):
        assert "cannot be written" in (ephemeral({}, home) or "")


def test_a_script_that_is_not_on_path_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "orchestrator-mcp"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    assert installed("orchestrator-mcp") == str(script)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed("orchestrator-mcp") == "orchestrator-mcp"
