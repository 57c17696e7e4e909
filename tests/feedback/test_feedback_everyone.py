"""What many installations shared adds up to honest rates, whatever else lies in the files."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sync_world import command

from orchestrator_mcp.analysis.feedback_sharing import batches, shared_event, sharing_key
from orchestrator_mcp.analysis.statistics import wilson
from orchestrator_mcp.errors import NotFoundError, StorageError
from orchestrator_mcp.records.feedback import ToolFeedback
from orchestrator_mcp.records.feedback_everyone import EveryoneReview, Unit
from orchestrator_mcp.services.feedback_everyone import review_everyone

SPAWN = "orchestrator prd spawn: command not found"


def shared(installation: int, number: int = 0, month: int = 11, **said: object) -> tuple[str, object, bytes]:
    entry = ToolFeedback(
        id=f"{installation}-{month}-{number}",
        timestamp=datetime(2026, month, 5, tzinfo=UTC),
        orchestrator_version="2.6.0",
        mode="auto",
        **said,
    )
    key = sharing_key(b"%d" % installation)
    return entry.id, shared_event(entry, key), key


def write(path: Path, *events: tuple[str, object, bytes]) -> Path:
    (one,) = batches([(name, event) for name, event, _ in events], events[0][2], None)
    path.write_bytes(one.body)
    return path


def found(review: EveryoneReview) -> dict[str, tuple[int, int]]:
    return {one.title: (one.rate.k, one.rate.n) for one in (*review.patterns, *review.positives, *review.errors)}


def test_an_installation_has_one_vote_however_busy_it_is(tmp_path: Path) -> None:
    quiet = [shared(number, reviews_worked=True, items_skipped=["visual_regression_test"]) for number in range(9)]
    busy = [shared(99, number, reviews_worked=False, orchestrator_errors=[SPAWN]) for number in range(500)]
    write(tmp_path / "a.json", *quiet)
    write(tmp_path / "b.json", *busy)
    review = review_everyone(tmp_path)
    assert (review.installations, review.entries) == (10, 509)
    assert found(review) == {"visual_regression_test is skipped": (9, 10), "Reviews worked": (9, 10)}
    (pattern,) = review.patterns
    assert (pattern.rate.low, pattern.rate.high) == tuple(round(end, 4) for end in wilson(9, 10))
    assert pattern.suggestion


def test_who_says_nothing_is_in_no_denominator(tmp_path: Path) -> None:
    told = [shared(number, answers={"phase0_helpful": "yes"}) for number in range(8)]
    silent = [shared(number, answers={"phase0_helpful": "didn't-see"}) for number in range(8, 12)]
    write(tmp_path / "a.json", *told, *silent, *[shared(number) for number in range(12, 20)])
    assert found(review_everyone(tmp_path)) == {"Phase 0 guidance helpful": (8, 8)}


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ({"answers": {"phase0_helpful": "no"}}, "Phase 0 guidance is no help"),
        ({"phase0_guidance_used": False}, "Phase 0 guidance is unused"),
        ({"reviews_worked": True, "answers": {"reviews_worked": "no"}}, "reviews are missing or fail"),
        ({"answers": {"reviews_worked": "skipped"}}, "reviews are missing or fail"),
        ({"answers": {"commands_failed": "yes"}}, "orchestrator commands failed"),
        ({"items_skipped": ["risk_analysis"]}, "risk_analysis is skipped"),
    ],
)
def test_what_goes_wrong_for_most_is_a_pattern(said: dict, title: str, tmp_path: Path) -> None:
    write(tmp_path / "a.json", *[shared(number, **said) for number in range(4)])
    review = review_everyone(tmp_path)
    assert [(one.title, one.rate.k, one.rate.n) for one in review.patterns] == [(title, 4, 4)]
    assert review.positives == []
    write(tmp_path / "a.json", *[shared(number, **said) for number in range(3)])
    assert review_everyone(tmp_path).patterns == []  # three of three prove too little


def test_an_error_is_common_if_two_have_it(tmp_path: Path) -> None:
    write(tmp_path / "a.json", *[shared(number, orchestrator_errors=[SPAWN]) for number in range(2)], shared(3))
    write(tmp_path / "b.json", shared(4, orchestrator_errors=["keyerror: <str>"], confusing_items=["risk_analysis"]))
    assert found(review_everyone(tmp_path)) == {SPAWN: (2, 4)}


def test_the_newest_month_counts_installations_and_all_months_say_what_they_count(tmp_path: Path) -> None:
    write(tmp_path / "a.json", *[shared(number, month=month) for number in range(3) for month in (9, 10, 11)])
    newest = review_everyone(tmp_path)
    assert (newest.unit, newest.installations, newest.months, newest.of_months) == (
        Unit.INSTALLATION,
        3,
        ["2026-11"],
        3,
    )
    whole = review_everyone(tmp_path, all=True)
    assert (whole.unit, whole.installations, len(whole.months)) == (Unit.INSTALLATION_MONTH, 9, 3)
    assert "every month" in whole.warnings[0]


def test_what_came_twice_counts_once(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write(tmp_path / name, shared(1), shared(2))
    review = review_everyone(tmp_path)
    assert (review.entries, review.duplicates) == (2, 2)


def test_hostile_files_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    good = write(folder / "deep" / "good.json", shared(1), shared(2))
    event = json.loads(good.read_bytes())[0]
    lines = [b"nonsense", b"{}", b"[" * 20_000, b"\xff\xfe\x00", b'"', b"x" * 300_000, b"1,2", b"NaN"]
    lines += [
        json.dumps({**event, "id": "0" * 32, "data": {**event["data"], **change}}).encode()
        for change in ({"repo": "acme"}, {"items_skipped": ["\x1b[31macme"]}, {"day": "2026-13-45"}, {"phases": []})
    ]
    (folder / "bad.jsonl").write_bytes(b"\n".join(lines) + b"\n\n  \n" + b'{"torn": ')
    (folder / "pretty.json").write_text(json.dumps([event, {"a": 1}, 5], indent=4))
    (folder / "huge.jsonl").write_bytes(b"[" + b" " * 3_000_000)
    (folder / "empty.json").write_bytes(b"")
    (folder / "notes.txt").write_text("not looked at")
    (folder / "link.json").symlink_to(good)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    review = review_everyone(folder)
    assert (review.entries, review.duplicates) == (2, 1)
    assert review.files == 5
    assert review.bad_lines >= len(lines) + 3
    assert "acme" not in review.model_dump_json()


def test_there_has_to_be_something(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="shorter names"):
        review_everyone(tmp_path / ("x" * 300))
    with pytest.raises(NotFoundError, match="nothing at"):
        review_everyone(tmp_path / "nowhere")
    assert review_everyone(tmp_path).entries == 0


def test_it_reads_well_and_json_says_the_same(tmp_path: Path) -> None:
    people = [
        shared(
            number, repo_type="python", duration_seconds=2000, phases={"PLAN": 400},
            items_skipped=["visual_regression_test"], answers={"phase0_helpful": "yes" if number else "no"},
            orchestrator_errors=[SPAWN] if number < 3 else [],
        )
        for number in range(10)
    ]  # fmt: skip
    write(tmp_path / "a.json", *people)
    words = ["feedback", "review", "--tool", "--all-users", str(tmp_path)]
    assert command(tmp_path, *words).stdout.decode() == TEXT
    told = EveryoneReview.model_validate_json(command(tmp_path, *words, "--json").stdout)
    assert told == review_everyone(tmp_path)
    assert not (tmp_path / ".orchestrator").exists()


TEXT = """\
Feedback Review (all users, 2026-11, 10 installations, 10 entries)
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

PATTERNS DETECTED:
⚠ visual_regression_test is skipped (10 of 10 installations, 72–100 %)
   → Suggestion: Make the item optional, or remove it, if skipping it is right.
✓ Phase 0 guidance helpful: 9 of 10 installations (60–98 %)

COMMON ERRORS AND CONFUSING ITEMS:
  • "orchestrator prd spawn: command not found" (3 of 10 installations, 11–60 %)

SUMMARY:
  • A workflow: median at least 30 min
  • Phases: median at least PLAN=5 min
  • Versions: 2.6.0 10
  • Repositories: python 10
"""


@pytest.mark.parametrize("words", [["--process"], ["--days", "3"], ["--weekly"], ["--suggest"], ["--repo", "."]])
def test_what_makes_no_sense_together_is_refused(words: list[str], tmp_path: Path) -> None:
    result = command(tmp_path, "feedback", "review", "--all-users", str(tmp_path), *words)
    assert result.returncode == 1
    assert b"--all-users reviews what was shared about the tool" in result.stderr
