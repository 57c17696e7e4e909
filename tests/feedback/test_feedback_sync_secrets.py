"""Five thousand secrets, planted wherever a text can come in: not one of them, nor a part of one, leaves."""

import json
import random
import re
import string
from collections.abc import Callable
from pathlib import Path

from feedback_world import raw, write_log
from projects import Project

from orchestrator_mcp.analysis.anonymize import CUSTOM_ITEM, OTHER_PHASE
from orchestrator_mcp.analysis.anonymize_words import VOCABULARY
from orchestrator_mcp.analysis.baseline import ITEMS, PHASES
from orchestrator_mcp.analysis.feedback_events import check_events
from orchestrator_mcp.analysis.feedback_sharing import CONTENT, SOURCE, SPEC, TYPE
from orchestrator_mcp.records.feedback import RepoType, ToolFeedback
from orchestrator_mcp.records.fields import FeedbackMode, Helpful, ReviewsAnswer, YesNo
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.feedback_sync import preview_sync, sync_feedback
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.workspace import Workspace

SEED, PLANTED = 20261121, 5000
ALNUM = string.ascii_letters + string.digits
NAMES = [
    "Bob Smith",
    "Ana Kowalska",
    "Wei Zhang",
    "Oluwaseun Adeyemi",
    "Zoë Müller",
    "Ива́н Петро́в",
    "山田太郎",
    "O'Brien",
]
WORD = re.compile(r"[\w'’.+-]{5,}")


def generator(seed: int) -> Callable[[], str]:
    """A source of secrets of every kind, the same for the same seed."""
    dice = random.Random(seed)

    def text(length: int, of: str = ALNUM) -> str:
        return "".join(dice.choices(of, k=length))

    kinds: list[Callable[[], str]] = [
        lambda: "ghp_" + text(36),
        lambda: "sk-ant-api03-" + text(40),
        lambda: "AKIA" + text(16, string.ascii_uppercase + string.digits),
        lambda: "xoxb-" + text(12, string.digits) + "-" + text(24),
        lambda: f"{text(18)}.{text(30)}.{text(22)}",
        lambda: text(40, "0123456789abcdef"),
        lambda: text(8, "0123456789abcdef"),
        lambda: f"password={text(12)}!",
        lambda: f"postgres://{text(6)}:{text(10)}@db-{text(5).lower()}.internal:5432/{text(6)}",
        lambda: f"-----BEGIN RSA PRIVATE KEY-----\n{text(60)}",
        lambda: f"{text(7).lower()}@{text(6).lower()}.example",
        lambda: ".".join(str(dice.randrange(1, 255)) for _ in range(4)),
        lambda: f"fe80::{text(4, '0123456789abcdef')}:{text(4, '0123456789abcdef')}",
        lambda: f"+44 20 {dice.randrange(1000, 9999)} {dice.randrange(1000, 9999)}",
        lambda: f"/home/{text(6).lower()}/{text(8).lower()}/{text(5)}.py",
        lambda: rf"C:\Users\{text(6)}\{text(7)}",
        lambda: f"~/{text(7)}/{text(6)}",
        lambda: f"https://{text(8).lower()}.example/{text(6)}?token={text(9)}",
        lambda: f"github.com/{text(6).lower()}/{text(9).lower()}",
        lambda: f"git@{text(7).lower()}.example:{text(5)}/{text(6)}.git",
        lambda: f"{dice.choice(NAMES)} {text(6)}",
        lambda: f"{text(6).lower()}_{text(6).lower()}",
        lambda: f"KeyError: '{text(10)}'",
        lambda: f"orchestrator failed: {text(9)}",
        lambda: f"1.2.3-{text(8)}",
        lambda: f"\u202e{text(9)}\u200b\x1b[31m{text(5)}",
    ]
    return lambda: dice.choice(kinds)()  # noqa: PLW0108  the secret, not its maker


def log_of(secret: Callable[[], str]) -> tuple[str, list[dict]]:
    """A workflow's log with a secret in every text of every event that feedback learns from."""
    workflow = secret()

    def line(kind: str, second: int, item: str | None = None, **details: object) -> dict:
        return raw(kind, second, item, workflow=workflow, phase=secret(), message=secret(), **details)

    return workflow, [
        line("workflow_started", 0),
        line("phase_started", 0),
        line("item_skipped", 1, secret(), reason=secret()),
        line("item_skipped", 1, f"{secret()}_review", reason=secret()),
        line("error", 2, secret(), source="orchestrator", error=f"KeyError: {secret()}"),
        line("error", 2, secret(), source="orchestrator", error=f"{secret()}: command not found"),
        line("error", 2, secret(), source="orchestrator", traceback=f"orchestrator: '{secret()}' not found"),
        line("verification_failed", 3, secret(), command=f"orchestrator {secret()}", stderr=secret()),
        line("item_completed", 4, "document_learnings", notes=secret()),
        line("phase_completed", 5),
        line("workflow_completed", 9, notes=secret()),
    ]


def recorded(project: Project, at: Workspace, secret: Callable[[], str]) -> None:
    """By the verb, from a real log, with a secret in every answer too."""
    workflow, events = log_of(secret)
    write_log(project.root, events)
    record_feedback(
        at,
        workflow_id=workflow,
        confusing_items=[secret(), "risk_analysis", secret()],
        tool_suggestions=secret(),
        what_went_well=secret(),
        challenges=secret(),
        learnings=secret(),
        improvements=secret(),
        request_id=secret(),
    )
    project.wait(minutes=1)


def forged(at: Workspace, secret: Callable[[], str]) -> None:
    """As nobody of us writes it, but as it may lie in a file: a secret in every field of a tool entry."""
    line = {
        "id": new_id() if len(at.read(ToolFeedback).records) % 2 else secret(),
        "timestamp": "2026-11-21T10:00:00.000000Z",
        "rev": 1,
        "request_id": secret(),
        "workflow_id_hash": secret(),
        "orchestrator_version": secret(),
        "repo_type": secret(),
        "phases": {secret(): 60, "PLAN": 61},
        "orchestrator_errors": [secret(), f"keyerror: {secret()}"],
        "items_skipped": [secret(), "risk_analysis"],
        "confusing_items": [secret()],
        "tool_suggestions": secret(),
        "mode": "auto",
        "answers": {"phase0_helpful": "yes", "note": secret()},
        "repo": secret(),
        "task": secret(),
        secret(): secret(),
    }
    path = at.paths.for_session(at.session_id()).feedback_dir() / "tool.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_no_secret_leaves(project: Project, figure) -> None:
    make, planted = generator(SEED), []

    def secret() -> str:
        planted.append(make())
        return planted[-1]

    at = project.person()
    while len(planted) < PLANTED - 500:
        recorded(project, at, secret)
    while len(planted) < PLANTED:
        forged(at, secret)

    shown = preview_sync(at)
    assert shown.entries >= 100
    assert check_events(shown.body.encode()).problems == []
    assert Path(sync_feedback(at).place or "").read_text() == shown.body
    body = shown.body.lower()
    assert [one for one in planted if one.lower() in body] == []
    parts = {part.lower() for one in planted for part in WORD.findall(one)} - {word.lower() for word in WORDS}
    assert parts & {part.lower() for part in WORD.findall(shown.body)} == set()
    figure(f"planted secrets past the sync allow-list: 0 of {len(planted):,} (seed {SEED})")


WORDS = {
    *VOCABULARY, *(f"{word}:" for word in VOCABULARY), *ITEMS, *PHASES, *RepoType, *FeedbackMode, *Helpful, *YesNo,
    *ReviewsAnswer, CUSTOM_ITEM, OTHER_PHASE, SOURCE, TYPE, CONTENT, SPEC,
}  # fmt: skip


def test_every_text_that_leaves_is_of_a_closed_list(project: Project) -> None:
    """The same from the other side: whatever is planted, this is all that can be read."""
    make, at = generator(SEED + 1), project.person()
    for _ in range(20):
        recorded(project, at, make)
        forged(at, make)
    for event in json.loads(preview_sync(at).body):
        data = event["data"]
        words = {word for error in data.pop("orchestrator_errors") for word in error.split()}
        said = {*words, *data.pop("phases"), *data.pop("items_skipped"), *data.pop("confusing_items")}
        said |= set(data.pop("answers").values()) | {data.pop("repo_type"), data.pop("mode")}
        said |= {event[name] for name in ("specversion", "source", "type", "datacontenttype")}
        assert said <= WORDS
        assert re.fullmatch(r"[0-9a-f]{32}", event["id"])
        assert re.fullmatch(r"2026-11-\d\d", data.pop("day"))
        assert all(re.fullmatch(r"[0-9a-f]{16}", data.pop(name)) for name in ("installation_hash", "workflow_id_hash"))
        assert re.fullmatch(r"\d+\.\d+\.\d+", data.pop("orchestrator_version"))
        assert all(isinstance(value, bool | int | float) for value in data.values())


def test_no_change_of_the_bytes_passes_with_another_text(project: Project) -> None:
    """A batch with some bytes changed at random is refused, or still tells nothing but what is in the closed lists."""
    make, at, dice = generator(SEED + 2), project.person(), random.Random(SEED)
    for _ in range(3):
        recorded(project, at, make)
    body, passed = preview_sync(at).body.encode(), 0
    for _ in range(3000):
        start = dice.randrange(len(body))
        piece = dice.choice(
            [b"", b"x", b"1", b'"', b"\\u0062", b",", b'"bob":1,', body[start : start + 40], b"\xff", b"}"]
        )
        changed = body[:start] + piece + body[start + dice.choice([0, 1, len(piece)]) :]
        for event in check_events(changed).events:
            passed += 1
            data = event.data
            assert {word for error in data.orchestrator_errors for word in error.split()} <= WORDS
            assert {*data.phases, *data.items_skipped, *data.confusing_items, data.repo_type} <= WORDS
            assert re.fullmatch(
                r"\d{4}-\d\d-\d\d [0-9a-f]{32} [0-9a-f]{16}", f"{data.day} {event.id} {data.installation_hash}"
            )
    assert passed  # such as other digits in a hash
