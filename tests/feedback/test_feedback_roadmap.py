"""Roadmap items: drafted with the next free id, not twice, and appended only when a person agrees."""

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Project
from review_world import log, review, workflows

from orchestrator_mcp.analysis.roadmap import NEW, appended
from orchestrator_mcp.errors import UnsafePathError
from orchestrator_mcp.records.feedback_review import RoadmapDraft
from orchestrator_mcp.server.tools import TOOLS
from orchestrator_mcp.services.roadmap_approval import add_to_roadmap, suggest_roadmap

ROADMAP = b"# Our roadmap\r\n\r\n### WF-007: Faster tests\r\n\r\ndone in WF-041\xff\r\n"
SUGGEST = ("feedback", "review", "--all", "--suggest")


@pytest.fixture
def busy(project: Project) -> Project:
    """Two patterns: no reviews, and an item that is always skipped."""
    log(project, workflows(5, reviewed=None, skipped=["visual_tests"]))
    return project


def run(project: Project, *words: str, **how) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", *words]
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **how}
    return subprocess.run(command, cwd=project.root, check=False, **options)


def roadmap(project: Project) -> Path:
    return project.root / "ROADMAP.md"


def test_ids_go_on_after_the_highest_that_is_named_anywhere(busy: Project) -> None:
    roadmap(busy).write_bytes(ROADMAP)
    drafts = suggest_roadmap(busy.person(), review(busy)).drafts
    assert [(one.id, one.title) for one in drafts] == [
        ("WF-042", "Remind of reviews before the REVIEW phase ends"),
        ("WF-043", "Make the workflow item visual_tests optional, or remove it"),
    ]
    assert roadmap(busy).read_bytes() == ROADMAP


def test_what_stands_there_is_kept_byte_for_byte_and_nothing_is_added_twice(busy: Project) -> None:
    roadmap(busy).write_bytes(ROADMAP)
    roadmap(busy).chmod(0o640)
    added = add_to_roadmap(busy.person(), review(busy))
    content = roadmap(busy).read_bytes()
    assert added.added == ["WF-042", "WF-043"]
    assert content.startswith(ROADMAP)
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert "### WF-042: Remind" in content.decode("utf-8", "replace")
    assert stat.S_IMODE(roadmap(busy).stat().st_mode) == 0o640
    assert add_to_roadmap(busy.person(), review(busy)).added == []
    assert roadmap(busy).read_bytes() == content


def test_a_title_in_other_letters_is_the_same_item(busy: Project) -> None:
    text = "# Roadmap\n\n## ~~WF-3 - remind of REVIEWS before the review phase ends~~ ✅\n* nothing else\n"
    roadmap(busy).write_text(text, "utf-8")
    assert [one.id for one in suggest_roadmap(busy.person(), review(busy)).drafts] == ["WF-004"]


def test_an_id_that_somebody_takes_meanwhile_is_not_used_twice(busy: Project) -> None:
    drafted = suggest_roadmap(busy.person(), review(busy))
    assert [one.id for one in drafted.drafts] == ["WF-001", "WF-002"]
    roadmap(busy).write_text("### WF-001: Other\n", "utf-8")
    assert add_to_roadmap(busy.person(), drafted).added == ["WF-002", "WF-003"]


def test_a_link_is_not_followed(busy: Project) -> None:
    (busy.root / "elsewhere.md").write_text("x", "utf-8")
    roadmap(busy).symlink_to("elsewhere.md")
    with pytest.raises(UnsafePathError):
        add_to_roadmap(busy.person(), review(busy))
    assert (busy.root / "elsewhere.md").read_text("utf-8") == "x"


@given(st.binary(max_size=200))
def test_every_byte_before_stays(content: bytes) -> None:
    draft = RoadmapDraft(id="WF-001", title="t", pattern_id="pat_x", text="### WF-001: t\n")
    assert appended(content, [draft]).startswith(content or NEW.encode())


def test_without_a_terminal_it_prints_the_drafts_and_names_the_option(busy: Project) -> None:
    result = run(busy, *SUGGEST)
    assert result.returncode == 0
    assert "### WF-001: Remind of reviews" in result.stdout
    assert "--suggest --yes" in result.stdout
    assert not roadmap(busy).exists()
    assert [one["id"] for one in json.loads(run(busy, *SUGGEST, "--json").stdout)["drafts"]] == ["WF-001", "WF-002"]
    assert not roadmap(busy).exists()


def test_the_option_replaces_the_question(busy: Project) -> None:
    result = run(busy, *SUGGEST, "--yes", "--json")
    assert json.loads(result.stdout)["added"] == ["WF-001", "WF-002"]
    assert roadmap(busy).read_text("utf-8").startswith("# Roadmap\n\n### WF-001: ")
    assert "--suggest" in run(busy, "feedback", "review", "--yes").stderr


@pytest.mark.parametrize(
    ("answer", "is_added"), [("y", True), ("yes", True), ("n", False), ("", False), ("maybe", False)]
)
def test_on_a_terminal_a_person_is_asked(busy: Project, answer: str, is_added: bool) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    result = run(busy, *SUGGEST, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE, capture_output=False)
    os.close(terminal)
    asked = os.read(keyboard, 10_000).decode()
    os.close(keyboard)
    assert result.returncode == 0
    assert "Add 2 items to ROADMAP.md?" in asked
    assert roadmap(busy).exists() is is_added
    assert result.stdout.rstrip().endswith("ROADMAP.md." if is_added else "Nothing was added.")


def test_an_agent_has_no_way_to_it() -> None:
    assert not [row for row in TOOLS if "roadmap" in row.verb.__module__ or "roadmap" in row.verb.__name__]
