"""`orchestrator init` as it is typed, and docs/setup.md, executed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "setup.md").read_text("utf-8")


def run(folder: Path, *words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"HOME": str(home)} if home else {})
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "init", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def lines_with(word: str) -> list[str]:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    return [line for line in lines if word in line]


def test_what_the_page_says_about_modes_works_as_it_is_typed(tmp_path: Path) -> None:
    for line in [line for line in lines_with("orchestrator init") if not {"--template", "--home"} & {*line.split()}]:
        done = run(tmp_path, *shlex.split(line)[2:])
        assert done.returncode == 0, done.stderr
    assert "Mode private: git ignores all of it." in done.stdout


def test_what_the_page_says_about_templates_works_as_it_is_typed(tmp_path: Path) -> None:
    """Every line, with the addresses led to a repository on this disk."""
    home, app = tmp_path / "home", tmp_path / "app"
    made = [home / ".orchestrator/templates/web", tmp_path / "templates/web"]
    for folder in made:
        folder.mkdir(parents=True)
        (folder / "workflow.yaml").write_text("phases: [{id: A}]\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=tmp_path / "templates", check=True)
    remotes = [
        "https://github.com/owner/templates", "https://git.example.org/team/templates.git",
        "git@git.example.org:team/templates.git",
    ]  # fmt: skip
    (home / ".gitconfig").write_text(
        "".join(f'[url "file://{tmp_path}/templates"]\n insteadOf = {remote}\n' for remote in remotes)
    )
    lines = lines_with("--template")
    assert len(lines) == 5
    for line in lines:
        app.mkdir()
        done = run(app, *shlex.split(line)[2:], home=home)
        assert done.returncode == 0, (line, done.stderr)
        assert (app / "workflow.yaml").read_text() == "phases: [{id: A}]\n"
        app.rename(tmp_path / f"done-{lines.index(line)}")


def test_twice_is_nothing_and_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).stdout.startswith("Made ")
    said = run(tmp_path).stdout
    assert said.startswith("Nothing to do: ")
    assert "Next: Connect an agent" in said


def test_the_same_facts_as_json(tmp_path: Path) -> None:
    said = json.loads(run(tmp_path, "--portable", "--json").stdout)
    assert said["mode"] == "portable"
    assert len(said["changes"]) == 2
    assert said["store"] == str(tmp_path / ".orchestrator")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["--portable", "--private"], 2, "not allowed with"),
        (["--include-private"], 1, "portable mode alone"),
        (["--share-config", "--include-private"], 1, "portable mode alone"),
        (["--template", "nope"], 1, "There is no template 'nope'"),
        (["--template", "https://a:b@h/x"], 1, "holds a password or a token"),
        (["--template"], 2, "expected one argument"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, words: list[str], code: int, problem: str) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == code
    assert problem in done.stderr
    assert not (tmp_path / ".orchestrator").exists()


def test_a_store_under_the_home_folder_survives_git_clean(tmp_path: Path) -> None:
    home, app = tmp_path / "home", tmp_path / "app"
    tree = app / "deep" / "er"
    tree.mkdir(parents=True)
    home.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=app, check=True)
    made = run(app, "--home", home=home)
    assert made.returncode == 0, made.stderr
    assert "it lies outside the project, so git never sees it" in made.stdout
    log = ["failure", "log", "--context", "It broke", "--feedback", "Mend it", "--category", "api", "--json"]
    environment = os.environ | {"HOME": str(home)}
    call = [sys.executable, "-m", "orchestrator_mcp.cli"]
    subprocess.run([*call, *log], cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["git", "clean", "-fdxq"], cwd=app, check=True)
    assert [path.name for path in app.iterdir()] == [".git"]
    listed = subprocess.check_output([*call, "failure", "list", "--json"], cwd=app, env=environment)
    assert len(json.loads(listed)["failures"]) == 1
    told = subprocess.check_output([*call, "doctor", "--json"], cwd=app, env=environment)
    assert [one["message"] for one in json.loads(told)["findings"] if one["check"] == "git_clean"] == [
        "the store lies outside the project"
    ]
    linked = tmp_path / "linked"
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=app, check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(linked)], cwd=app, check=True)
    listed = subprocess.check_output([*call, "failure", "list", "--json"], cwd=linked, env=environment)
    assert len(json.loads(listed)["failures"]) == 1, "a linked worktree shares it"


def test_there_is_never_a_second_store(tmp_path: Path) -> None:
    home, app = tmp_path / "home with 'quotes'", tmp_path / "app"
    for folder in (home, app):
        folder.mkdir()
    assert run(app, home=home).returncode == 0
    refused = run(app, "--home", home=home)
    assert refused.returncode == 1
    assert not (home / ".orchestrator").exists()
    move = refused.stderr.split("move it: ")[1]
    subprocess.run(["sh", "-c", move], check=True)
    again = run(app, "--home", home=home)
    assert (again.returncode, (app / ".orchestrator").exists()) == (0, False), again.stderr
