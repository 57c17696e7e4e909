"""Secrets: found in one order, private like ssh's keys, and never said aloud."""

import os
from pathlib import Path

import pytest

from orchestrator_mcp.errors import InvalidInputError, OrchestratorError, UnsafePathError
from orchestrator_mcp.records.settings import SecretOrigin
from orchestrator_mcp.services.secrets import check_secrets, find, list_secrets, look_up_secret, set_secret
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.workspace import Workspace

VALUE = "tr0ub4dor-and-a-horse"
NAME = "API_TOKEN"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    return tmp_path / "home"


def at(home: Path, **environ: str) -> Workspace:
    root = home.parent / "project"
    return open_workspace({"HOME": str(home), **environ}, root, root=str(root))


def file(home: Path, origin: SecretOrigin = SecretOrigin.REPO) -> Path:
    folder = home if origin is SecretOrigin.GLOBAL else home.parent / "project"
    return folder / ".orchestrator/secrets" / NAME


def test_the_environment_decides_then_the_project_then_the_person(home: Path) -> None:
    assert find(at(home), NAME) is None
    set_secret(at(home), NAME, "the person's", everywhere=True)
    assert find(at(home), NAME) == "the person's"
    assert set_secret(at(home), NAME, "the project's").warnings == []
    assert find(at(home), NAME) == "the project's"
    shown = look_up_secret(at(home, API_TOKEN="the environment's"), NAME)
    assert find(at(home, API_TOKEN="the environment's"), NAME) == "the environment's"
    assert (shown.present, shown.origin, shown.problem) == (True, SecretOrigin.ENVIRONMENT, None)
    assert find(at(home, API_TOKEN=""), NAME) == "the project's"
    again = set_secret(at(home), NAME, "new", everywhere=True)
    assert (again.replaced, again.warnings) == (True, ["Another one is used: that of the repo."])
    assert [(one.origin, one.in_force) for one in list_secrets(at(home)).secrets] == [
        (SecretOrigin.REPO, True),
        (SecretOrigin.GLOBAL, False),
    ]


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_is_stored_is_private_whatever_the_umask(home: Path, umask: int, everywhere: bool) -> None:
    before = os.umask(umask)
    try:
        set_secret(at(home), NAME, VALUE, everywhere=everywhere)
    finally:
        os.umask(before)
    path = file(home, SecretOrigin.GLOBAL if everywhere else SecretOrigin.REPO)
    modes = [one.stat().st_mode & 0o777 for one in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]
    assert path.read_text() == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610])
def test_a_secret_that_is_open_to_others_is_refused_and_no_weaker_one_is_used(home: Path, mode: int) -> None:
    set_secret(at(home), NAME, "the person's", everywhere=True)
    set_secret(at(home), NAME, VALUE)
    file(home).chmod(mode)
    with pytest.raises(UnsafePathError, match=r"open to others \(mode 6\d\d\).*chmod 600"):
        find(at(home), NAME)
    assert check_secrets(at(home)).problems == 1
    file(home).chmod(0o600)
    assert find(at(home), NAME) == VALUE


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o770, 0o777])
def test_a_folder_that_is_open_to_others_is_refused(home: Path, mode: int) -> None:
    set_secret(at(home), NAME, VALUE)
    file(home).parent.chmod(mode)
    with pytest.raises(UnsafePathError, match="chmod 700"):
        find(at(home), NAME)
    set_secret(at(home), "OTHER", VALUE)
    assert find(at(home), NAME) == VALUE, "storing one closes the folder"


def replaced_by(path: Path, kind: str) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere"
    elsewhere.write_text(VALUE)
    elsewhere.chmod(0o600)
    path.unlink()
    match kind:
        case "link":
            path.symlink_to(elsewhere)
        case "dangling link":
            path.symlink_to("nowhere")
        case "second name":
            path.hardlink_to(elsewhere)
        case "fifo":
            os.mkfifo(path, 0o600)
        case "folder":
            path.mkdir(0o700)


@pytest.mark.parametrize("kind", ["link", "dangling link", "second name", "fifo", "folder"])
def test_what_is_no_plain_file_is_refused(home: Path, kind: str) -> None:
    set_secret(at(home), NAME, VALUE)
    replaced_by(file(home), kind)
    with pytest.raises(OrchestratorError) as caught:
        find(at(home), NAME)
    assert str(file(home)) in str(caught.value)
    found = look_up_secret(at(home), NAME)
    assert (found.present, found.problem) == (True, str(caught.value))


def test_a_linked_folder_is_not_followed(home: Path) -> None:
    set_secret(at(home), NAME, VALUE)
    folder = file(home).parent
    folder.rename(home / "elsewhere")
    folder.symlink_to(home / "elsewhere")
    for ask in (lambda: find(at(home), NAME), lambda: set_secret(at(home), "OTHER", VALUE)):
        with pytest.raises(UnsafePathError, match="symbolic link"):
            ask()
    assert not (home / "elsewhere/OTHER").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"a\0b", b"\xff\xfe", b"x" * 70_000])
def test_what_is_no_secret_is_refused_without_being_shown(home: Path, content: bytes) -> None:
    set_secret(at(home), NAME, VALUE)
    file(home).write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        find(at(home), NAME)
    assert "xxx" not in repr(caught.value.__cause__) + str(caught.value)
    assert check_secrets(at(home)).problems == 1


@pytest.mark.parametrize("value", ["one line\n", "one line\r\n", "one line"])
def test_the_end_of_a_line_is_no_part_of_a_secret(home: Path, value: str) -> None:
    set_secret(at(home), NAME, value)
    file(home).write_text(file(home).read_text() + "\n")
    assert find(at(home), NAME) == "one line"


@pytest.mark.parametrize("name", ["", "lower", "../UP", "A/B", "1A", "_A", "A-B", "A" * 65, "A\n", "Ä", "A\0", "."])
def test_other_names_are_refused_and_not_repeated(home: Path, name: str) -> None:
    for ask in (
        lambda: find(at(home), name),
        lambda: look_up_secret(at(home), name),
        lambda: set_secret(at(home), name, VALUE),
    ):
        with pytest.raises(InvalidInputError, match=r"^That is no name of a secret\. Use up to 64"):
            ask()
    assert not (home.parent / "project/.orchestrator").exists()


def test_the_stores_own_keys_are_no_secrets_of_a_person(home: Path) -> None:
    workspace = at(home)
    workspace.store()
    workspace.key()
    assert check_secrets(workspace).secrets == []
    (file(home).parent / "notes.txt").write_text("x")
    (line,) = check_secrets(workspace).secrets
    assert line.name == "notes.txt"
    assert "not named as secrets are" in (line.problem or "")
    assert list_secrets(workspace).secrets == []


def test_another_tools_secrets_are_none_of_ours(home: Path) -> None:
    folder = file(home).parent
    folder.mkdir(parents=True)
    file(home).write_text(VALUE)
    for path, mode in ((folder, 0o700), (file(home), 0o600)):
        path.chmod(mode)
    assert find(at(home), NAME) is None


def test_without_a_home_folder_the_project_and_the_environment_are_left(tmp_path: Path) -> None:
    workspace = open_workspace({}, tmp_path, root=str(tmp_path))
    set_secret(workspace, NAME, VALUE)
    assert find(workspace, NAME) == VALUE
    with pytest.raises(InvalidInputError, match="no home folder"):
        set_secret(workspace, NAME, VALUE, everywhere=True)


def test_no_result_and_no_repr_holds_a_value(home: Path) -> None:
    set_secret(at(home), NAME, VALUE)
    set_secret(at(home), NAME, VALUE, everywhere=True)
    workspace = at(home, API_TOKEN=VALUE)
    results = (set_secret(workspace, "OTHER", VALUE), list_secrets(workspace), check_secrets(workspace),
               look_up_secret(workspace, NAME))  # fmt: skip
    for one in results:
        assert VALUE not in repr(one) + one.model_dump_json()
        assert str(len(VALUE)) not in one.model_dump_json()
    assert VALUE not in repr(workspace.settings) + repr(vars(workspace))
