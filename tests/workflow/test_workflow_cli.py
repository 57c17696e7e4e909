"""`orchestrator workflow` as people use it: real processes, their output and exit codes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, "-m", "orchestrator_mcp.cli"]
YAML = "name: Ours\nphases:\n- id: A\n  items: [{id: one, name: Do it}, {id: two, required: false}]\n- id: B\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "workflow.yaml").write_text(YAML, "utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def done(folder: Path, *words: str) -> str:
    result = run(folder, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_whole_workflow(folder: Path) -> None:
    started = json.loads(done(folder, "start", "Add a login page", "--json"))
    shown = done(folder, "workflow", "complete", "one", "--notes", "Two pages")
    assert shown == (
        "Completed item: one (A: 1 of 2 done)\n"
        "No required item of A is open. Advance to the next phase: `orchestrator workflow advance`.\n"
    )
    assert done(folder, "workflow", "show") == (
        f"{started['workflow_id']}  active  Add a login page\n"
        "▸ A  1 of 2 done\n"
        "  B  0 of 0 done\n"
        "Open (* required):\n"
        "    two  two\n"
        "No required item of A is open. Advance to the next phase: `orchestrator workflow advance`.\n"
    )
    skipped = done(folder, "workflow", "skip", "two", "--reason", "Not now")
    assert skipped.startswith("Skipped item: two (A: 1 of 2 done, 1 skipped)\n")
    done(folder, "workflow", "note", "A thought", "--item", "one")
    done(folder, "workflow", "event", "command", "--command", "make test", "--exit-code", "2", "--text", "E boom")
    done(folder, "workflow", "event", "review_completed", "--item", "security", "--text", "Fine")
    done(folder, "workflow", "pause", "--reason", "Lunch")
    done(folder, "workflow", "resume")
    done(folder, "workflow", "advance")
    show = json.loads(done(folder, "workflow", "show", "--json"))
    assert (show["phase"], show["phases"][0]["skipped"], show["revision"]) == ("B", 1, 11)
    assert "completed" in done(folder, "workflow", "finish", "--notes", "Done", "--workflow", started["workflow_id"])
    feedback = json.loads(done(folder, "feedback", "--json"))
    assert feedback["workflow_id"] == started["workflow_id"]
    assert feedback["inferred"]["project_errors"] == 1
    assert "No workflow is running" in run(folder, "workflow", "advance").stderr
    again = json.loads(done(folder, "workflow", "start", "Next", "--request-id", "r", "--json"))
    assert json.loads(done(folder, "start", "Next", "--request-id", "r", "--json")) == again
    assert "abandoned" in done(folder, "workflow", "abandon", "--reason", "No")


def test_what_goes_wrong_is_a_sentence_and_an_exit_code(folder: Path) -> None:
    nothing = run(folder, "workflow", "show")
    assert (nothing.returncode, nothing.stdout) == (
        0,
        'No workflow is running in this session; `orchestrator start "what is to be done"` starts one.\n',
    )
    done(folder, "start", "x")
    unknown = run(folder, "workflow", "complete", "ones")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "orchestrator: The workflow has no item 'ones', so nothing was recorded. Did you mean one?\n"
    )
    assert json.loads(run(folder, "workflow", "complete", "ones", "--json").stdout)["error"].endswith("mean one?")
    assert run(folder, "workflow", "skip", "one").returncode == 2
    assert run(folder, "workflow", "event", "party").returncode == 2
    assert run(folder, "workflow").returncode == 2
    missing = run(folder, "workflow", "event", "error")
    assert (missing.returncode, missing.stderr) == (
        1,
        "orchestrator: error needs text and nothing was recorded. Give it.\n",
    )
    too_long = run(folder, "workflow", "note", "x" * 20_001)
    assert "text has 20,001 characters; at most 20,000 fit" in too_long.stderr
    warned = run(folder, "workflow", "advance")
    assert warned.stderr.startswith("warning: Required items are still open: one.")
    (folder / "workflow.yaml").write_text("phases: [\n", "utf-8")
    done(folder, "workflow", "abandon")
    assert "in line 2. Correct it" in run(folder, "start", "x").stderr


def test_control_characters_of_a_definition_do_not_reach_the_terminal(folder: Path) -> None:
    (folder / "workflow.yaml").write_text('phases: [{id: A, items: [{id: one, name: "\\e[31mred\\a"}]}]', "utf-8")
    shown = done(folder, "start", "a \x1b]0;title\x07 task") + done(folder, "workflow", "show")
    assert not set(shown) & {"\x1b", "\x07"}


def on_a_terminal(folder: Path, **environment: str) -> str:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [*RUN, "workflow", "show"], cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs, env=os.environ | environment
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(mine, 4096):
            shown += chunk
    except OSError:
        pass  # the terminal was closed
    assert process.wait(60) == 0
    os.close(mine)
    return shown.decode()


def test_colour_only_on_a_terminal_and_never_with_no_color(folder: Path) -> None:
    assert "\x1b" not in done(folder, "start", "x")
    assert "\x1b[33m▸\x1b[0m A" in on_a_terminal(folder)
    assert "\x1b" not in on_a_terminal(folder, NO_COLOR="1")


def test_help_names_every_action(capsys: pytest.CaptureFixture[str]) -> None:
    from orchestrator_mcp.cli.main import main
    from orchestrator_mcp.records.fields import WorkflowAction

    def asked(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    shown = asked("workflow")
    for action in ("start", "show", *WorkflowAction):
        assert f"    {action} " in shown
        assert f"usage: orchestrator workflow {action}" in asked("workflow", action)
    assert "usage: orchestrator start" in asked("start")
