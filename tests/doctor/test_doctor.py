"""The doctor: each finding is produced for real; nothing is written without being asked; what is mended stays mended."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from projects import Project
from wards import ERROR, NOTE, OK, ROWS, WARNING, Row, Ward, git

from orchestrator_mcp.analysis.doctor import room
from orchestrator_mcp.records.doctor import Diagnosis, Finding
from orchestrator_mcp.services.doctor import CHECKS, diagnose, mend
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.sessions import status
from orchestrator_mcp.storage.workspace import Workspace

pytestmark = pytest.mark.torn
MENDED = [one for one in ROWS if next(check for check in CHECKS if check.name == one.check).mend]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """A project with one entry, in a store that is well."""
    return well(tmp_path / "project")


def well(root: Path) -> Ward:
    root.mkdir()
    ward = Ward(Project(root), {})
    ward.log("It broke")
    return ward


def found(diagnosis: Diagnosis, check: str) -> list[Finding]:
    return [one for one in diagnosis.findings if one.check == check]


def everything(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every name with its mode, time of change and content: what a read may not alter.

    But for SQLite's table of who reads what.
    """
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
        if not path.name.endswith("-shm")
    }


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_what_is_wrong_is_found_and_said(one: Row, ward: Ward) -> None:
    with one.sick(ward) as workspace:
        findings = found(diagnose(workspace), one.check)
    fitting = [finding for finding in findings if finding.level is one.level and one.says in finding.message]
    assert fitting, findings
    assert fitting[0].advice or one.level not in {ERROR, WARNING}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_has_a_row_that_it_finds_something_in(check: object) -> None:
    assert check.name in {one.check for one in ROWS if one.level is not OK}


def test_a_store_that_is_well_has_nothing_but_good_news_from_every_check(ward: Ward) -> None:
    diagnosis = diagnose(ward.workspace())
    assert diagnosis.counts == {OK: len(CHECKS)}, [one for one in diagnosis.findings if one.level is not OK]
    assert [one.check for one in diagnosis.findings] == [check.name for check in CHECKS]
    assert diagnosis.is_healthy()


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_looking_writes_nothing(one: Row, ward: Ward) -> None:
    with one.sick(ward) as workspace:
        before = everything(ward.root) if one.spoil.__name__ != "_unreadable" else {}
        diagnose(workspace)
        workspace.close()
        assert not before or everything(ward.root) == before


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_what_can_be_mended_is_and_a_second_time_finds_nothing_to_mend(one: Row, ward: Ward) -> None:
    with one.sick(ward) as workspace:
        fixable = [finding for finding in diagnose(workspace).findings if finding.fixable]
        entries = ward.failures.read_bytes() if fixable and ward.failures.exists() else b""
        once = mend(workspace)
        assert {repair.check for repair in once.repairs} >= {finding.check for finding in fixable}
        assert not [finding for finding in once.findings if finding.fixable]
        assert not once.warnings
        twice = mend(ward.workspace())
        assert twice.repairs == []
        assert not entries or ward.failures.read_bytes().startswith(entries.split(b"\n")[0])


@pytest.mark.parametrize("check", [check for check in CHECKS if check.mend], ids=lambda check: check.name)
def test_every_mending_has_a_row_that_needs_it(check: object, tmp_path: Path) -> None:
    needed = False
    for number, one in enumerate(one for one in ROWS if one.check == check.name):
        ward = well(tmp_path / str(number))
        with one.sick(ward) as workspace:
            needed |= any(repair.check == check.name for repair in mend(workspace).repairs)
    assert needed


def test_a_foreign_or_newer_store_is_never_mended(ward: Ward) -> None:
    ward.store.chmod(0o755)
    meta = json.loads((ward.store / "meta.json").read_text())
    for damage in (json.dumps(meta | {"format": 2}), '{"tool":"conductor"}', "{"):
        (ward.store / "meta.json").write_text(damage)
        before = everything(ward.root)
        assert mend(ward.workspace()).repairs == []
        assert everything(ward.root) == before


def test_no_store_is_made_by_looking_or_mending(tmp_path: Path) -> None:
    workspace = Project(tmp_path).person()
    assert mend(workspace).format is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_meta_is_restored_by_following_the_advice(ward: Ward) -> None:
    (ward.store / "meta.json").write_text("{")
    advice = found(diagnose(ward.workspace()), "store")[0].advice or ""
    (ward.store / "meta.json").write_text(advice.partition("into it: ")[2])
    assert found(diagnose(ward.workspace()), "store")[0].level is OK
    ward.log("It broke again")
    assert ward.failures.read_bytes().count(b"\n") == 2


def test_git_clean_does_what_is_said_of_it(ward: Ward) -> None:
    git(ward.root, "init", "-q")
    git(ward.root, "clean", "-fdx", "-e", ".orchestrator")
    assert diagnose(ward.workspace()).format == 1
    git(ward.root, "clean", "-fdx")
    assert not ward.store.exists()


def test_a_migration_killed_after_its_commit_is_finished(ward: Ward) -> None:
    """The manifest is still pending, and the originals lie where they were."""
    (ward.root / ".workflow_log.jsonl").write_text('{"timestamp":"2026-01-05T10:00:00","event_type":"error"}\n')
    from orchestrator_mcp.services.migration import migrate_state

    session = migrate_state(ward.project.agent(), dry_run=False).session_id
    backup = ward.store / "migration_backup" / str(session)
    (backup / "manifest.json").rename(backup / "pending.json")
    (ward.store / ".migration_complete").unlink()
    repair = next(one for one in mend(ward.workspace()).repairs if one.check == "migration")
    assert (repair.before, repair.after) == ("cut short", "finished")
    assert (backup / "manifest.json").exists()


def test_a_lock_that_the_system_refuses_is_told(ward: Ward) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"]
    words = [sys.executable, "-m", "orchestrator_mcp.cli", "--root", str(ward.root), "doctor", "--json"]
    done = subprocess.run([*trace, *words], capture_output=True, text=True, check=False)
    finding = found(Diagnosis.model_validate_json(done.stdout), "file_system")[0]
    assert finding.level is ERROR
    assert "Nothing can be locked" in finding.message
    assert done.returncode == 1


def test_names_that_are_no_text_are_mended_and_told(ward: Ward) -> None:
    name = ward.session / os.fsdecode(b"\xff\x1b[31m.jsonl")
    name.write_text("{}")
    name.chmod(0o644)
    diagnosis = Diagnosis.model_validate_json(mend(ward.workspace()).model_dump_json())
    assert {one.check for one in diagnosis.repairs} == {"permissions", "lines"}
    assert all(one.path.endswith("/.jsonl") for one in diagnosis.repairs)
    assert name.read_text() == "{}\n"


HOSTILE = "\x1b[31mred\u202e\u200b\n" + "x" * 150


def test_hostile_names_and_texts_are_cleaned(ward: Ward) -> None:
    meta_file = ward.session / "meta.json"
    (ward.store / HOSTILE).touch()
    (ward.store / os.fsdecode(b"\xff\xfe")).touch()
    (ward.store / "sessions" / f"{HOSTILE}!").touch()
    meta = json.loads(meta_file.read_text())
    meta_file.write_text(json.dumps(meta | {"worktree": f"/gone/{HOSTILE}", "repo_root": HOSTILE}))
    (ward.store / "config.yaml").write_text(f'"{"y" * 2000}\\e[31m": 1\n')
    text = diagnose(ward.workspace()).model_dump_json()
    diagnosis = Diagnosis.model_validate_json(text)
    shown = " ".join(f"{one.message} {one.advice} {one.path}" for one in diagnosis.findings)
    assert "red" in shown
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\u200b\ud800-\udfff]", shown)
    assert all(len(one.message) <= 600 for one in diagnosis.findings)


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_nothing_of_the_machine_is_told(one: Row, ward: Ward) -> None:
    """Neither where the project lies, nor what a secret or a setting holds."""
    with one.sick(ward) as workspace:
        text = diagnose(workspace).model_dump_json()
    assert str(ward.root) not in text
    assert "hunter2" not in text
    assert "secret@" not in text


def test_a_thousand_sessions_are_each_read_once(ward: Ward) -> None:
    line = ward.failures.read_bytes()
    for number in range(1_000):
        folder = ward.store / "sessions" / f"01k{number:023d}"
        folder.mkdir(mode=0o700)
        (folder / "meta.json").write_text(json.dumps({"session_id": folder.name}))
        (folder / "failures.jsonl").write_bytes(line * 3)
    workspace = ward.workspace()
    opened: Counter[str] = Counter()
    sys.addaudithook(lambda event, words: opened.update([str(words[0])]) if event == "open" and counting else None)
    counting = True
    diagnosis = diagnose(workspace)
    counting = False
    streams = {name: count for name, count in opened.items() if name.endswith("failures.jsonl")}
    assert len(streams) == 1_001
    assert set(streams.values()) == {1}
    assert max(count for name, count in opened.items() if name.endswith("/meta.json")) <= 4
    assert "3,001 lines in 1,001 files" in found(diagnosis, "lines")[0].message
    assert len(diagnosis.model_dump_json()) < 20_000


def test_a_check_that_cannot_look_is_a_finding_and_the_others_go_on(ward: Ward) -> None:
    (ward.store / "sessions").rename(ward.store / "aside")
    (ward.store / "sessions").write_text("no folder")
    diagnosis = diagnose(ward.workspace())
    assert {one.check for one in diagnosis.findings} == {check.name for check in CHECKS}
    assert "could not be looked at" in found(diagnosis, "sessions")[0].message


def test_a_workspace_opened_read_only_is_diagnosed_and_not_mended(ward: Ward) -> None:
    from orchestrator_mcp.errors import ReadOnlyError

    ward.store.chmod(0o755)
    workspace: Workspace = ward.project.person(read_only=True)
    assert not diagnose(workspace).is_healthy()
    with pytest.raises(ReadOnlyError):
        mend(workspace)
    assert ward.store.stat().st_mode & 0o777 == 0o755


def test_the_cache_of_a_running_process_is_usable(ward: Ward) -> None:
    """What it wrote last lies in SQLite's journal, not in the database."""
    agent = ward.project.agent()
    review_patterns(agent, all=True)
    assert (ward.store / "cache" / "index.sqlite-wal").stat().st_size
    assert "usable" in found(diagnose(ward.workspace()), "cache")[0].message
    agent.close()


def test_a_path_that_could_be_more_than_a_path_is_not_put_into_a_command(ward: Ward) -> None:
    folder = ward.store / "sessions" / "'; touch x; '"
    folder.mkdir(mode=0o700)
    (folder / "failures.jsonl").write_text("no json\n")
    finding = next(one for one in diagnose(ward.workspace()).findings if one.check == "lines")
    assert "touch" in finding.message
    assert "sed -n 1p FILE" in (finding.advice or "")


def test_a_portable_store_may_be_tracked_and_its_private_files_may_not(ward: Ward) -> None:
    words = [sys.executable, "-m", "orchestrator_mcp.cli", "--root", str(ward.root)]
    git(ward.root, "init", "-q")
    subprocess.run([*words, "init", "--portable"], check=True, capture_output=True)
    git(ward.root, "add", "-A")
    levels = [one.level for one in found(diagnose(ward.workspace()), "git_tracks")]
    assert levels == [NOTE]
    assert found(diagnose(ward.workspace()), "git_clean")[0].level is OK
    git(ward.root, "add", "-f", ".orchestrator/lock")
    assert found(diagnose(ward.workspace()), "git_tracks")[0].level is ERROR


def test_half_a_line_is_mended_as_the_next_writer_would_mend_it(ward: Ward, tmp_path: Path) -> None:
    torn = next(one for one in ROWS if one.spoil.__name__ == "_torn")
    with torn.sick(ward):
        shutil.copytree(ward.root, tmp_path / "twin")
        repair = next(one for one in mend(ward.workspace()).repairs if one.check == "lines")
    twin = Ward(Project(tmp_path / "twin"), {})
    twin.log("It broke again")
    assert repair.before == "21 bytes of half a line"
    assert twin.failures.read_bytes().startswith(ward.failures.read_bytes())
    assert ward.failures.read_bytes().endswith(b" \n")


def test_status_sends_people_to_the_doctor_and_is_silent_when_all_is_well(ward: Ward) -> None:
    assert status(ward.workspace()).warnings == []
    (ward.store / "tmp" / "migration-01k00000000000000000000000").mkdir(parents=True)
    ward.settings["ephemeral"] = "CODESPACES is set: this is a codespace."
    assert status(ward.workspace()).warnings == [
        "`orchestrator doctor` has something to say about: migration, machine."
    ]


def test_a_store_in_the_home_folder_is_named_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    project = tmp_path / "project"
    project.mkdir()
    words = [sys.executable, "-m", "orchestrator_mcp.cli", "--root", str(project)]
    git(project, "init", "-q")
    subprocess.run([*words, "init", "--home"], check=True, capture_output=True)
    store = next((tmp_path / "home" / ".orchestrator" / "stores").iterdir())
    for folder in (store / "sessions", store / "rules"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    (store / "rules" / "patterns.jsonl").write_text("no json\n")
    (store / "rules" / "patterns.jsonl").chmod(0o644)
    done = subprocess.run([*words, "doctor", "--json"], capture_output=True, text=True, check=False)
    diagnosis = Diagnosis.model_validate_json(done.stdout)
    place = f"~/.orchestrator/stores/{store.name}"
    assert f"sed -n 1p {place}/rules/patterns.jsonl" in (found(diagnosis, "lines")[0].advice or "")
    assert found(diagnosis, "lines")[0].path == f"{place}/rules/patterns.jsonl"
    (store / "meta.json").chmod(0o644)
    done = subprocess.run([*words, "doctor", "--json", "--fix"], capture_output=True, text=True, check=False)
    assert [one.path for one in Diagnosis.model_validate_json(done.stdout).repairs] == [
        f"{place}/meta.json",
        f"{place}/rules",
        f"{place}/rules/patterns.jsonl",
        f"{place}/sessions",
    ]
    assert {one.level for name in ("git_tracks", "git_clean") for one in found(diagnosis, name)} == {OK}


@pytest.mark.parametrize(
    ("free", "inodes", "used", "levels"),
    [
        (1 << 30, None, 0, [OK]),
        (1 << 30, 10**6, 0, [OK]),
        (63 << 20, None, 0, [WARNING]),
        (1 << 30, 99, 0, [WARNING]),
        (1000, 10**6, 0, [ERROR]),
        (1 << 30, 9, 0, [ERROR]),
        (1 << 30, None, 95, [WARNING]),
        (1 << 30, None, 100, [ERROR]),
        (1000, None, 100, [ERROR, ERROR]),
    ],
)
def test_room_is_judged_by_bytes_inodes_and_the_limit(
    free: int, inodes: int | None, used: int, levels: list[str]
) -> None:
    """Also where nobody may mount a small disk."""
    assert [one.level for one in room(free, inodes, used << 20, 100 << 20)] == levels
