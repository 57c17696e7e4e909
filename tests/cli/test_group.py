"""`orchestrator group`: any file of JSON lines, grouped, explained and written out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator_mcp

ROWS = [
    *({"id": f"a{n}", "text": f"TimeoutError: request {n} took {n}.5 s", "project": "x"} for n in range(4)),
    *(
        {"id": f"b{n}", "text": f"FileNotFoundError: C:\\Users\\u{n}\\app.ini is missing", "project": "y"}
        for n in range(3)
    ),
    {"text": "Something entirely different happened here", "project": "x"},
]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_mcp.cli", "group", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n\n" for row in ROWS), encoding="utf-8")
    return tmp_path


def test_what_recurs_is_grouped_and_written_out(texts: Path) -> None:
    result = json.loads(run(texts, "log.jsonl", "--out", "pred.jsonl", "--json").stdout)
    assert (result["texts"], [one["members"] for one in result["groups"]], result["alone"]) == (8, [4, 3], 1)
    clusters = {row["id"]: row["cluster"] for row in map(json.loads, (texts / "pred.jsonl").read_text().splitlines())}
    assert set(clusters) == {row.get("id", 14) for row in ROWS}
    assert len({clusters[f"a{n}"] for n in range(4)}) == 1
    assert not (texts / ".orchestrator").exists()


def test_a_field_keeps_apart(texts: Path) -> None:
    rows = [row | {"text": "KeyError: 'user' not in session"} for row in ROWS]
    (texts / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = json.loads(run(texts, "log.jsonl", "--by", "project", "--json").stdout)["groups"]
    assert {(one["by"], one["members"]) for one in found} == {("x", 5), ("y", 3)}


def test_context_and_feedback_come_before_the_text(texts: Path) -> None:
    rows = [
        {"text": f"unrelated {n}", "context": f"Timeout after {n} s", "feedback": "Raise the limit"} for n in range(3)
    ]
    (texts / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (one,) = json.loads(run(texts, "log.jsonl", "--json").stdout)["groups"]
    assert one["members"] == 3


def test_people_see_templates_and_counts(texts: Path) -> None:
    shown = run(texts, "log.jsonl").stdout
    assert "8 texts, 2 groups, by " in shown
    assert "; 1 like no other" in shown
    assert "TimeoutError: request" in shown


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        (None, (), "There is no file"),
        ("[1]\n", (), "Line 1 of log.jsonl is no JSON object"),
        ('{"message":"x"}\n', (), "has no text in 'text'. Name the field with --field."),
        ('{"text":5}\n', (), "has no text"),
    ],
)
def test_a_bad_file_gets_a_sentence(tmp_path: Path, content: str | None, words: tuple[str, ...], says: str) -> None:
    if content is not None:
        (tmp_path / "log.jsonl").write_text(content, encoding="utf-8")
    result = run(tmp_path, "log.jsonl", "--out", "pred.jsonl", *words)
    assert result.returncode == 1
    assert says in result.stderr
    assert not (tmp_path / "pred.jsonl").exists()


def test_the_same_from_python() -> None:
    groups = orchestrator_mcp.group([str(row["text"]) for row in ROWS])
    assert sorted(len(one.members) for one in groups) == [1, 3, 4]
