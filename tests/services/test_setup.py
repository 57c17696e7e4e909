"""Setting a project up: the store made once, its mode changed, a template taken over whole or not at all."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import Project

from orchestrator_mcp.errors import (
    ForeignStoreError,
    InvalidInputError,
    NotFoundError,
    OrchestratorError,
    ReadOnlyError,
    StateConflictError,
)
from orchestrator_mcp.records.setup import Mode
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.setup import set_up
from orchestrator_mcp.services.workflows import start_workflow
from orchestrator_mcp.storage import templates

WORKFLOW = "phases: [{id: OURS, items: [{id: one}]}]\n"
LEGACY = Path(__file__).parents[2] / "examples" / "legacy_project"


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    (folder / "workflow.yaml").write_text(WORKFLOW)
    (folder / "config.yaml").write_text("min_frequency: 4\n")
    (folder / "run.sh").write_text("touch owned")
    return folder


def test_a_store_is_made_once_and_a_second_time_nothing_changes(project: Project) -> None:
    first = set_up(project.person())
    assert first.mode is Mode.PRIVATE
    assert first.changes == [f"Made {project.root / '.orchestrator'}."]
    before = project.files()
    again = set_up(project.person())
    assert (again.changes, again.mode) == ([], Mode.PRIVATE)
    assert project.files() == before
    assert sorted(path.name for path in project.root.iterdir()) == [".orchestrator"], "all of it lies in one folder"


def test_the_first_call_makes_all_that_is_needed_and_nothing_outside(project: Project) -> None:
    """As in a fresh container: no store, no init, an agent's first call."""
    agent = project.agent()
    log_failure(agent, context="It broke", feedback="Mend it", category="API")
    store = project.root / ".orchestrator"
    assert [path.name for path in project.root.iterdir()] == [".orchestrator"]
    assert {"meta.json", ".gitignore", "current", "lock", "sessions", "secrets"} <= {
        one.name for one in store.iterdir()
    }
    assert (store / ".gitignore").read_text() == "*\n"
    for path in (store, *store.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    shutil.rmtree(store)
    assert list(project.root.iterdir()) == [], "removing the folder removes everything"


def test_a_store_copied_into_another_clone_works_there(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for _ in range(3):
        log_failure(project.agent(), context="It broke", feedback="Mend it", category="API")
    other = Project(tmp_path_factory.mktemp("clone"))
    shutil.copytree(project.root / ".orchestrator", other.root / ".orchestrator")
    assert log_failure(other.agent(), context="It broke", feedback="Mend it", category="API").pattern.occurrences == 4
    assert review_patterns(other.person(), all=True).patterns[0].sessions == 4
    assert len(list((project.root / ".orchestrator" / "sessions").iterdir())) == 3, "the first is another store"


def test_a_store_copied_from_another_repository_is_noticed(project: Project, tmp_path_factory) -> None:
    from orchestrator_mcp.services.doctor import diagnose

    def remote(root: Path, name: str) -> None:
        git(root, "init", "-q")
        git(root, "remote", "add", "origin", f"https://git.example.org/team/{name}.git")

    remote(project.root, "one")
    set_up(project.person())
    other = Project(tmp_path_factory.mktemp("other"))
    remote(other.root, "two")
    shutil.copytree(project.root / ".orchestrator", other.root / ".orchestrator")
    assert not [one for one in found(diagnose(project.person())) if "made for" in one and "copied" in one]
    (said,) = [one for one in found(diagnose(other.person())) if "copied" in one and "made for" in one]
    assert "git.example.org/team/one" in said
    assert "git.example.org/team/two" in said


def found(result: object) -> list[str]:
    return result.model_dump_json().replace('"message":', "\n").splitlines()  # type: ignore[attr-defined]


def test_modes_are_switched_and_say_what_they_mean(project: Project) -> None:
    said = [set_up(project.person(), mode=mode) for mode in (*Mode, Mode.PRIVATE)]
    assert [one.mode for one in said] == [*Mode, Mode.PRIVATE]
    assert [len(one.changes) for one in said] == [1, 1, 1, 1, 1], "made; then a change each"
    assert len({one.means for one in said}) == len(Mode)
    assert set_up(project.person(), mode=Mode.PRIVATE).changes == []
    set_up(project.person(), mode=Mode.PORTABLE)
    assert set_up(project.person()).mode is Mode.PORTABLE, "left out, it stays"


def test_where_git_does_otherwise_it_is_said(project: Project) -> None:
    git(project.root, "init", "-q")
    assert set_up(project.person(), mode=Mode.PORTABLE).warnings == []
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "x")
    (said,) = set_up(project.person(), mode=Mode.PRIVATE).warnings
    assert "git still tracks 2 files" in said
    assert "git rm -r --cached .orchestrator" in said
    git(project.root, "rm", "-rq", "--cached", ".orchestrator")
    assert set_up(project.person(), mode=Mode.PRIVATE).warnings == []
    (project.root / ".gitignore").write_text(".orchestrator/\n")
    (said,) = set_up(project.person(), mode=Mode.PORTABLE).warnings
    assert "git still ignores" in said


def test_what_to_do_next(project: Project, template: Path) -> None:
    assert "claude mcp add" in set_up(project.person()).next_step
    assert "git add" in set_up(project.person(), mode=Mode.PORTABLE).next_step
    assert "orchestrator start" in set_up(project.person(), template=str(template)).next_step
    legacy = Project(project.root / "legacy")
    shutil.copytree(LEGACY, legacy.root)
    said = set_up(legacy.person())
    assert "orchestrator migrate --dry-run" in said.next_step
    assert ".workflow_log.jsonl" in said.next_step
    assert said.legacy_detected


def test_a_mode_leaves_another_tools_folder_alone(project: Project) -> None:
    (project.root / ".orchestrator").mkdir()
    (project.root / ".orchestrator" / "agents.toml").write_text("x = 1\n")
    assert set_up(project.person()).mode is None
    with pytest.raises(ForeignStoreError, match="another tool"):
        set_up(project.person(), mode=Mode.PORTABLE)
    assert (project.root / ".orchestrator" / "agents.toml").read_text() == "x = 1\n"


def test_nothing_is_made_read_only(project: Project) -> None:
    with pytest.raises(ReadOnlyError):
        set_up(project.person(read_only=True))
    assert list(project.root.iterdir()) == []


def place(project: Project, template: Path, way: str) -> tuple[Project, str]:
    """The template as a person may name it."""
    home = project.root / "home"
    app = Project(project.root / "app")
    app.root.mkdir()
    shutil.copytree(template, home / ".orchestrator" / "templates" / "web")
    shutil.copytree(template, project.root / "beside")
    if way == "git":
        git(project.root / "beside", "init", "-q")
        git(project.root / "beside", "add", "-A")
        git(project.root / "beside", "commit", "-qm", "x")
    ways = {
        "absolute": str(template), "relative": "../beside", "home": "~/.orchestrator/templates/web", "name": "web",
        "git": f"file://{project.root}/beside",
    }  # fmt: skip
    return app, ways[way]


@pytest.mark.parametrize("way", ["absolute", "relative", "home", "name", "git"])
def test_a_template_is_taken_over_from_wherever_it_is(project: Project, template: Path, way: str) -> None:
    """Home and current folder are those that the workspace was given, not this process's."""
    app, source = place(project, template, way)
    stands = {"home": project.root / "home", "cwd": app.root}
    person = app.person(**stands)
    done = set_up(person, template=source)
    assert len(done.changes) == 3
    assert (app.root / "workflow.yaml").read_text() == WORKFLOW
    assert not (app.root / "run.sh").exists()
    assert person.config.min_frequency == 4
    assert start_workflow(app.agent(), task="x").phase == "OURS"
    assert set_up(app.person(**stands), template=source).changes == [], "again, nothing changes"
    umask = os.umask(0)
    os.umask(umask)
    assert (app.root / "workflow.yaml").stat().st_mode & 0o777 == 0o644 & ~umask
    assert person.paths.config_file().stat().st_mode & 0o777 == 0o600


def link(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/etc/hostname")


REFUSED = {
    "a workflow that is none": (lambda at: (at / "workflow.yaml").write_text("phases: 7\n"), "`phases` is no list"),
    "an alias": (lambda at: (at / "workflow.yaml").write_text("phases: &x []\n"), "anchor or an alias"),
    "an include that leads out": (
        lambda at: (at / "workflow.yaml").write_text("include: [../../../../x.yaml]\nphases: [{id: A}]\n"),
        "leads out of the project",
    ),
    "an unknown setting": (lambda at: (at / "config.yaml").write_text("min_frequenzy: 4\n"), "is no setting"),
    "a value that is none": (lambda at: (at / "config.yaml").write_text("min_frequency: many\n"), "cannot be used"),
    "what people alone set": (
        lambda at: (at / "config.yaml").write_text("min_frequency: 4\nfeedback_endpoint: https://evil.example/x\n"),
        "feedback_endpoint may not be set",
    ),
    "a link to a workflow": (lambda at: link(at, "workflow.yaml"), "symbolic link"),
    "a link to settings": (lambda at: link(at, "config.yaml"), "symbolic link"),
    "a large file": (lambda at: (at / "config.yaml").write_text("x: " + "y" * 70_000), "larger than 65536 bytes"),
    "nothing known": (lambda at: [(at / name).unlink() for name in ("workflow.yaml", "config.yaml")], "brings neither"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_with_anything_wrong_changes_nothing(project: Project, template: Path, name: str) -> None:
    spoil, problem = REFUSED[name]
    spoil(template)
    with pytest.raises(OrchestratorError) as caught:
        set_up(project.person(), template=str(template))
    assert problem in str(caught.value)
    assert list(project.root.iterdir()) == [], "not even a store was made"


def test_where_a_workflow_is_already_not_even_a_store_is_made(project: Project, template: Path) -> None:
    (project.root / "workflow.yaml").write_text("phases: [{id: MINE}]\n")
    with pytest.raises(StateConflictError, match=r"workflow\.yaml is there already"):
        set_up(project.person(), template=str(template))
    assert [path.name for path in project.root.iterdir()] == ["workflow.yaml"]


@pytest.mark.parametrize("name", ["workflow.yaml", ".orchestrator/config.yaml"])
def test_a_template_never_replaces_a_file(project: Project, template: Path, name: str) -> None:
    set_up(project.person())
    (project.root / name).write_text("mine: 1\n")
    before = project.files()
    with pytest.raises(StateConflictError, match="Nothing was changed") as caught:
        set_up(project.person(), template=str(template), mode=Mode.PORTABLE)
    assert Path(name).name in str(caught.value)
    assert project.files() == before


def test_when_the_second_file_cannot_be_written_the_first_is_taken_back(
    project: Project, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(project.person())
    before = project.files()
    write, written = templates.write_new, []

    def full(path: Path, data: bytes, mode: int) -> None:
        if written:
            raise StateConflictError("no room")
        written.append(path)
        write(path, data, mode)

    monkeypatch.setattr(templates, "write_new", full)
    with pytest.raises(StateConflictError, match="no room"):
        set_up(project.person(), template=str(template))
    assert len(written) == 1
    assert project.files() == before


@pytest.mark.parametrize("source", ["", "nope", "./nope", "~nobody/x", "a\0b", "x" * 5000, "..", "-u"])
def test_what_is_no_template_is_a_sentence(project: Project, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "empty").mkdir()
    monkeypatch.chdir(project.root / "empty")
    with pytest.raises((NotFoundError, InvalidInputError), match=r"template|brings neither"):
        set_up(project.person(home=project.root / "home"), template=source)
    assert [path.name for path in project.root.iterdir()] == ["empty"]


def test_a_password_in_an_address_is_neither_printed_nor_stored(project: Project) -> None:
    with pytest.raises(InvalidInputError) as caught:
        set_up(project.person(), template="https://ann:s3cret@git.example.org/x/y")
    assert "s3cret" not in str(caught.value)
    assert list(project.root.iterdir()) == []
