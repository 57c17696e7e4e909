"""Files out of somebody's git repository: what an address may be, and that nothing in the repository takes effect."""

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator_mcp.errors import InvalidInputError, OrchestratorError, RemoteError, UnsafePathError
from orchestrator_mcp.storage import git as git_runner
from orchestrator_mcp.storage.remote.repository import Address, address_of, fetch_files

NAMES = ("workflow.yaml", "config.yaml")
LIMIT = 64 * 1024


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository to take from, with one file in a folder."""
    root = tmp_path / "source"
    (root / "web").mkdir(parents=True)
    git(root, "init", "-q")
    (root / "web" / "workflow.yaml").write_text("phases: [{id: A}]\n")
    return root


def committed(root: Path, folder: str = "web") -> Address:
    git(root, "add", "-A", "-f")
    git(root, "commit", "-qm", "x")
    address = address_of(f"file://{root}//{folder}" if folder else f"file://{root}")
    assert address
    return address


ADDRESSES = {
    "github.com/org/repo": ("https://github.com/org/repo", ""),
    "github.com/org/workflow-templates/web-app": ("https://github.com/org/workflow-templates", "web-app"),
    "git.example.org/org/repo/a/b/": ("https://git.example.org/org/repo", "a/b"),
    "https://git.example.org/group/sub/repo.git": ("https://git.example.org/group/sub/repo.git", ""),
    "https://git.example.org:8443/x/y.git//a/b": ("https://git.example.org:8443/x/y.git", "a/b"),
    "ssh://git@git.example.org/x/y.git//web": ("ssh://git@git.example.org/x/y.git", "web"),
    "git@git.example.org:x/y.git": ("git@git.example.org:x/y.git", ""),
    "git@git.example.org:x/y.git//web": ("git@git.example.org:x/y.git", "web"),
    "file:///srv/git/x.git": ("file:///srv/git/x.git", ""),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_a_person_writes_is_an_address(text: str) -> None:
    found = address_of(text)
    assert found
    assert (found.url, found.folder) == ADDRESSES[text]


@pytest.mark.parametrize(
    "text", ["web", "./web", "../x/y", "~/x", "web-app/sub", "a/b/c", "-u/x", "--upload-pack=x", ""]
)
def test_what_is_no_address(text: str) -> None:
    assert address_of(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("https://ann:s3cret@github.com/x/y", "password or a token"),
        ("https://s3cret@github.com/x/y", "password or a token"),
        ("ssh://git:s3cret@github.com/x/y", "password or a token"),
        ("https://github.com/x/y?token=s3cret", "password or a token"),
        ("https://github.com/x/y#s3cret", "password or a token"),
        ("https://ann:s3cret@[broken/x", "cannot be read"),
        ("https:///x/y", "cannot be read"),
        ("ssh://-oProxyCommand=s3cret/x", "cannot be read"),
        ("https://h/x y", "cannot be read"),
        ("http://github.com/x/y", "http addresses are not fetched"),
        ("git://github.com/x/y", "git addresses are not fetched"),
        ("ext::sh://s3cret", None),
        ("ext+sh://s3cret", "ext+sh addresses are not fetched"),
        ("https://h/x/y//../z", "no folder of a repository"),
        ("github.com/x/y/../z", "no folder of a repository"),
        ("github.com/x/y/./z", "no folder of a repository"),
    ],
)
def test_what_is_refused_is_a_sentence_that_does_not_repeat_secrets(text: str, problem: str | None) -> None:
    if problem is None:
        assert address_of(text) is None
        return
    with pytest.raises(InvalidInputError) as caught:
        address_of(text)
    assert problem in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_only_the_named_files_are_taken(source: Path) -> None:
    (source / "web" / "run.sh").write_text("touch owned")
    assert fetch_files(committed(source), NAMES, LIMIT, os.environ) == {"workflow.yaml": b"phases: [{id: A}]\n"}
    assert fetch_files(committed_again(source, ""), NAMES, LIMIT, os.environ) == {}


def committed_again(root: Path, folder: str) -> Address:
    (root / "again").write_text(folder)
    return committed(root, folder)


def test_nothing_in_the_repository_takes_effect(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks, filters, attributes, modules and LFS, in the repository and in the settings of the person."""
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/owned\ncat\n")
    evil.chmod(0o755)
    hooks = tmp_path / "templates" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_bytes(evil.read_bytes())
        (hooks / name).chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[init]\n templateDir = {tmp_path}/templates\n[core]\n hooksPath = {hooks}\n fsmonitor = {evil}\n"
        f'[filter "lfs"]\n smudge = {evil}\n process = {evil}\n required = true\n'
    )
    (source / ".gitattributes").write_text("* filter=lfs\n")
    (source / ".lfsconfig").write_text("[lfs]\n url = http://127.0.0.1:1/\n")
    (source / ".gitmodules").write_text('[submodule "s"]\n path = s\n url = ext::sh -c evil\n')
    address = committed(source)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert fetch_files(address, NAMES, LIMIT, os.environ) == {"workflow.yaml": b"phases: [{id: A}]\n"}
    assert not (tmp_path / "owned").exists()


def test_other_protocols_are_not_reached_by_a_rewritten_address(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[url \"ext::sh -c 'touch {tmp_path}/owned' #\"]\n insteadOf = https://git.example.org/\n"
        "[protocol]\n allow = always\n"
    )
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(RemoteError, match=r"git\.example\.org/x/y\. .*not allowed"):
        fetch_files(_address("git.example.org/x/y"), NAMES, LIMIT, os.environ)
    assert not (tmp_path / "owned").exists()


def _address(text: str) -> Address:
    found = address_of(text)
    assert found
    return found


def test_the_short_form_is_fetched_by_https(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(source)
    git(tmp_path, "clone", "-q", "--bare", str(source), str(tmp_path / "org" / "templates"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(f'[url "file://{tmp_path}/"]\n insteadOf = https://github.com/\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert set(fetch_files(_address("github.com/org/templates/web"), NAMES, LIMIT, os.environ)) == {"workflow.yaml"}


@pytest.mark.parametrize("kind", ["link", "folder", "submodule"])
def test_what_is_no_plain_file_is_refused(source: Path, kind: str) -> None:
    path = source / "web" / "config.yaml"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    else:
        path.mkdir()
        (path / "x").write_text("x")
        if kind == "submodule":
            git(path, "init", "-q")
            git(path, "add", "-A")
            git(path, "commit", "-qm", "x")
    with pytest.raises(UnsafePathError, match=r"web/config\.yaml"):
        fetch_files(committed(source), NAMES, LIMIT, os.environ)


@pytest.mark.parametrize("filters", ["true", "false"])
def test_a_large_file_is_refused(source: Path, filters: str) -> None:
    """Whether or not the other side knows how to leave large files out."""
    git(source, "config", "uploadpack.allowFilter", filters)
    (source / "web" / "config.yaml").write_bytes(os.urandom(LIMIT + 1))
    with pytest.raises(RemoteError, match="larger than 65,536 bytes"):
        fetch_files(committed(source), NAMES, LIMIT, os.environ)
    (source / "web" / "config.yaml").write_bytes(b"x" * LIMIT)
    assert len(fetch_files(committed(source), NAMES, LIMIT, os.environ)["config.yaml"]) == LIMIT


def test_what_cannot_be_fetched_is_a_sentence(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="does not appear to be a git repository"):
        fetch_files(_address(f"file://{tmp_path}/none"), NAMES, LIMIT, os.environ)
    with pytest.raises(RemoteError, match="Not a valid object name HEAD"):
        fetch_files(_address(f"file://{source}"), NAMES, LIMIT, os.environ)


def test_git_that_never_answers_is_ended_with_its_helpers(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ssh that hangs, as one that waits for a password would."""
    helper = tmp_path / "ssh.sh"
    helper.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    helper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(helper))
    monkeypatch.setattr(git_runner, "REMOTE_SECONDS", 2.0)
    with pytest.raises(RemoteError, match="took too long"):
        fetch_files(_address("ssh://git@git.example.org/x/y"), NAMES, LIMIT, os.environ)
    pid = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_nobody_is_asked_for_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "ssh.sh"
    helper.write_text(
        f"#!/bin/sh\n(: < /dev/tty) 2>/dev/null && touch {tmp_path}/asked\necho $GIT_TERMINAL_PROMPT >&2\nexit 1\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(helper))
    with pytest.raises(RemoteError):
        fetch_files(_address("git@git.example.org:x/y"), NAMES, LIMIT, os.environ)
    assert not (tmp_path / "asked").exists()


def test_nothing_is_left_behind(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    address = committed(source)
    fetch_files(address, NAMES, LIMIT, os.environ)
    with pytest.raises(OrchestratorError):
        fetch_files(_address(f"file://{tmp_path}/none"), NAMES, LIMIT, os.environ)
    assert list(temporary.iterdir()) == []
