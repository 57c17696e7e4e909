"""Imports at once, imports beside writers, and the command line as people and scripts use it."""

import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from projects import Project
from snapshot_world import contents, fill, give, reviewed, take

from orchestrator_mcp.cli.main import main
from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.failures import log_failure

IMPORTER = Path(__file__).with_name("importer.py")
RUN = [sys.executable, "-m", "orchestrator_mcp.cli"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "here").mkdir()
    return Project(tmp_path / "here")


@pytest.fixture
def other(tmp_path: Path) -> Project:
    (tmp_path / "elsewhere").mkdir()
    return Project(tmp_path / "elsewhere")


def run(project: Project, *words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    options = {"stdin": subprocess.DEVNULL} | options
    return subprocess.run([*RUN, *words], cwd=project.root, capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_of_two_imports_one_takes_in_and_one_finds_it_there(project: Project, tmp_path: Path) -> None:
    fill(project)
    snapshot = give(project.person(), tmp_path / "s")
    for number in range(2):
        root, gate = tmp_path / str(number), tmp_path / f"gate{number}"
        root.mkdir()
        command = [sys.executable, str(IMPORTER), str(root), str(snapshot), str(gate)]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        gate.touch()
        said = sorted(json.loads(process.communicate(timeout=60)[0])["action"] for process in both)
        assert said == ["imported", "nothing_to_do"]
        there = Project(root)
        assert len(there.person().read(Failure).records) == 6
        assert there.person().meta.repo_id == project.person().meta.repo_id  # type: ignore[union-attr]


def test_an_import_loses_nothing_that_is_written_meanwhile(project: Project, other: Project, tmp_path: Path) -> None:
    """Every acknowledged line is in the store, or in the backup if its session was replaced."""
    fill(project)
    take(other.person(), give(project.person(), tmp_path / "first"))
    session = project.person().sessions.list_sessions()[0]
    log_failure(project.person(session=session), context="theirs alone", feedback="x", category="api")
    snapshot = give(project.person(), tmp_path / "second")
    stop, written = threading.Event(), []

    def write() -> None:
        agent = other.agent(session=session)
        while not stop.is_set():
            text = f"line {len(written)} of my own"
            log_failure(agent, context=text, feedback="y", category="api")
            written.append(text)
            stop.wait(0.001)
        agent.close()

    writer = threading.Thread(target=write)
    writer.start()
    backups = []
    try:
        for _ in range(5):
            enough = len(written) + 2  # of which one may have been on its way into what was replaced
            while len(written) < enough and writer.is_alive():
                time.sleep(0.01)
            result = take(other.person(), snapshot, on_conflict="replace")
            assert result.differing == [f"sessions/{session}"]
            backups.append(result.backup)
    finally:
        stop.set()
        writer.join()
    assert all(backups)
    assert len(written) > 10
    held = b"".join(path.read_bytes() for path in other.root.rglob("failures.jsonl"))
    assert [text for text in written if text.encode() not in held] == []


def test_an_export_beside_a_writer_is_whole(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    stop, written = threading.Event(), []

    def write() -> None:
        agent = project.agent()
        while not stop.is_set():
            written.append(log_failure(agent, context=f"line {len(written)}", feedback="y", category="api").id)
        agent.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            acknowledged = list(written)
            give(project.person(), tmp_path / str(number))
            there = Project(tmp_path / f"there{number}")
            there.root.mkdir()
            take(there.person(), tmp_path / str(number))
            found = there.person().read(Failure)
            assert found.bad_lines == 0
            assert set(acknowledged) <= {one.id for one in found.records}
    finally:
        stop.set()
        writer.join()
    assert written


def test_a_pipe_carries_it(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    done = run(project, "snapshot", "export")
    assert done.returncode == 0
    (tmp_path / "piped").write_bytes(done.stdout)
    assert done.stdout == give(project.person(), tmp_path / "file").read_bytes()
    assert b"Exported" in done.stderr
    assert b"private" in done.stderr
    assert run(project, "snapshot", "export", "-", "--quiet").stderr == b""
    taken = run(other, "snapshot", "import", str(tmp_path / "piped"))
    assert taken.returncode == 0, taken.stderr
    assert b"added" in taken.stdout
    other.now = project.now
    assert reviewed(other.person())["counts"]["entries"] == reviewed(project.person())["counts"]["entries"]


def test_each_refusal_is_a_sentence_and_says_what_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)

    def refused(*words: str) -> str:
        with Path(os.devnull).open() as nothing, monkeypatch.context() as patched:
            patched.setattr("sys.stdin", nothing)
            filled = (str(nothing.fileno()) if word == "EMPTY" else word for word in words)
            assert main(["snapshot", *filled]) == 1
        out, err = capfd.readouterr()
        assert not (project.root / "s").exists()
        return out + err

    assert "no store here yet" in refused("export", "s")
    assert not list(project.root.iterdir())
    fill(project)
    os.mkfifo(project.root / "fifo")
    for words, said in (
        (("export", "--json"), "Name a file"),
        (("export", "missing/s.tar.gz"), "not a file in a folder that exists"),
        (("export", "."), "not a file"),
        (("export", "fifo"), "not a file"),
        (("import", "fifo"), "is not a file"),
        (("import", "missing"), "is not a file"),
        (("import", "."), "is not a file"),
        (("export", "s", "--encrypt"), "--passphrase-fd"),
        (("export", "s", "--encrypt", "--passphrase-fd", "77"), "descriptor 77"),
        (("export", "s", "--passphrase-fd", "77"), "descriptor 77"),
        (("export", "s", "--encrypt", "--passphrase-fd", "EMPTY"), "passphrase is empty"),
    ):
        assert said in refused(*words), words
    assert not list((project.root / ".orchestrator" / "tmp").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_device_is_told(project: Project) -> None:
    fill(project, 1)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*RUN, "snapshot", "export"], cwd=project.root, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"could not be written" in done.stderr
    assert not list((project.root / ".orchestrator" / "tmp").iterdir())


def test_a_reader_that_leaves_is_no_error(project: Project) -> None:
    fill(project)
    (next(project.root.rglob("log.jsonl"))).write_bytes(b'{"a":"%s"}\n' % os.urandom(1 << 20).hex().encode())
    done = subprocess.run(
        f"{' '.join(RUN)} snapshot export | head -c 10 | wc -c",
        shell=True,
        cwd=project.root,
        capture_output=True,
        check=False,
    )
    assert done.stdout.strip() == b"10"
    assert b"Traceback" not in done.stderr
    assert b"bug" not in done.stderr


def on_a_terminal(project: Project, *words: str, answers: bytes = b"") -> tuple[int, bytes]:
    """Run a command on a terminal of its own; returns its exit code and all that it showed."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*RUN, *words], cwd=project.root, stdin=side, stdout=side, stderr=side, start_new_session=True
    )
    os.close(side)
    shown = b""
    while True:
        if not select.select([main], [], [], 30)[0]:
            break
        try:
            data = os.read(main, 65536)
        except OSError:
            break
        shown += data
        if answers and shown.endswith((b"Passphrase: ", b"Once more: ")):
            line, _, answers = answers.partition(b"\n")
            os.write(main, line + b"\n")
    os.close(main)
    return process.wait(), shown


def test_a_terminal_is_told_to_name_a_file_and_sees_how_far_it_is(project: Project) -> None:
    fill(project, 1)
    code, shown = on_a_terminal(project, "snapshot", "export")
    assert code == 1
    assert b"Name a file" in shown
    assert b"\x1f\x8b" not in shown
    assert b"Exporting" not in on_a_terminal(project, "snapshot", "export", "small.tar.gz")[1]
    log = next(project.root.rglob("log.jsonl"))
    log.write_bytes(log.read_bytes() + b'{"message":"%s"}\n' % (b"x" * 1000) * 60_000)
    code, shown = on_a_terminal(project, "snapshot", "export", "large.tar.gz")
    assert code == 0
    assert b" of 58 MB, " in shown
    assert b"Exporting" not in on_a_terminal(project, "--quiet", "snapshot", "export", "large.tar.gz")[1]
    assert b"Reading" in on_a_terminal(project, "snapshot", "import", "large.tar.gz", "--dry-run")[1]
    assert b"Reading" not in run(project, "snapshot", "import", "large.tar.gz", "--dry-run").stderr


class TestEncrypted:
    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        pytest.importorskip("pyrage")

    def test_there_and_back(self, project: Project, other: Project, tmp_path: Path) -> None:
        fill(project)
        secret = tmp_path / "secret"
        secret.write_text("correct horse\n")
        with secret.open() as file:
            words = ("snapshot", "export", "../s.age", "--passphrase-fd", str(file.fileno()))
            done = run(project, *words, pass_fds=[file.fileno()])
        assert done.returncode == 0, done.stderr
        data = (tmp_path / "s.age").read_bytes()
        assert data.startswith(b"age-encryption.org/v1\n")
        environ = {**os.environ, "ORCHESTRATOR_SNAPSHOT_PASSPHRASE": "correct horse"}
        taken = run(other, "snapshot", "import", "../s.age", env=environ)
        assert taken.returncode == 0, taken.stderr
        assert b"SNAPSHOT_PASSPHRASE" not in taken.stderr
        assert contents(other.root).keys() >= {path for path in contents(project.root) if path.startswith("rules/")}

    def test_a_wrong_passphrase_and_a_flipped_byte_change_nothing(
        self, project: Project, other: Project, tmp_path: Path
    ) -> None:
        fill(project)
        data = give(project.person(), tmp_path / "s", passphrase="right").read_bytes()
        at = data.index(b"\n--- ") + 8
        for content, passphrase in ((data, "wrong"), (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "right")):
            (tmp_path / "s").write_bytes(content)
            with pytest.raises(SnapshotError, match="could not be decrypted"):
                take(other.person(), tmp_path / "s", passphrase=lambda said=passphrase: said)
        assert not list(other.root.iterdir())

    def test_a_person_types_it_twice(self, project: Project, other: Project, tmp_path: Path) -> None:
        fill(project)
        code, shown = on_a_terminal(project, "snapshot", "export", "../s", "--encrypt", answers=b"open\nsesame\n")
        assert code == 1
        assert b"not the same" in shown
        assert not (tmp_path / "s").exists()
        code, shown = on_a_terminal(project, "snapshot", "export", "../s", "--encrypt", answers=b"sesame\nsesame\n")
        assert code == 0, shown
        assert b"sesame" not in shown
        code, shown = on_a_terminal(other, "snapshot", "import", "../s", answers=b"sesame\n")
        assert code == 0, shown

    def test_without_the_extra_it_says_which(self, project: Project) -> None:
        fill(project, 1)
        block = "import sys; sys.modules['pyrage'] = None; from orchestrator_mcp.cli.main import main; sys.exit(main(sys.argv[1:]))"
        environ = {**os.environ, "ORCHESTRATOR_SNAPSHOT_PASSPHRASE": "x"}
        command = [sys.executable, "-c", block, "snapshot", "export", "s", "--encrypt"]
        done = subprocess.run(command, cwd=project.root, env=environ, capture_output=True, check=False)
        assert done.returncode == 1
        assert b"orchestrator-mcp[encrypt]" in done.stderr
        assert not (project.root / "s").exists()
