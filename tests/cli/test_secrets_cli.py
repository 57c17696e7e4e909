"""`orchestrator secrets` as a person uses it; and that a value shows nowhere, whatever is asked."""

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from test_commands import done, run

VALUE = "tr0ub4dor-and-a-horse-9"
NAME = "API_TOKEN"


def store(folder: Path, *words: str, value: str = VALUE, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "secrets", "set", NAME, "--stdin", *words]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, input=value, capture_output=True, text=True, check=False
    )


def test_a_secret_is_stored_listed_tested_and_checked(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert "No secrets in files." in done(tmp_path, "secrets", "list")
    missing = run(tmp_path, "secrets", "test", NAME)
    assert (missing.returncode, missing.stdout[:21]) == (1, "API_TOKEN is absent. ")
    assert store(tmp_path, HOME=home).stdout == "Stored API_TOKEN (repo).\n"
    assert store(tmp_path, "--global", HOME=home).stdout == "Stored API_TOKEN (global).\n"
    assert store(tmp_path, value="new", HOME=home).stdout == "Replaced API_TOKEN (repo).\n"
    listed = [line.split() for line in done(tmp_path, "secrets", "list", HOME=home).splitlines()]
    assert listed[1:] == [[NAME, "repo", "yes", "ok"], [NAME, "global", "ok"]]
    assert done(tmp_path, "secrets", "test", NAME) == "API_TOKEN (repo): present, and may be used\n"
    assert "(environment): present" in done(tmp_path, "secrets", "test", NAME, API_TOKEN="x")
    checked = done(tmp_path, "secrets", "doctor")
    assert checked.startswith("Looked for in this order: environment, repo, global.\n")
    assert checked.endswith("0 problems.\n")


def test_the_doctor_finds_what_is_open_to_others(tmp_path: Path) -> None:
    store(tmp_path)
    (tmp_path / ".orchestrator/secrets" / NAME).chmod(0o644)
    for words in (("secrets", "doctor"), ("secrets", "test", NAME)):
        result = run(tmp_path, *words)
        assert result.returncode == 1
        assert "open to others (mode 644)" in result.stdout


def test_a_person_types_a_value_that_does_not_show(tmp_path: Path) -> None:
    process, screen = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "orchestrator_mcp.cli", "secrets", "set", NAME])
    shown = b""
    while b"(it will not show):" not in shown:
        shown += os.read(screen, 4096)
    os.write(screen, f"{VALUE}\n".encode())
    with contextlib.suppress(OSError):  # a terminal whose program ended
        while piece := os.read(screen, 4096):
            shown += piece
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, shown
    assert b"Stored API_TOKEN (repo)." in shown
    assert VALUE.encode() not in shown
    assert (tmp_path / ".orchestrator/secrets" / NAME).read_text() == VALUE


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", NAME), "there is no terminal. Use --stdin instead"),
        (("set", NAME, VALUE), "stays in the shell's history"),
        (("set", NAME, VALUE, "--stdin"), "stays in the shell's history"),
        (("set", f"{NAME}={VALUE}", "--stdin"), "no name of a secret"),
        (("set", NAME, "--stdin"), "it is empty"),
        (("test", VALUE), "no name of a secret"),
    ],
)
def test_what_is_refused_stores_nothing_and_repeats_nothing(tmp_path: Path, words: tuple, says: str) -> None:
    result = run(tmp_path, "secrets", *words)
    assert result.returncode == 1
    assert says in result.stderr
    assert VALUE not in result.stdout + result.stderr
    assert not (tmp_path / ".orchestrator/secrets" / NAME).exists()


def test_a_value_shows_in_no_output_and_in_no_file_but_its_own(tmp_path: Path) -> None:
    store(tmp_path)
    secret = {NAME: VALUE, "OTHER_TOKEN": VALUE}
    asked = [("secrets", "list"), ("secrets", "test", NAME), ("secrets", "doctor"), ("config", "show", "--effective"),
             ("config", "list"), ("status",), ("failure", "log", "--context", "It broke", "--feedback", "Mend it",
             "--category", "api"), ("review", "--all"), ("config", "get", "cheese")]  # fmt: skip
    for words in asked:
        for extra in ((), ("--json",)):
            for environment in ({}, secret):
                result = run(tmp_path, *words, *extra, **environment)
                assert VALUE not in result.stdout + result.stderr, words
    (tmp_path / ".orchestrator/secrets" / NAME).write_bytes(VALUE.encode() + b"\0\xff")
    for words in asked[:3]:
        result = run(tmp_path, *words, "--json")
        assert VALUE not in result.stdout + result.stderr, words
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    assert holding == [tmp_path / ".orchestrator/secrets" / NAME]
