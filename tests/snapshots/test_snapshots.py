"""A snapshot brings back what was exported: elsewhere, once, and without what stays at home."""

import os
import shutil
import subprocess
import tarfile
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from projects import Project
from snapshot_world import FAILURES, GOOD, META, SESSION, contents, fill, give, reviewed, take

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.snapshot import ImportAction
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.pattern_decisions import ignore_pattern
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.snapshots import NAME, export_snapshot
from orchestrator_mcp.storage.files import is_staged, staged_name
from orchestrator_mcp.storage.line_news import unite
from orchestrator_mcp.storage.paths import OrchestratorPaths
from orchestrator_mcp.storage.snapshot_contents import find


@pytest.fixture
def other(tmp_path: Path) -> Project:
    """The same repository, elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    return Project(tmp_path / "elsewhere")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "here").mkdir()
    return Project(tmp_path / "here")


def logged(project: Project, context: str) -> None:
    agent = project.agent()
    log_failure(agent, context=context, feedback=context[::-1], category="api")
    agent.close()


def test_another_clone_gives_the_same_review(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True)

    git("init", "-q", str(tmp_path / "one"))
    git(
        "-C",
        str(tmp_path / "one"),
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    )
    here = Project(tmp_path / "one")
    fill(here)
    snapshot = give(here.person(), tmp_path / "state.tar.gz", include_private=True)
    git("clone", "-q", str(tmp_path / "one"), str(tmp_path / "two"))
    there = Project(tmp_path / "two")
    there.now = here.now
    result = take(there.person(), snapshot)
    assert result.action is ImportAction.IMPORTED
    assert len([name for name in result.added if name.startswith("sessions/")]) == 3
    mine, theirs = contents(tmp_path / "one"), contents(tmp_path / "two")
    local = {"meta.json", "current", ".gitignore"}
    travelled = {path for path in mine if path not in local and mine[path][0] == "file"}
    assert travelled == {path for path in theirs if path not in local and theirs[path][0] == "file"}
    assert all(mine[path] == theirs[path] for path in travelled)
    assert there.person().meta.repo_id == here.person().meta.repo_id  # type: ignore[union-attr]
    assert reviewed(there.person()) == reviewed(here.person())
    assert reviewed(there.person())["patterns"]


def test_the_same_store_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    fill(project)
    first = give(project.person(), tmp_path / "1").read_bytes()
    project.wait(days=3)
    shutil.rmtree(project.root / ".orchestrator" / "cache")
    assert give(project.person(), tmp_path / "2").read_bytes() == first
    copy = shutil.copytree(project.root, tmp_path / "copy")
    assert give(Project(copy).person(), tmp_path / "3").read_bytes() == first


def test_any_program_can_unpack_it(project: Project, tmp_path: Path) -> None:
    fill(project, 1)
    snapshot = give(project.person(), tmp_path / "state.tar.gz")
    with tarfile.open(snapshot) as archive:
        names = archive.getnames()
        assert names[0] == "manifest.jsonl"
        assert names[1:] == sorted(names[1:])
        assert all(member.isreg() and member.mode == 0o600 and not member.uname for member in archive)
    assert snapshot.stat().st_mode & 0o777 == 0o600


def test_what_is_private_or_secret_stays_unless_asked_for(project: Project, tmp_path: Path) -> None:
    fill(project)
    record_feedback(project.agent(), learnings="I learned much")
    store = project.root / ".orchestrator"
    checkpoints = next((store / "sessions").iterdir()) / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "cp.json").write_text("{}")
    (checkpoints / "a b").write_text("unsafe elsewhere")
    (checkpoints / "link").symlink_to("/etc/passwd")
    (store / "sync.jsonl").write_text("{}\n")
    (store / "foreign.txt").write_text("not ours")

    def names(**options: bool) -> set[str]:
        with tarfile.open(give(project.person(), tmp_path / "s", **options)) as archive:
            return set(archive.getnames())

    public, everything = names(), names(include_private=True)
    assert {name.rpartition("/")[2] for name in everything - public} == {"process.jsonl", "agent_invocations.jsonl"}
    tops = {name.split("/")[0] for name in everything}
    assert tops == {"manifest.jsonl", "sessions", "rules"}
    assert not any("lock" in name or "redaction.key" in name or "a b" in name or "link" in name for name in everything)
    left = {one.why.split(":")[0]: one.files for one in export_snapshot(project.agent()).left_out}
    assert left["private"] == 2
    assert sum(left.values()) == 4


@pytest.mark.parametrize("name", ["sessions", "rules", "prd", "config.yaml"])
def test_a_link_in_the_place_of_what_is_packed_up_is_not_followed(project: Project, tmp_path: Path, name: str) -> None:
    fill(project, 1)
    elsewhere = shutil.copytree(project.root / ".orchestrator" / "sessions", tmp_path / "sessions")
    shutil.rmtree(project.root / ".orchestrator" / name, ignore_errors=True)
    (project.root / ".orchestrator" / name).symlink_to(elsewhere)
    assert not [one for one in find(OrchestratorPaths(project.root)).paths if one.startswith(name)]


def test_the_second_import_finds_nothing_to_do(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    snapshot = give(project.person(), tmp_path / "state.tar.gz")
    planned = take(other.person(), snapshot, dry_run=True)
    assert planned.action is ImportAction.PLAN
    assert not (other.root / ".orchestrator").exists()
    done = take(other.person(), snapshot)
    assert (done.added, done.same) == (planned.added, 0)
    again = take(other.person(), snapshot)
    assert (again.action, again.added, again.same) == (ImportAction.NOTHING_TO_DO, [], len(done.added))
    assert take(project.person(), snapshot).action is ImportAction.NOTHING_TO_DO


def test_what_differs_is_kept_and_named(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    snapshot = give(project.person(), tmp_path / "state.tar.gz")
    take(other.person(), snapshot)
    session = other.person().sessions.list_sessions()[0]
    failures = other.root / ".orchestrator" / "sessions" / session / "failures.jsonl"
    private = failures.with_name("agent_invocations.jsonl")
    private.write_bytes(b'{"id":"x","timestamp":"2026-11-21T10:13:06Z"}\n')
    mine = failures.read_bytes() + b'{"id":"mine","timestamp":"2026-11-21T10:13:06Z","context":"c","feedback":"f"}\n'
    failures.write_bytes(mine)
    before = contents(other.root)
    kept = take(other.person(), snapshot)
    assert kept.differing == [f"sessions/{session}"]
    assert f"sessions/{session}" in " ".join(kept.warnings)
    assert contents(other.root) == before
    with pytest.raises(SnapshotError, match=f"{session}.*Nothing was changed"):
        take(other.person(), snapshot, on_conflict="refuse")
    checkpoint = failures.parent / "checkpoints" / "mine.json"
    checkpoint.parent.mkdir()
    checkpoint.write_text("{}")
    replaced = take(other.person(), snapshot, on_conflict="replace")
    assert replaced.backup
    aside = other.root / replaced.backup / "replaced" / "sessions" / session
    assert (aside / "failures.jsonl").read_bytes() == mine
    assert (aside / "checkpoints" / "mine.json").read_text() == "{}"
    assert not checkpoint.exists()
    assert failures.read_bytes() in mine
    assert private.exists(), "what the snapshot says nothing of stays"
    assert take(other.person(), snapshot, on_conflict="replace").action is ImportAction.NOTHING_TO_DO


def test_decisions_of_both_sides_are_united(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    take(other.person(), give(project.person(), tmp_path / "1"))
    patterns = review_patterns(project.agent()).patterns
    logged(project, "an error of its own kind")
    ignore_pattern(project.person(), patterns[0].id)
    decided = project.root / ".orchestrator" / "rules" / "patterns.jsonl"
    mine = other.root / ".orchestrator" / "rules" / "patterns.jsonl"
    mine.write_bytes(decided.read_bytes().replace(b"01", b"07", 1))
    ours = mine.read_bytes()
    staged_name(mine).write_text("of an import that was killed")
    result = take(other.person(), give(project.person(), tmp_path / "2"))
    assert "rules/patterns.jsonl" in result.merged
    assert not [path for path in mine.parent.iterdir() if is_staged(path.name)]
    assert mine.read_bytes() == ours + decided.read_bytes()
    assert take(other.person(), give(project.person(), tmp_path / "3")).action is ImportAction.NOTHING_TO_DO


def test_an_older_revision_never_supersedes_a_newer(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    take(other.person(), give(project.person(), tmp_path / "1"))
    rules = [one.root / ".orchestrator" / "rules" / "suggestions.jsonl" for one in (project, other)]
    line = rules[0].read_bytes().splitlines()[-1]
    newer = line.replace(b'"rev":1', b'"rev":2')
    assert newer != line
    rules[1].write_bytes(rules[1].read_bytes() + newer + b"\n")
    held = rules[1].read_bytes()
    assert take(other.person(), give(project.person(), tmp_path / "2")).merged == []
    assert rules[1].read_bytes() == held
    assert take(project.person(), give(other.person(), tmp_path / "3")).merged == ["rules/suggestions.jsonl"]
    assert rules[0].read_bytes() == held


def test_another_repository_is_refused_unless_forced(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    logged(other, "something else")
    before = contents(other.root)
    snapshot = give(project.person(), tmp_path / "state.tar.gz")
    with pytest.raises(SnapshotError, match=r"another repository .*--force"):
        take(other.person(), snapshot)
    assert contents(other.root) == before
    repo_id = other.person().meta.repo_id  # type: ignore[union-attr]
    assert len(take(other.person(), snapshot, force=True).added) >= 3
    assert other.person().meta.repo_id == repo_id  # type: ignore[union-attr]


@pytest.mark.parametrize(("origin", "own"), [("github.com/a/b", True), ("github.com/a/other", False)])
def test_the_remote_tells_whose_snapshot_it_is(tmp_path: Path, origin: str, own: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(f'[remote "origin"]\n\turl = https://{origin}.git\n')
    snapshot = tmp_path / "s"
    snapshot.write_bytes(GOOD.but(header={"git_remote": "github.com/a/b"}).packed())
    if own:
        assert take(Project(tmp_path).person(), snapshot).action is ImportAction.IMPORTED
    else:
        with pytest.raises(SnapshotError, match="another repository"):
            take(Project(tmp_path).person(), snapshot)


def test_a_forged_one_that_is_whole_is_taken_in(project: Project, tmp_path: Path) -> None:
    """Else the hostile ones could be refused for the wrong reason."""
    (tmp_path / "s").write_bytes(GOOD.packed())
    assert take(project.person(), tmp_path / "s").added == [f"sessions/{SESSION}"]
    store = project.root / ".orchestrator"
    assert (store / META).read_bytes() == GOOD.files[META]
    assert (store / FAILURES).stat().st_mode & 0o777 == 0o600


def test_when_a_session_was_last_active_travels_too(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project, 1)
    for path in (project.root / ".orchestrator" / "sessions").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    take(other.person(), give(project.person(), tmp_path / "s"))
    session = other.person().sessions.list_sessions()[0]
    assert other.person().sessions.last_activity(session).timestamp() == 1_700_000_000


@pytest.mark.torn
def test_a_line_that_somebody_is_writing_is_left_out(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project, 1)
    failures = next(project.root.rglob("failures.jsonl"))
    whole = failures.read_bytes()
    failures.write_bytes(whole + b'{"id":"torn')
    take(other.person(), give(project.person(), tmp_path / "s"))
    assert next(other.root.rglob("failures.jsonl")).read_bytes() == whole


@pytest.mark.torn
def test_a_long_line_travels_and_one_without_end_is_named(project: Project, other: Project, tmp_path: Path) -> None:
    """A legacy log may have lines that are longer than any of ours."""
    fill(project, 1)
    log = next(project.root.rglob("failures.jsonl")).with_name("log.jsonl")
    whole = log.read_bytes() + b'{"id":"' + b"x" * (3 << 20) + b'"}\n' + b'{"id":"y"}\n'
    log.write_bytes(whole)
    take(other.person(), give(project.person(), tmp_path / "s"))
    assert next(other.root.rglob("log.jsonl")).read_bytes() == whole
    with log.open("ab") as file:
        file.write(b"x" * (6 << 20))
    with pytest.raises(SnapshotError, match=r"log.jsonl has a line of more than 4,194,304 bytes.*Look at the file"):
        give(project.person(), tmp_path / "t")


def test_news_need_not_fit_into_memory(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text('{"id":"mine"}\n')
    with theirs.open("w") as file:
        file.writelines(f'{{"id":"{number}","text":"{"x" * 10_000}"}}\n' for number in range(2_000))
    tracemalloc.start()
    unite(ours, theirs)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ours.read_bytes() == b'{"id":"mine"}\n' + theirs.read_bytes()
    assert most < theirs.stat().st_size / 2


def test_an_archived_session_does_not_come_back_as_a_live_one(project: Project, tmp_path: Path) -> None:
    fill(project)
    snapshot = give(project.person(), tmp_path / "s")
    store = project.root / ".orchestrator"
    session = project.person().sessions.list_sessions()[0]
    (store / "archive").mkdir()
    (store / "sessions" / session).rename(store / "archive" / session)
    count = reviewed(project.agent())["counts"]["entries"]
    result = take(project.person(), snapshot)
    assert session in " ".join(result.warnings)
    assert not (store / "sessions" / session).exists()
    assert reviewed(project.agent())["counts"]["entries"] == count


def test_a_rotated_stream_travels_whole(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project)
    for path in [*project.root.rglob("failures.jsonl"), *project.root.rglob("rules/*.jsonl")]:
        part = path.parent / "rotated" / "1" / path.name
        part.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True)
        part.write_bytes(lines[0])
        path.write_bytes(b"".join(lines[1:]))
    take(other.person(), give(project.person(), tmp_path / "s"))
    assert len(other.person().read(Failure).records) == 6
    other.now = project.now
    assert reviewed(other.agent()) == reviewed(project.agent())


def test_an_agent_exports_into_the_store_alone(project: Project) -> None:
    with pytest.raises(SnapshotError, match="no store here yet"):
        export_snapshot(project.agent())
    assert not (project.root / ".orchestrator").exists()
    project.person().store()
    assert export_snapshot(project.agent()).files == 0
    fill(project)
    result = export_snapshot(project.agent())
    assert Path(result.path or "") == project.root / ".orchestrator" / "reports" / NAME
    assert Path(result.path or "").stat().st_size == result.bytes
    assert {one.why.split(":")[0] for one in result.left_out} == {"private"}
    assert export_snapshot(project.agent()).sha256 == result.sha256
    assert not list((project.root / ".orchestrator" / "tmp").iterdir())


def test_an_empty_store_travels_too(project: Project, other: Project, tmp_path: Path) -> None:
    project.person().store()
    snapshot = give(project.person(), tmp_path / "s")
    assert take(other.person(), snapshot).action is ImportAction.NOTHING_TO_DO
    assert not (other.root / ".orchestrator").exists()


def test_a_write_since_is_in_the_next_snapshot(project: Project, other: Project, tmp_path: Path) -> None:
    fill(project, 1)
    first = give(project.person(), tmp_path / "1").read_bytes()
    project.now += timedelta(days=1)
    logged(project, "something new")
    give(project.person(), tmp_path / "2")
    assert (tmp_path / "2").read_bytes() != first
    take(other.person(), tmp_path / "2")
    assert any("something new" in one.context for one in other.person().read(Failure).records)
