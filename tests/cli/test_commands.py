"""The command line as people use it: a real process, its output, its exit code, what it leaves on disk."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator_mcp import __version__
from orchestrator_mcp.cli.main import COMMANDS

LOG = (
    "failure",
    "log",
    "--context",
    "TimeoutError: request 17 took 31 seconds",
    "--feedback",
    "Load the session first.",
    "--category",
    "api",
)


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def done(folder: Path, *words: str, **environment: str) -> str:
    result = run(folder, *words, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def as_json(folder: Path, *words: str) -> dict:
    return json.loads(done(folder, *words, "--json"))


def test_the_version_needs_nothing_heavy(tmp_path: Path) -> None:
    assert done(tmp_path, "--version") == f"orchestrator {__version__}\n"
    code = "import sys; from orchestrator_mcp.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    heavy = "print([name for name in ('pydantic', 'mcp', 'yaml', 'filelock', 'asyncio') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code + heavy], text=True).splitlines()[-1] == "[]"


def test_help_lists_every_command(tmp_path: Path) -> None:
    shown = done(tmp_path, "--help")
    assert all(command.name in shown and command.help in " ".join(shown.split()) for command in COMMANDS)


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_explains_itself(tmp_path: Path, name: str) -> None:
    assert "--json" in done(tmp_path, name, "--help") or "SUBCOMMAND" in done(tmp_path, name, "--help")


def test_a_day_of_work(tmp_path: Path) -> None:
    for label in ("one", "two", "three"):
        done(tmp_path, "session", "new", "--label", label)
        assert "Logged" in done(tmp_path, *LOG)
    assert "a pattern" in done(tmp_path, *LOG[:3], "TimeoutError: request 4 took 45 seconds", *LOG[4:])
    review = done(tmp_path, "review", "--weekly")
    assert "4× in 3 sessions" in review
    assert "NEEDS_REVIEW" in done(tmp_path, "rules", "suggest")
    assert "TimeoutError" in done(tmp_path, "rules", "list")
    assert (tmp_path / ".orchestrator/reports/skill_update_suggestions.md").read_text().startswith("# Skill Update")
    listed = as_json(tmp_path, "failure", "list")
    assert listed["total"] == 4
    one = listed["failures"][0]["id"]
    assert "took 45 seconds" in done(tmp_path, "failure", "show", one[-6:])
    assert "took 45 seconds" in done(tmp_path, "failure", "search", "45 SECONDS")
    assert "three" in done(tmp_path, "session", "list")
    assert "Forgot" in done(tmp_path, "forget", one, "--yes")
    assert "45 seconds" not in done(tmp_path, "failure", "show", one)
    assert "It holds 3 sessions; the current one is" in done(tmp_path, "status")


def test_an_agents_run(tmp_path: Path) -> None:
    run_id = as_json(tmp_path, "telemetry", "start", "reviewer", "Review the pull request", "--task-type", "review")[
        "invocation_id"
    ]
    assert "telemetry rate" in done(
        tmp_path, "telemetry", "finish", run_id, "--outcome", "success", "--duration", "12.5"
    )
    assert "Judged" in done(tmp_path, "telemetry", "rate", run_id, "--success", "--rating", "5", "--again", "yes")
    assert "Too few judged runs to rank: reviewer (1)" in done(tmp_path, "telemetry", "ranking")
    assert "reviewer" in done(tmp_path, "telemetry", "stats")


def test_feedback_from_options(tmp_path: Path) -> None:
    result = as_json(tmp_path, "feedback", "--process", "--learnings", "Small steps", "--multi-agents", "no")
    assert (result["recorded"], result["tool_id"]) == (True, None)
    skipped = json.loads(done(tmp_path, "feedback", "--json", ORCHESTRATOR_SKIP_FEEDBACK="yes"))
    assert skipped["recorded"] is False
    assert "ORCHESTRATOR_SKIP_FEEDBACK" in skipped["skipped"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("failure", "log"), 2, "--context, --feedback, --category are missing. Give all of it, or use --interactive"),
        (("reveiw",), 2, "invalid choice: 'reveiw'. Did you mean review?"),
        (("failure", "lgo"), 2, "Did you mean log?"),
        (("failure", "log", "--interactive"), 1, "there is no terminal. Use --context instead."),
        (("feedback", "--interactive"), 1, "there is no terminal. Use the options of `orchestrator feedback --help`"),
        ((*LOG[:-1], "cooking"), 1, "`orchestrator config set categories"),
        (("review", "--days", "0"), 1, "--days 0 is out of range"),
        (("review", "--days", "x"), 2, "invalid int value"),
        (("failure", "show", "nope"), 1, "failure list"),
        (("session", "switch", "../.."), 1, "sessions fit"),
        (("--session", "../..", *LOG), 1, "0 sessions fit"),
        (("--root", "/nonexistent", "status"), 1, "is not a folder"),
        (("telemetry", "rate", "x", "--success", "--rating", "9"), 1, "--rating 9 is out of range"),
        (("forget", "x"), 1, "0 records have an id ending in 'x'"),
        (("nonsense",), 2, "invalid choice"),
        ((), 2, "COMMAND"),
    ],
)
def test_a_mistake_gets_a_sentence_and_an_exit_code(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    result = run(tmp_path, *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / ".orchestrator").exists()


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    assert done(tmp_path, "--quiet", *LOG) == ""
    assert done(tmp_path, "status", "--quiet") == ""


def test_common_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    done(tmp_path, "--root", str(other), *LOG)
    assert as_json(tmp_path, "failure", "list", "--root", str(other))["total"] == 1
    assert not (tmp_path / ".orchestrator").exists()


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m orchestrator_mcp.cli --help | head -c 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")


def on_terminal(folder: Path, answers: list[str], *words: str) -> tuple[int, str]:
    """Run with a real terminal, answering each question as it comes."""
    process, screen = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "orchestrator_mcp.cli", *words])
    os.write(screen, "".join(f"{answer}\n" for answer in answers).encode())
    give_up = threading.Timer(60, os.kill, (process, signal.SIGKILL))
    give_up.start()
    shown = b""
    while True:
        try:
            piece = os.read(screen, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    _, status = os.waitpid(process, 0)
    give_up.cancel()
    os.close(screen)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_a_person_answers_on_a_terminal(tmp_path: Path) -> None:
    answers = ["It broke", "Mend it", "cooking", "api"]
    code, shown = on_terminal(tmp_path, answers, "failure", "log", "--interactive")
    assert code == 0, shown
    assert "What went wrong?" in shown
    assert "one of: Testing" in shown, "a wrong category is asked for again"
    (stored,) = as_json(tmp_path, "failure", "list")["failures"]
    assert (stored["context"], stored["feedback"]) == ("It broke", "Mend it")


def test_all_ten_questions_are_asked(tmp_path: Path) -> None:
    answers = ["y", "skipped", "", "no", "", "maybe", "not", "Tests first", "", "Ask early", ""]
    code, shown = on_terminal(tmp_path, answers, "feedback", "--interactive")
    assert code == 0, shown
    assert "one of: yes, no, not-applicable" in shown
    (process,) = (
        json.loads(line) for path in tmp_path.rglob("process.jsonl") for line in path.read_text().splitlines()
    )
    assert (process["what_went_well"], process["learnings"], process["mode"]) == (
        "Tests first",
        "Ask early",
        "interactive",
    )


def test_forgetting_asks_first(tmp_path: Path) -> None:
    for _ in range(2):
        done(tmp_path, *LOG)
    one = as_json(tmp_path, "failure", "list")["failures"][0]["id"]
    assert "there is no terminal. Use --yes instead." in run(tmp_path, "forget", one).stderr
    code, shown = on_terminal(tmp_path, ["n"], "forget", one[-6:])
    assert (code, "1 other record contains the same text and loses it too" in shown) == (1, True)
    assert "TimeoutError" in done(tmp_path, "failure", "show", one)
    assert on_terminal(tmp_path, ["yes"], "forget", one)[0] == 0
    assert "TimeoutError" not in done(tmp_path, "failure", "show", one)
    assert "Nothing of it is left." in done(tmp_path, "forget", one)


def test_control_sequences_of_a_record_never_reach_the_terminal(tmp_path: Path) -> None:
    done(
        tmp_path,
        "failure",
        "log",
        "--context",
        "\x1b[2J\x1b]0;owned\x07 boom\u202e",
        "--feedback",
        "x\x9b31m",
        "--category",
        "api",
    )
    for words in (("failure", "list"), ("failure", "search", "boom"), ("review", "--all", "--min-frequency", "2")):
        assert not set(done(tmp_path, *words)) & set("\x1b\x07\x9b\u202e")


def test_a_review_is_written_where_it_was_asked_and_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    for _ in range(3):
        done(root, "session", "new")
        done(root, *LOG)
    shown = done(root, "review", "--output", "docs/review.txt", "--root", str(root))
    assert (root / "docs" / "review.txt").read_text() == shown
    for outside in ("../review.txt", str(tmp_path / "review.txt"), "nowhere/review.txt"):
        result = run(root, "review", "--output", outside, "--root", str(root))
        assert (result.returncode, "Name a file inside the project" in result.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir() if path.name == "review.txt"] == []


def test_a_review_reads_other_repositories_too(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, times in ((here, 1), (there, 2)):
        folder.mkdir()
        for _ in range(times):
            done(folder, "session", "new")
            done(folder, *LOG)
    assert as_json(here, "review", "--all")["patterns"] == []
    assert as_json(here, "review", "--all", "--repo", "../there")["patterns"][0]["occurrences"] == 3
    assert run(here, "review", "--repo", "../nowhere").stderr.startswith("orchestrator: The root '../nowhere'")


@pytest.mark.parametrize("command", [["review"], ["feedback", "review"]])
@pytest.mark.parametrize("window", [["--days", "7", "--all"], ["--weekly", "--days", "7"]])
def test_a_window_is_given_once(tmp_path: Path, command: list[str], window: list[str]) -> None:
    assert "not allowed with" in run(tmp_path, *command, *window).stderr


def test_a_folder_that_was_removed_is_said(tmp_path: Path) -> None:
    gone = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m orchestrator_mcp.cli status"
    result = subprocess.run(["sh", "-c", gone], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (
        1,
        "orchestrator: The folder you stand in was removed. Change to another one.\n",
    )
