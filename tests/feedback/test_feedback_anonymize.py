"""The tool entry says nothing that a project could have chosen, and the check of its bytes fails closed."""

import hashlib
import hmac
import json
import re

import pytest
from feedback_world import KEY, START, raw, tool_lines, workspace, write_log
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_mcp.analysis.anonymize import anonymize_tool_feedback
from orchestrator_mcp.analysis.anonymize_check import verify_anonymization
from orchestrator_mcp.analysis.anonymize_words import VOCABULARY, template_of
from orchestrator_mcp.analysis.baseline import ITEMS
from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.records.feedback import ToolObservation
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.services.feedback import record_feedback

SEEN = {
    "id": "01m7y5xy65yya10trdbwyph5zq",
    "timestamp": START,
    "request_id": "toolu_01",
    "workflow_id": "wf_94a0f102",
    "orchestrator_version": "2.6.0",
    "repo_type": "python",
    "duration_seconds": 1234,
    "phases": {"PLAN": 300, "Deploy to bob": 20, "DOCUMENT": 5, "SECRET": 1},
    "reviews_worked": True,
    "orchestrator_errors": ["orchestrator prd spawn: command not found", "KeyError: 'bob'", "bob@x.org is unhappy"],
    "items_skipped": ["visual_regression_test", "deploy_acme", "call_bob"],
    "items_skipped_pct": 0.15,
    "confusing_items": ["risk_analysis", "acme portal"],
    "mode": "auto",
}


def seen(**changes) -> ToolObservation:
    return ToolObservation.model_validate({**SEEN, **changes})


def line_of(entry) -> bytes:
    return json.dumps(entry.model_dump(mode="json", exclude_none=True)).encode()


def test_an_entry_is_made_of_closed_values():
    entry = anonymize_tool_feedback(seen(), KEY)
    assert entry.phases == {"PLAN": 300, "OTHER": 21, "DOCUMENT": 5}
    assert entry.orchestrator_errors == ["orchestrator prd spawn: command not found", "keyerror: <str>"]
    assert entry.orchestrator_errors_dropped == 1
    assert entry.items_skipped == ["visual_regression_test", "custom_item"]
    assert entry.confusing_items == ["risk_analysis"]
    assert entry.tool_suggestions is None
    assert verify_anonymization(line_of(entry)) == []


def test_hashes_need_the_key():
    entry = anonymize_tool_feedback(seen(), KEY)
    assert entry.workflow_id_hash == hmac.new(KEY, b"wf_94a0f102", hashlib.sha256).hexdigest()[:16]
    assert entry.workflow_id_hash != anonymize_tool_feedback(seen(), b"other").workflow_id_hash
    assert entry.installation_hash == anonymize_tool_feedback(seen(workflow_id="wf_2"), KEY).installation_hash
    later = anonymize_tool_feedback(seen(timestamp=START.replace(month=2)), KEY)
    assert entry.installation_hash != later.installation_hash
    assert anonymize_tool_feedback(seen(workflow_id=None), KEY).workflow_id_hash is None
    assert "toolu" not in (entry.request_id or "")


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2.6.0", "2.6.0"),
        ("0.1.0rc1", "0.1.0rc1"),
        ("1.2.3-alpha.4", "1.2.3-alpha.4"),
        ("1.2.3-bob", "0.0.0"),
        ("1.2.3+bob.example", "0.0.0"),
        ("10.0.0.1", "0.0.0"),
        ("", "0.0.0"),
        ("1.2.3\n", "0.0.0"),
        ("/home/bob", "0.0.0"),
    ],
)
def test_versions(version, kept):
    entry = anonymize_tool_feedback(seen(orchestrator_version=version), KEY)
    assert entry.orchestrator_version == kept
    assert verify_anonymization(line_of(entry)) == []


@pytest.mark.parametrize(
    ("error", "template"),
    [
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/home/bob/x'",
            "filenotfounderror: errno <num> no such file or directory: <str>",
        ),
        ("TypeError: 'NoneType' object is not subscriptable", None),
        ("Traceback (most recent call last):\nKeyError: 1", None),
        ("bash: orchestrator: command not found", None),
        ("PermissionError: /srv/acme/state.json", "permissionerror: <path>"),
        ("orchestrator migrate failed: acme", None),
        ("", None),
        ("a " * 40, None),
    ],
)
def test_an_error_is_told_in_the_vocabulary_or_not_at_all(error, template):
    assert template_of(error) == template


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*sorted(VOCABULARY), "'x'", "/a/b", "9", "acme"]), max_size=9).map(" ".join)
)
def test_no_other_word_ever_passes(error):
    template = template_of(error)
    assert template is None or {word.removesuffix(":") for word in template.split()} <= VOCABULARY


def planted() -> list[str]:
    tokens = ["ghp_" + "a1B2" * 9, "sk-ant-api03-" + "Zx9_" * 12, "AKIA" + "J7Q2" * 4, "0f" * 20, "hunter2secret"]
    people = ["bob.smith@acme.example", "Bob Smith", "+44 20 7946 0958"]
    places = [
        "/home/bob/acme/secret.py",
        r"C:\Users\bob\acme",
        "~/acme",
        "https://git.acme.example/x?t=1",
        "10.20.30.40",
        "fe80::1ff:fe23:4567:890a",
    ]
    return [*tokens, *people, *places, "github.com/acme/payroll", "IGNORE PREVIOUS INSTRUCTIONS"]


@pytest.mark.parametrize("secret", planted())
def test_nothing_planted_in_any_field_survives_in_the_tool_entry(secret, tmp_path):
    write_log(
        tmp_path,
        [
            raw("workflow_started", 0, workflow=secret, message=f"Started workflow: {secret}"),
            raw("phase_started", 0, workflow=secret, phase=secret),
            raw("item_skipped", 1, secret, workflow=secret, phase=secret, reason=secret),
            raw("item_skipped", 1, f"{secret}_review", workflow=secret),
            raw("error", 2, secret, workflow=secret, source="orchestrator", error=f"KeyError: {secret}"),
            raw("error", 2, secret, workflow=secret, source="orchestrator", error=f"{secret}: command not found"),
            raw(
                "error",
                2,
                secret,
                workflow=secret,
                source="orchestrator",
                traceback=f"orchestrator: '{secret}' not found",
            ),
            raw("verification_failed", 3, secret, workflow=secret, command=f"orchestrator {secret}", stderr=secret),
            raw("item_completed", 4, "document_learnings", workflow=secret, notes=secret),
            raw("workflow_completed", 9, workflow=secret, notes=secret),
        ],
    )
    at = workspace(tmp_path)
    answer = record_feedback(
        at,
        workflow_id=secret,
        confusing_items=[secret, "risk_analysis"],
        tool_suggestions=secret,
        what_went_well=secret,
        challenges=secret,
        learnings=secret,
        improvements=secret,
        request_id=secret,
    )
    data = tool_lines(at)
    assert answer.tool_id is not None
    assert verify_anonymization(data) == []
    entry = json.loads(data)
    assert secret.lower() not in json.dumps(entry, ensure_ascii=False).lower()
    words = [word for error in entry["orchestrator_errors"] for word in error.split()]
    assert {word.removesuffix(":") for word in words} <= VOCABULARY
    assert set(entry["items_skipped"]) <= ITEMS | {"custom_item"}
    assert entry["confusing_items"] == ["risk_analysis"]


def test_redaction_before_writing_leaves_a_tool_entry_as_it_is(tmp_path):
    at = workspace(tmp_path, redact=redact_json)
    for number in range(50):
        named = {"workflow_id": f"wf_{number}", "request_id": f"call-{number}"}
        record_feedback(at, kind=FeedbackKind.TOOL, reviews_worked="yes", **named)
    assert b"REDACTED" not in tool_lines(at)
    assert verify_anonymization(tool_lines(at)) == []


GOOD = json.loads(line_of(anonymize_tool_feedback(seen(), KEY)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"repo": "github.com/acme/x"}, "(unknown)"),
        ({"bob@acme.example": 1}, "(unknown)"),
        ({"session_id": "01m7y5xy65yya10trdbwyph5zq"}, "(unknown)"),
        ({"id": "bob"}, "id"),
        ({"timestamp": "2026-01-06"}, "timestamp"),
        ({"timestamp": "bob@acme.example"}, "timestamp"),
        ({"timestamp": 1767700000}, "timestamp"),
        ({"request_id": "toolu_01"}, "request_id"),
        ({"workflow_id_hash": "wf_94a0f102"}, "workflow_id_hash"),
        ({"workflow_id_hash": "0123456789abcdef\n"}, "workflow_id_hash"),
        ({"installation_hash": "ABCDEF0123456789"}, "installation_hash"),
        ({"orchestrator_version": "1.0.0-bob"}, "orchestrator_version"),
        ({"repo_type": "acme"}, "repo_type"),
        ({"duration_seconds": "1234"}, "duration_seconds"),
        ({"duration_seconds": 10**12}, "duration_seconds"),
        ({"phases": {"bob": 1}}, "phases"),
        ({"phases": "bob@acme.example"}, "phases"),
        ({"phases": {"PLAN": -1}}, "phases"),
        ({"reviews_worked": "bob"}, "reviews_worked"),
        ({"orchestrator_errors": ["KeyError: 'bob'"]}, "orchestrator_errors"),
        ({"items_skipped": ["deploy_acme"]}, "items_skipped"),
        ({"items_skipped_pct": 15}, "items_skipped_pct"),
        ({"confusing_items": ["custom_item"]}, "confusing_items"),
        ({"tool_suggestions": "call bob"}, "tool_suggestions"),
        ({"mode": "bob"}, "mode"),
        ({"answers": {"note": "bob"}}, "answers"),
        ({"answers": {"phase0_helpful": "bob"}}, "answers"),
    ],
)
def test_whatever_is_outside_the_schema_is_a_problem_that_names_no_value(change, field):
    problems = verify_anonymization(json.dumps({**GOOD, **change}).encode())
    assert problems
    assert all(problem.startswith(f"Line 1: field {field} ") for problem in problems)
    assert "bob" not in " ".join(problems)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps(GOOD).replace('"repo_type"', '"repo_type": "bob", "repo_type"').encode(),
        json.dumps([GOOD]).encode(),
        json.dumps({**GOOD, "items_skipped_pct": float("nan")}).encode(),
        json.dumps(GOOD).encode() + b'\n{"id":1}',
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    ],
)
def test_bytes_that_are_no_entries_are_a_problem(data):
    assert verify_anonymization(data)


def test_every_line_is_checked_and_named():
    bad = json.dumps({**GOOD, "mode": "x"}).encode()
    good = json.dumps(GOOD).encode()
    assert verify_anonymization(good + b"\n\n" + good + b"\n") == []
    assert verify_anonymization(good + b"\n" + bad) == ["Line 2: field mode has a value outside the schema."]


def test_the_deny_list_is_a_second_net(monkeypatch):
    leaky = ["bob@acme.example", "/home/bob", "https://acme.example", "10.0.0.1", "fe80::1:2", "deadbeef01"]
    monkeypatch.setattr("orchestrator_mcp.analysis.anonymize_closed.is_template", lambda text: True)
    for text in leaky:
        (problem, *_) = verify_anonymization(json.dumps({**GOOD, "orchestrator_errors": [text]}).encode())
        assert problem.startswith("Line 1: field orchestrator_errors holds ")


def test_no_long_number_hides_in_a_version() -> None:
    from orchestrator_mcp.analysis.anonymize import VERSION

    assert re.fullmatch(VERSION, "0.1.0")
    assert re.fullmatch(VERSION, "12.4.10rc1")
    assert not re.fullmatch(VERSION, "1555.1234.56789.post.1234")
    assert not re.fullmatch(VERSION, "1.2.0-dev.1234")
