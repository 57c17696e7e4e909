"""`orchestrator pattern` and `failure answer` as a person uses them."""

import re
from pathlib import Path

import pytest
from test_commands import as_json, done, run

VENV = "Forgot to activate the virtual environment before pytest", "Source .venv/bin/activate before the tests"
MONEY = "Used float for the money in an invoice", "Use Decimal for every amount"
LOCK = "Two writers corrupted the same file", "Take the folder's lock before writing"


def log(folder: Path, said: tuple[str, str]) -> dict:
    return as_json(folder, "failure", "log", "--category", "api", "--context", said[0], "--feedback", said[1])


@pytest.fixture
def patterns(tmp_path: Path) -> tuple[Path, str, str]:
    """A store with two patterns, each of two entries."""
    first = [log(tmp_path, said)["pattern"]["id"] for said in (MONEY, LOCK)]
    for said in (MONEY, LOCK):
        as_json(tmp_path, "failure", "log", "--category", "api", "--context", said[0] + " again", "--feedback", said[1])
    return tmp_path, *first


def test_a_person_lists_shows_and_decides(patterns: tuple[Path, str, str]) -> None:
    folder, money, lock = patterns
    listed = done(folder, "pattern", "list", "--min-frequency", "2")
    assert money[-6:] in listed
    assert lock[-6:] in listed
    shown = done(folder, "pattern", "show", money[-6:])
    assert "Members (2)" in shown
    assert MONEY[0] in shown
    merged = done(folder, "pattern", "merge", money[-6:], lock[-6:], "--reason", "both lose data")
    assert f"Merged. Now {money}: 4 members, 4 entries." in merged
    assert "merge by person: both lose data" in done(folder, "pattern", "show", lock)
    assert "Took back the merge. Now " in done(folder, "pattern", "undo", money)
    member = as_json(folder, "pattern", "show", money)["members"][1]["id"]
    assert f"Split. Now {money}: 1 member, 1 entry." in done(folder, "pattern", "split", money, member[-6:])
    done(folder, "pattern", "undo", money)
    assert "Ignored" in done(folder, "pattern", "ignore", lock)
    assert "ignored" in done(folder, "pattern", "list", "--min-frequency", "2")
    assert LOCK[0] not in done(folder, "review", "--min-frequency", "2")


def test_near_misses_say_what_keeps_them_apart(tmp_path: Path) -> None:
    log(tmp_path, ("Forgot the timeout of the network tests", "Pass a timeout with each request"))
    pattern = log(tmp_path, ("Forgot to close the network archive", "Open files in a with block"))["pattern"]["id"]
    shown = as_json(tmp_path, "pattern", "show", pattern)
    assert shown["members_in_all"] == 1
    (near,) = shown["near_misses"]
    assert "forgot" in near["shared"]
    assert {"close", "archive"} <= set(near["only_here"])
    assert {"timeout", "tests"} <= set(near["only_there"])


def test_a_person_answers_what_a_failure_is(tmp_path: Path) -> None:
    for number in range(45):  # so many that the next review groups them, not each entry
        word = "".join(chr(97 + (number // 26**place) % 26) for place in (1, 0)) * 3
        log(tmp_path, (f"{word} {word[::-1]}", f"{word}{word}"))
        if number == 0:
            venv = log(tmp_path, VENV)["pattern"]["id"]
    asked = done(tmp_path, "failure", "log", "--category", "api", "--context", "Ran pytest outside the environment",
                 "--feedback", "Activate .venv before the tests")  # fmt: skip
    assert "Is it the same mistake as one of these?" in asked
    failure = re.search(r"failure answer (\w+) PATTERN", asked)
    assert failure is not None
    assert venv[-6:] in asked
    answered = done(tmp_path, "failure", "answer", failure[1], venv[-6:])
    assert f"({venv})" in answered
    assert as_json(tmp_path, "failure", "list")["total"] == 47


@pytest.mark.parametrize(
    "words", [("show", "nope"), ("merge", "a", "b"), ("split", "a", "b"), ("ignore", "a"), ("undo", "a")]
)
def test_an_unknown_pattern_is_an_error_with_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(tmp_path, "pattern", *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert "`orchestrator pattern list` shows them" in result.stderr
    assert list(tmp_path.iterdir()) == []
