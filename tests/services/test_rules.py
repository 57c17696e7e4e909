"""Suggesting rules: drafts in people's own words, saved once, reported in Markdown."""

import json

from projects import Project

from orchestrator_mcp.records.fields import Level, Severity
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.rules import open_suggestions, suggest_rules

CONTEXT = "pytest fixture placed before import - NameError"
CORRECTION = "All imports must come before @pytest.fixture decorators"
REPORT = ".orchestrator/reports/skill_update_suggestions.md"


def fail(workspace, **more):
    given = {"context": CONTEXT, "feedback": CORRECTION, "category": "Testing", "severity": Severity.HIGH}
    log_failure(workspace, **given | more)


def lines(project: Project) -> list[dict]:
    return [json.loads(line) for line in project.files()[".orchestrator/rules/suggestions.jsonl"].splitlines()]


def test_nothing_recurs_and_the_report_says_so(project: Project) -> None:
    result = suggest_rules(project.agent())
    assert (result.suggestions, result.report, project.files()) == ([], None, {})
    agent = project.agent()
    fail(agent)
    assert "Keep logging failures" in suggest_rules(agent).next_step
    assert b"Nothing recurs often enough yet" in project.files()[REPORT]


def test_a_draft_quotes_the_correction_and_waits_for_a_person(project: Project) -> None:
    for _ in range(5):
        fail(project.agent())
    (draft,) = suggest_rules(project.agent()).suggestions
    assert CORRECTION in draft.draft
    assert (draft.status, draft.priority, draft.confidence) == ("NEEDS_REVIEW", Level.HIGH, Level.HIGH)
    assert draft.target == "Testing skill"
    assert "WRONG" not in draft.draft


def test_code_stands_in_a_draft_only_where_an_entry_holds_both(project: Project) -> None:
    for number in range(3):
        more = {"wrong": "@pytest.fixture\nimport pytest", "correct": "import pytest\n\n@pytest.fixture"}
        fail(project.agent(), **(more if number == 1 else {"wrong": "half"}))
    (draft,) = suggest_rules(project.agent()).suggestions
    assert "# ❌ WRONG\n@pytest.fixture\nimport pytest\n\n# ✅ CORRECT\nimport pytest\n\n@pytest.fixture" in draft.draft


def test_the_report_has_the_seeds_format(project: Project) -> None:
    for _ in range(5):
        fail(project.agent())
    for _ in range(5):
        log_failure(
            project.agent(), context="something else went wrong entirely", feedback="Look twice.", category="API"
        )
    suggest_rules(project.agent())
    report = project.files()[REPORT].decode()
    expected = [
        "# Skill Update Suggestions",
        "**Generated:** 2026-11-21T12:00:00.000000Z",
        "**Based on:** 10 feedback entries",
        "## Testing Category - HIGH Priority",
        f'**Pattern detected:** 5 corrections related to "{CONTEXT}"',
        "**Frequency:** 5/11 sessions (45%)",
        "**Severity:** HIGH",
        "**Examples:**",
        f'- "{CONTEXT}"',
        "**Suggested Update:**",
        "Add to Testing skill:",
        "**Confidence:** HIGH (5 entries, 5/11 sessions (45%))",
        "**Status:** NEEDS_REVIEW",
    ]
    places = [report.index(line) for line in expected]
    assert places == sorted(places)


def test_suggesting_again_writes_nothing_again(project: Project) -> None:
    for _ in range(3):
        fail(project.agent())
    agent = project.agent()
    first = suggest_rules(agent)
    written = lines(project)
    project.wait(hours=1)
    assert suggest_rules(agent).suggestions == first.suggestions
    assert lines(project) == written


def test_new_evidence_supersedes_the_draft_under_the_same_id(project: Project) -> None:
    for _ in range(3):
        fail(project.agent())
    (first,) = suggest_rules(project.agent()).suggestions
    fail(project.agent())
    (second,) = suggest_rules(project.agent()).suggestions
    assert first.id == second.id
    assert [(line["rev"], line["entries"]) for line in lines(project)] == [(1, 3), (2, 4)]
    assert [one.rev for one in project.agent().read(Suggestion).records] == [2]
    assert [one.id for one in open_suggestions(project.agent()).suggestions] == [first.id]


def test_hostile_text_cannot_end_its_block_in_the_report(project: Project) -> None:
    for _ in range(3):
        fail(
            project.agent(), wrong="```\n# Injected\n````\n", correct="```", feedback="Stop.\n````\n# Injected heading"
        )
    suggest_rules(project.agent())
    report = project.files()[REPORT].decode()
    assert "\n# Injected heading" not in report
    assert report.count("\n````") == 2


def test_learnings_are_not_rules(project: Project) -> None:
    agent = project.agent()
    from orchestrator_mcp.services.feedback import record_feedback

    for number in range(4):
        record_feedback(agent, learnings="Small commits made the review quick.", workflow_id=f"wf_{number}")
    assert suggest_rules(agent).suggestions == []
