"""What can be wrong with a store, made for real: one row per finding."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from orchestrator_mcp.records.doctor import FindingLevel
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.sessions import new_session
from orchestrator_mcp.storage.workspace import Workspace

OK, NOTE, WARNING, ERROR = FindingLevel.OK, FindingLevel.NOTE, FindingLevel.WARNING, FindingLevel.ERROR
STRANGER = 12345
HOUR = 3600


@dataclass
class Ward:
    """One project whose store is made sick. `settings`: what the workspace is then opened with."""

    project: Project
    settings: dict[str, Any]

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def store(self) -> Path:
        return self.root / ".orchestrator"

    @property
    def session(self) -> Path:
        return next(iter(sorted((self.store / "sessions").iterdir())))

    @property
    def failures(self) -> Path:
        return self.session / "failures.jsonl"

    def log(self, context: str) -> None:
        """One more entry, by a process that ends."""
        workspace = self.project.person()
        log_failure(workspace, context=context, feedback="Mend it", category="api")
        workspace.close()

    def workspace(self) -> Workspace:
        return self.project.person(**self.settings)


@dataclass(frozen=True)
class Row:
    """`spoil` makes it so, and may be a context; then `check` finds `says` at this level."""

    check: str
    level: FindingLevel
    says: str
    spoil: Callable[[Ward], Any]

    def __str__(self) -> str:
        return f"{self.check}-{self.spoil.__name__.strip('_')}"

    @contextmanager
    def sick(self, ward: Ward) -> Iterator[Workspace]:
        """The workspace, while it is so."""
        made = self.spoil(ward)
        with made if hasattr(made, "__enter__") else nullcontext():
            yield ward.workspace()


ROWS: list[Row] = []


def row(check: str, level: FindingLevel, says: str) -> Callable[[Callable[[Ward], Any]], Callable[[Ward], Any]]:
    def added(spoil: Callable[[Ward], Any]) -> Callable[[Ward], Any]:
        ROWS.append(Row(check, level, says, spoil))
        return spoil

    return added


def git(folder: Path, *words: str) -> None:
    names = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *names, *words], check=True, capture_output=True)


def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this")


@contextmanager
def disk(ward: Ward, *options: str) -> Iterator[None]:
    """A small disk of its own for the store, with what is in the store already."""
    as_root()
    aside = ward.root / "aside"
    shutil.copytree(ward.store, aside)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(("mode=700", *options)), "small", str(ward.store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        shutil.copytree(aside, ward.store, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(ward.store)], check=True)


@contextmanager
def process(code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that says something when it is ready, and lives until the end."""
    running = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout
        running.stdout.readline()
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout
        running.stdout.close()


def aged(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


# ── whose store is this, does it belong here, what does git make of it ──


@row("store", NOTE, "There is no store yet")
def _no_store(ward: Ward) -> None:
    shutil.rmtree(ward.store)


@row("store", ERROR, "meta.json is not ours")
def _garbage(ward: Ward) -> None:
    (ward.store / "meta.json").write_bytes(b"\xff\x00{")


@row("store", ERROR, "belongs to another tool")
def _lost_meta(ward: Ward) -> None:
    (ward.store / "meta.json").unlink()


@row("store", ERROR, "is a symbolic link")
def _link(ward: Ward) -> None:
    ward.store.rename(ward.root / "elsewhere")
    ward.store.symlink_to("elsewhere")


@row("store", ERROR, "Not a directory")
def _a_file(ward: Ward) -> None:
    shutil.rmtree(ward.store)
    ward.store.write_text("x")


@row("store", ERROR, "has format 2")
def _newer(ward: Ward) -> None:
    meta = json.loads((ward.store / "meta.json").read_text())
    (ward.store / "meta.json").write_text(json.dumps(meta | {"format": 2}))


@row("store", NOTE, "the next write brings it to format 1")
def _half_upgraded(ward: Ward) -> None:
    (ward.store / "upgrade").mkdir(mode=0o700)


@row("store", ERROR, "Permission denied")
@contextmanager
def _unreadable(ward: Ward) -> Iterator[None]:
    above = [one for one in ward.root.parents if one.stat().st_mode & 0o077 == 0] if os.geteuid() == 0 else []
    for folder in above:
        folder.chmod(0o711)  # it is the store's own mode that shall refuse
    ward.store.chmod(0)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()  # the user is the whole process's, and what syncs in the background is no stranger
    me = os.geteuid()
    if me == 0:
        os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(me)
        ward.store.chmod(0o700)
        for folder in above:
            folder.chmod(0o700)


@row("origin", WARNING, "was made for example.org/a/one, and this is example.org/a/two")
def _copied(ward: Ward) -> None:
    git(ward.root, "init", "-q")
    git(ward.root, "remote", "add", "origin", "https://x:secret@example.org/a/two.git")
    meta = json.loads((ward.store / "meta.json").read_text())
    (ward.store / "meta.json").write_text(json.dumps(meta | {"git_remote": "example.org/a/one"}))


@row("origin", NOTE, "lay elsewhere")
def _moved(ward: Ward) -> None:
    other = ward.root / "other"
    other.mkdir()
    ward.store.rename(other / ".orchestrator")
    ward.project.root = other


@row("neighbours", NOTE, "worktrees is a folder that is not ours")
def _neighbour(ward: Ward) -> None:
    (ward.store / "worktrees" / "20260101-blue-fox").mkdir(parents=True)


@row("neighbours", NOTE, "15 more of this kind.")
def _many_neighbours(ward: Ward) -> None:
    for number in range(25):
        (ward.store / f"v{number}.db").touch()


@row("neighbours", WARNING, "prd/a/a goes more than 64 folders deep")
def _deep(ward: Ward) -> None:
    ward.store.joinpath("prd", *"a" * 70).mkdir(parents=True)


@row("git_tracks", ERROR, "git tracks what should stay on this machine: secrets/redaction.key")
def _tracked(ward: Ward) -> None:
    git(ward.root, "init", "-q")
    git(ward.root, "add", "-f", ".orchestrator/secrets/redaction.key")


@row("git_tracks", WARNING, "git does not ignore what should stay on this machine: cache/index.sqlite")
def _lost_ignore(ward: Ward) -> None:
    git(ward.root, "init", "-q")
    (ward.store / ".gitignore").unlink()


@row("git_tracks", NOTE, "git tracks 1 file of the store")
def _shared(ward: Ward) -> None:
    git(ward.root, "init", "-q")
    private = ("/secrets", "/lock", "/cache", "/tmp", "/current", "lock")
    (ward.store / ".gitignore").write_text("".join(f"{line}\n" for line in private))
    git(ward.root, "add", ".orchestrator/meta.json")


@row("git_tracks", ERROR, "There is no git repository in")
def _no_repository(ward: Ward) -> None:
    (ward.root / ".git").mkdir()


@row("git_clean", NOTE, "`git clean -fdx` removes the store")
def _cleaned(ward: Ward) -> None:
    git(ward.root, "init", "-q")


# ── who else can read it ──


@row("permissions", WARNING, "2 names open to other users by mode: .orchestrator, meta.json")
def _open_folder(ward: Ward) -> None:
    ward.store.chmod(0o755)
    (ward.store / "meta.json").chmod(0o644)


@row("permissions", NOTE, "1 name open to other users by mode: sessions. The folder itself is private")
def _open_inside(ward: Ward) -> None:
    (ward.store / "sessions").chmod(0o750)


@row("permissions", WARNING, "1 name closed to yourself by mode: current")
def _closed(ward: Ward) -> None:
    (ward.store / "current").chmod(0o400)


@row("permissions", ERROR, "1 name of another user's: meta.json")
def _foreign(ward: Ward) -> None:
    as_root()
    os.chown(ward.store / "meta.json", STRANGER, -1)


@row("permissions", ERROR, "2 names of links, devices or the like")
def _strange(ward: Ward) -> None:
    (ward.store / "reports").symlink_to("/etc")
    os.mkfifo(ward.session / "log.jsonl")


@row("permissions", ERROR, "with a second one (a hard link)")
def _hard_link(ward: Ward) -> None:
    os.link(ward.failures, ward.root / "another")


@row("permissions", ERROR, "The store cannot be written to")
@contextmanager
def _read_only(ward: Ward) -> Iterator[None]:
    with disk(ward, "size=4m"):
        subprocess.run(["mount", "-o", "remount,ro", str(ward.store)], check=True)
        yield


@row("secrets", ERROR, "secrets/redaction.key is open to others (mode 640)")
def _open_key(ward: Ward) -> None:
    (ward.store / "secrets" / "redaction.key").chmod(0o640)


@row("secrets", NOTE, "There is no key for redaction yet")
def _no_secrets(ward: Ward) -> None:
    shutil.rmtree(ward.store / "secrets")


@row("secrets", WARNING, "has 7 bytes instead of 32")
def _short_key(ward: Ward) -> None:
    (ward.store / "secrets" / "redaction.key").write_bytes(b"1234567")


@row("secrets", ERROR, "The secret API_KEY is not used.")
def _open_at_home(ward: Ward) -> None:
    home = ward.root / "home"
    folder = home / ".orchestrator" / "secrets"
    folder.mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (folder / "API_KEY").write_text("hunter2-hunter2")
    (folder / "API_KEY").chmod(0o644)
    ward.settings["home"] = home


@row("secrets", WARNING, "feedback_gist is set, and the secret GITHUB_TOKEN, which it needs, is not there")
def _no_token(ward: Ward) -> None:
    ward.settings["environ"] = {"ORCHESTRATOR_FEEDBACK_GIST": "0" * 32}


# ── is what was recorded whole ──


@row("lines", WARNING, "2 of 3 lines cannot be read, the first is line 2.")
def _bad_lines(ward: Ward) -> None:
    with ward.failures.open("ab") as file:
        file.write(b'{"id": oops}\n[1, 2]\n')


@row("lines", WARNING, "the last 21 bytes are half a line")
def _torn(ward: Ward) -> None:
    """A writer that is killed in the middle of a line."""
    code = "import os, sys\nfd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)\n"
    code += 'os.write(fd, b\'{"id":"x","context":"\')\nos.kill(os.getpid(), 9)\n'
    killed = subprocess.run([sys.executable, "-c", code, str(ward.failures)], check=False)
    assert killed.returncode == -9


@row("quarantine", NOTE, "keeps 1 torn line, 21 bytes")
def _quarantined(ward: Ward) -> None:
    _torn(ward)
    ward.log("Another thing broke")


@row("leftovers", WARNING, "Killed processes left 2 temporary files or folders, the oldest 5 hours ago")
def _left(ward: Ward) -> None:
    stage = ward.store / "tmp" / "01k00000000000000000000000"
    stage.mkdir(parents=True, mode=0o700)
    (stage / "meta.json").touch(0o600)
    staged = ward.store / f".current.{'0a' * 8}.tmp"
    staged.touch(0o600)
    for path in (stage / "meta.json", stage, staged):
        aged(path, 5 * HOUR + 60)


@row("leftovers", OK, "no stale temporary files")
def _in_use(ward: Ward) -> Any:
    """Old, but a living process has it open; and another that is young."""
    staged = ward.store / f".current.{'0b' * 8}.tmp"
    staged.touch(0o600)
    aged(staged, 5 * HOUR)
    (ward.store / f".meta.json.{'0c' * 8}.tmp").touch(0o600)
    return process("import sys, time; file = open(sys.argv[1]); print(flush=True); time.sleep(60)", str(staged))


@row("sessions", WARNING, "The meta.json of 1 session cannot be read")
def _broken_session(ward: Ward) -> None:
    (ward.session / "meta.json").write_text("{")


@row("sessions", NOTE, "1 session opened in worktrees that are gone: fix-it (1)")
def _orphan(ward: Ward) -> None:
    path = ward.session / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"worktree": str(ward.root / "trees" / "fix-it")}))


@row("sessions", NOTE, "1 name among the sessions, which are none")
def _no_session(ward: Ward) -> None:
    (ward.store / "sessions" / "notes.txt").touch(0o600)


@row("sessions", NOTE, "The state of 1 workflow cannot be read")
def _broken_state(ward: Ward) -> None:
    (ward.session / "state.json").write_text('{"phases": ')


@row("sessions", NOTE, "`current` names no session that is there")
def _dangling(ward: Ward) -> None:
    (ward.store / "current").write_text("../../etc\n")


@row("clock", WARNING, "1 file written in the future, meta.json by 2 days")
def _future_file(ward: Ward) -> None:
    aged(ward.store / "meta.json", -(2 * 24 * HOUR + 600))


@row("clock", WARNING, "The clock stands before the newest entry")
def _future_record(ward: Ward) -> None:
    ward.project.now -= timedelta(days=3)


# ── is it in use ──

STATE = {"workflow_id": "wf_00000001", "task_description": "x", "status": "active", "phases": {"PLAN": {"status": "a"}}}
EVENT = {"timestamp": "2026-01-05T10:00:00", "event_type": "note_added", "workflow_id": "wf_00000001", "message": "m"}


def _legacy(ward: Ward, lines: int = 1, **state: Any) -> None:
    (ward.root / ".workflow_state.json").write_text(json.dumps(STATE | state))
    events = (json.dumps(EVENT | {"message": str(number)}) + "\n" for number in range(lines))
    (ward.root / ".workflow_log.jsonl").write_text("".join(events))


def _migrate(ward: Ward) -> None:
    from orchestrator_mcp.services.migration import migrate_state

    migrate_state(ward.project.agent(), dry_run=False)


@row("legacy", NOTE, "Legacy files lie here: .workflow_state.json, .workflow_log.jsonl")
def _not_migrated(ward: Ward) -> None:
    _legacy(ward)


@row("legacy", WARNING, "The workflow in .workflow_state.json has a different state in session ")
def _other_state(ward: Ward) -> None:
    _legacy(ward)
    _migrate(ward)
    _legacy(ward, status="completed", phases={"PLAN": {"status": "password=hunter2-hunter2"}})


@row("legacy", WARNING, ".workflow_log.jsonl grew by ")
def _longer_log(ward: Ward) -> None:
    _legacy(ward, lines=3)
    _migrate(ward)
    _legacy(ward, lines=5)


@row("migration", WARNING, "A migration, or a rollback, is under way or was cut short")
def _cut_short(ward: Ward) -> None:
    stage = ward.store / "tmp" / "migration-01k00000000000000000000000"
    stage.mkdir(parents=True, mode=0o700)


HOLD = "import sys, time; from filelock import lock_descriptor; file = open(sys.argv[1], 'r+'); "
HOLD += "lock_descriptor(file.fileno()); print(flush=True); time.sleep(60)"


@row("locks", WARNING, "lock is held by process")
def _held(ward: Ward) -> Any:
    return process(HOLD, str(ward.store / "lock"))


@row("locks", WARNING, ", stopped, running for ")
@contextmanager
def _stopped(ward: Ward) -> Iterator[None]:
    with process(HOLD, str(ward.session / "lock")) as holder:
        holder.send_signal(19)
        os.waitpid(holder.pid, os.WUNTRACED)
        yield


@row(
    "locks", NOTE, "locks/wf.lock is another orchestrator's lock, 5 hours old; it names process 4194304, which is gone"
)
def _foreign_lock(ward: Ward) -> None:
    (ward.store / "locks").mkdir()
    (ward.store / "locks" / "wf.lock").write_text("4194304")
    aged(ward.store / "locks" / "wf.lock", 5 * HOUR)


@row(
    "locks",
    NOTE,
    f".migration.lock is another orchestrator's lock, 0 s old; it names process {os.getpid()}, which runs",
)
def _foreign_migration(ward: Ward) -> None:
    (ward.store / ".migration.lock").write_text(f"{os.getpid()}\n")


@row("capture", NOTE, "Nothing was recorded yet")
def _nothing(ward: Ward) -> None:
    ward.failures.unlink()


@row("capture", NOTE, "ORCHESTRATOR_SKIP_FEEDBACK is set")
def _skipping(ward: Ward) -> None:
    ward.settings["skip_feedback"] = "ORCHESTRATOR_SKIP_FEEDBACK"


@row("capture", WARNING, "5 sessions were opened since the last entry, and recorded nothing. Last entries: failures")
def _quiet(ward: Ward) -> None:
    text = ward.failures.read_text()
    ward.failures.write_text(text.replace(ward.project.now.strftime("%Y-%m-%d"), "2026-01-01"))
    aged(ward.session / "meta.json", 400 * 24 * HOUR)
    for _ in range(5):
        new_session(ward.project.person())


@row("cache", NOTE, "it is damaged")
def _damaged_cache(ward: Ward) -> None:
    (ward.store / "cache").mkdir(exist_ok=True, mode=0o700)
    (ward.store / "cache" / "index.sqlite").write_bytes(b"x" * 5000)


@row("cache", NOTE, "it was copied here")
def _copied_cache(ward: Ward) -> None:
    workspace = ward.project.person()
    review_patterns(workspace, all=True)
    workspace.close()
    path = ward.store / "cache" / "index.sqlite"
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


@row("engine", WARNING, "engine is set to meaning, and no model is installed")
def _no_model(ward: Ward) -> None:
    (ward.store / "config.yaml").write_text("engine: meaning\n")


@row("config", WARNING, "min_frequency")
def _bad_setting(ward: Ward) -> None:
    (ward.store / "config.yaml").write_text("min_frequency: hunter2-hunter2\n")


@row("config", WARNING, "config.yaml cannot be used: ")
def _broken_settings(ward: Ward) -> None:
    (ward.store / "config.yaml").write_text("a: [\n")


@row("config", NOTE, "ORCHESTRATOR_MIN_FREQENCY is set, and nothing reads it")
def _unknown_name(ward: Ward) -> None:
    ward.settings["environ"] = {"ORCHESTRATOR_MIN_FREQENCY": "hunter2-hunter2"}


# ── can a store live on this machine ──


@row("disk", ERROR, "The disk is full: 0 MB")
def _full(ward: Ward) -> Any:
    return disk(ward, "size=600k")


@row("disk", WARNING, "The disk is nearly full: 7 MB and ")
def _nearly_full(ward: Ward) -> Any:
    return disk(ward, "size=8m", "nr_inodes=500")


@row("disk", WARNING, "MB and 6")
def _few_inodes(ward: Ward) -> Any:
    return disk(ward, "size=400m", "nr_inodes=80")


@row("disk", ERROR, "and max_store_mb allows 10")
def _large(ward: Ward) -> None:
    (ward.store / "config.yaml").write_text("max_store_mb: 10\n")
    with (ward.store / "prd").open("wb") as file:
        file.truncate(11 << 20)


@row("file_system", ERROR, "Nothing can be locked on")
def _strange_lock(ward: Ward) -> None:
    (ward.store / "lock").unlink()
    os.mkfifo(ward.store / "lock")


@row("machine", WARNING, "CODESPACES is set: this is a codespace")
def _codespace(ward: Ward) -> None:
    ward.settings["ephemeral"] = "CODESPACES is set: this is a codespace."


@row("machine", WARNING, "The store goes with it")
def _codespace_with_a_repository(ward: Ward) -> None:
    _codespace(ward)
    git(ward.root, "init", "-q")


@row("machine", NOTE, "save the store to a branch")
def _saved(ward: Ward) -> None:
    _codespace(ward)
    (ward.store / "config.yaml").write_text("state_branch: orchestrator-state\n")


@row("machine", WARNING, "web_mode is set: this machine is taken for one that will be thrown away.")
def _web_mode(ward: Ward) -> None:
    (ward.store / "config.yaml").write_text("web_mode: true\n")


@row("machine", OK, "it stays, as web_mode is set to false")
def _stays(ward: Ward) -> None:
    _codespace(ward)
    (ward.store / "config.yaml").write_text("web_mode: false\n")


def _no_programs(ward: Ward) -> None:
    (ward.root / ".git").mkdir()
    ward.settings["environ"] = {"PATH": str(ward.root)}


row("git", NOTE, "git is not installed")(_no_programs)
row("git_tracks", NOTE, "git is not installed")(_no_programs)
row("git_clean", NOTE, "removes the store")(_no_programs)
