"""Forgetting: the text is in no file afterwards, and everything else still is, byte for byte."""

import base64
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from orchestrator_mcp.errors import MigrationError, NotFoundError, OrchestratorError
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import Invocation
from orchestrator_mcp.records.workflow import LogEvent
from orchestrator_mcp.services.failures import log_failure, show_failure
from orchestrator_mcp.services.forgetting import Forgotten, forget
from orchestrator_mcp.services.migration import migrate_state, rollback
from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.rules import open_suggestions, suggest_rules
from orchestrator_mcp.services.telemetry import get_agent_ranking, log_invocation, log_success_metric
from orchestrator_mcp.services.workflows import start_workflow, update_workflow

TEXT = "ConnectionError: login as 'margarete' with her birthday failed on the billing host"
FIX = "Ask margarete for the billing phrase, which is raspberry jam on toast"
LEGACY = Path(__file__).parents[2] / "examples" / "legacy_project"
SECRETS = (b"margarete", b"raspberry")


def log(workspace: Any, context: str = TEXT, feedback: str = FIX, **more: Any) -> str:
    return log_failure(workspace, context=context, feedback=feedback, category="API", **more).id


def everything(project: Project) -> bytes:
    return b"\0".join(path.read_bytes() for path in project.root.rglob("*") if path.is_file())


def is_gone(project: Project) -> bool:
    left = everything(project)
    return not [word for word in SECRETS if word in left]


def session_folder(project: Project) -> Path:
    return next((project.root / ".orchestrator" / "sessions").iterdir())


@pytest.fixture
def logged(project: Project) -> str:
    for _ in range(2):
        log(project.agent(), TEXT.replace("margarete", "another"), "Use the service account.")
    agent = project.agent()
    code = "```\nlogin('margarete', 'raspberry')\n```"
    one = log(agent, wrong=code, correct="login(ACCOUNT)")
    log(agent, wrong=code, correct="login(ACCOUNT)")
    suggest_rules(agent)
    review_patterns(agent)
    assert b"raspberry" in (project.root / ".orchestrator/rules/suggestions.jsonl").read_bytes()
    return one


def test_the_text_is_gone_from_every_file(project: Project, logged: str) -> None:
    meta = {path: path.read_bytes() for path in project.root.rglob("meta.json")}
    result = forget(project.person(), logged[-6:])
    assert is_gone(project), everything(project)
    assert b"Use the service account." in everything(project)
    assert any(name.endswith("failures.jsonl") for name in result.files)
    assert "rules/suggestions.jsonl" in result.files
    assert (result.others, result.dry_run) == (1, False)
    assert {path: path.read_bytes() for path in meta} == meta


def test_an_emptied_suggestion_is_drafted_anew(project: Project, logged: str) -> None:
    forget(project.person(), logged)
    line = json.loads((project.root / ".orchestrator/rules/suggestions.jsonl").read_bytes().splitlines()[-1])
    assert (line["title"], line["draft"], line["status"]) == ("[FORGOTTEN]", "[FORGOTTEN]", "NEEDS_REVIEW")
    log(project.agent(), TEXT.replace("margarete", "another"), "Use the service account.")
    suggest_rules(project.agent())
    assert "service account" in open_suggestions(project.person()).suggestions[0].draft
    assert is_gone(project)


def test_a_workflow_forgets_its_task_and_why_it_was_given_up(project: Project) -> None:
    agent = project.agent()
    start_workflow(agent, task="purple submarine eats the harbour")
    update_workflow(agent, action="abandon", text="the green whale was faster than us")
    for event in agent.read(LogEvent).records:
        forget(project.person(), event.id or "")
    left = b"".join(project.files().values())
    assert b"purple submarine" not in left
    assert b"green whale" not in left


def test_the_shell_of_the_record_stays(project: Project, logged: str) -> None:
    before = review_patterns(project.agent()).counts
    forget(project.person(), logged)
    shell = show_failure(project.person(), logged)
    assert (shell.context, shell.feedback, shell.wrong) == ("[FORGOTTEN]",) * 3
    assert review_patterns(project.agent()).counts.entries == before.entries - 2  # one other said nothing else
    assert len(project.person().read(Failure).records) == 4


def test_a_run_can_still_be_read_and_ranked(project: Project) -> None:
    agent = project.agent()
    run = log_invocation(
        agent,
        agent_name="billing-reviewer",
        task_description=TEXT,
        state_features={"task": {"type": "review", "by hand": FIX}, "margarete": "raspberry", "codebase": {FIX: 1}},
        files_modified=["margarete.py"],
        workflow_id="wf-billing-2026",
    ).invocation_id
    log_invocation(
        agent, invocation_id=run, outcome_status=OutcomeStatus.FAILURE, error_message=FIX, tests_passed=False
    )
    log_success_metric(agent, invocation_id=run, success=False, feedback_notes=f"It said: {FIX}!")
    ranked = get_agent_ranking(agent, task_type="review")
    forget(project.person(), run)
    assert is_gone(project)
    (shell,) = project.person().read(Invocation).records
    assert (shell.agent_name, shell.workflow_id, shell.outcome.status) == (
        "billing-reviewer",
        "wf-billing-2026",
        "failure",
    )
    assert (shell.rev, shell.outcome.tests_passed, shell.outcome.files_modified) == (2, False, ["[FORGOTTEN]"])
    assert get_agent_ranking(agent, task_type="review") == ranked
    assert project.person().read(Invocation).bad_lines == 0


def test_unrelated_records_stay_byte_for_byte(project: Project) -> None:
    other = project.agent()
    log(
        other, "orchestrator-mcp broke", "Fix it in the billing module.", agent_name="billing", files=["src/billing.py"]
    )
    log(other, "AssertionError: 1 == 2", "Look at it", error=TRACE.format("another"), workflow_id="orchestrator-mcp")
    log(other, "the test-runners are slow", "Cache them.", command="test-runners")
    log_invocation(other, agent_name="completed!", task_description="Do it", outcome_status=OutcomeStatus.FAILURE)
    kept = project.files()
    mine = log(
        project.agent(),
        "orchestrator-mcp",
        "test-runner",
        error=TRACE.format("margarete"),
        command="AssertionError",
        workflow_id="failures",
        agent_name="billing",
        files=["src/billing.py", "completed"],
    )
    forget(project.person(), mine)
    now = project.files()
    changed = {name for name in kept if now[name] != kept[name]}
    assert {name.rsplit("/", 1)[1] for name in changed} == {"failures.jsonl"}
    (name,) = changed
    lines = zip(kept[name].splitlines(), now[name].splitlines(), strict=True)
    assert [(old, new) for old, new in lines if old != new] == [
        (
            kept[name].splitlines()[0],
            kept[name].splitlines()[0].replace(b"orchestrator-mcp broke", b"[FORGOTTEN] broke"),
        )
    ]
    assert is_gone(project)


TRACE = """Traceback (most recent call last):
  File "/usr/lib/python3.11/runpy.py", line 198, in _run_module_as_main
    return _run_code(code, main_globals, None, "__main__", mod_spec)
  File "/app/main.py", line 3, in login
    raise ValueError(name)
=========================== short test summary info ===========================
ValueError: no birthday is known for {}"""


def test_a_documents_strings_are_edited_whatever_their_escapes(project: Project) -> None:
    agent = project.agent()
    mine = log(agent, "see https://billing/margarete/ for the key", "Ask “margarete” for the räspberry key", wrong=FIX)
    state = session_folder(project) / "state.json"
    state.write_text(
        '{\n  "workflow_id": "see https://billing/margarete/ for the key",\n'
        '  "odd": ["see https:\\/\\/billing\\/margarete\\/ for the key", 1.50],\n'
        '  "phases": {"PLAN": {"status": "completed", "notes": "Ask \\u201cmargarete\\u201d for the r\\u00e4spberry key"}}\n}\n'
    )
    (session_folder(project) / "broken.json").write_text('{"x": "see https:\\/\\/billing\\/margarete\\/ for the key')
    (session_folder(project) / "checkpoints").mkdir()
    (session_folder(project) / "checkpoints" / "a.json").write_text(json.dumps({"n": float("nan"), "x": [FIX]}))
    result = forget(project.person(), mine)
    assert (
        state.read_text()
        == json.dumps(
            {
                "workflow_id": "see https://billing/margarete/ for the key",
                "odd": ["[FORGOTTEN]", 1.5],
                "phases": {"PLAN": {"status": "completed", "notes": "[FORGOTTEN]"}},
            },
            indent=2,
        )
        + "\n"
    )
    assert (session_folder(project) / "broken.json").read_text() == '{"x": "[FORGOTTEN]'
    assert json.loads((session_folder(project) / "checkpoints" / "a.json").read_text())["x"] == ["[FORGOTTEN]"]
    assert any("still stand in" in warning and "state.json" in warning for warning in result.warnings)


@pytest.mark.torn
def test_what_is_torn_or_set_aside_goes_too(project: Project) -> None:
    agent = project.agent()
    mine = log(agent)
    file = session_folder(project) / "failures.jsonl"
    whole = file.read_bytes()
    pieces = [whole[:-40], b'{"context": "' + TEXT[:40].encode(), b'{"context": "unrelated']
    notes = [json.dumps({"at": "x", "offset": 0, "bytes_b64": base64.b64encode(one).decode()}) for one in pieces]
    file.with_name("failures.jsonl.quarantine").write_text("\n".join(notes) + "\n")
    log_file = file.with_name("log.jsonl")
    log_file.write_bytes(
        b'{"event_type": "x", "odd": NaN, "message": "' + FIX.encode() + b'"}\n{"message": "' + TEXT[:50].encode()
    )
    (file.parent / ".failures.jsonl.0123456789abcdef.tmp").write_bytes(whole)
    forget(project.person(), mine)
    assert is_gone(project), everything(project)
    assert file.with_name("failures.jsonl.quarantine").read_text() == notes[2] + "\n"
    assert log_file.read_bytes().startswith(b'{"event_type":"x","odd":NaN,"message":"[FORGOTTEN]"}\n')


@pytest.mark.torn
def test_a_line_that_we_would_not_write_does_not_stop_it(project: Project) -> None:
    agent = project.agent()
    mine = log(agent)
    line = {"id": "odd", "odd": float("inf"), "much": "x" * 300_000, "message": f"a {FIX} b"}
    file = session_folder(project) / "log.jsonl"
    deep = ['{"message":' + "[" * depth + json.dumps(FIX) + "]" * depth + "}" for depth in (5, 600, 5_000)]
    file.write_text("\n".join([json.dumps(line), *deep]) + "\n")
    forget(project.person(), mine)
    assert is_gone(project)
    assert json.loads(file.read_text().splitlines()[0])["message"] == "a [FORGOTTEN] b"


def test_a_migrations_backup_loses_it_and_its_bookkeeping_stays(project: Project) -> None:
    shutil.copytree(LEGACY, project.root, dirs_exist_ok=True)
    entry = {
        "timestamp": "2026-01-01T00:00:00Z",
        "mode": "auto",
        "task": TEXT,
        "learnings": FIX,
        "errors_summary": [FIX],
    }
    with (project.root / ".workflow_process_feedback.jsonl").open("a") as file:
        file.write(json.dumps(entry | {"workflow_id": "wf"}) + "\n")
    session = migrate_state(project.person(), dry_run=False).session_id
    assert session
    (process,) = project.root.rglob("sessions/*/feedback/process.jsonl")
    mine = next(json.loads(line)["id"] for line in process.read_bytes().splitlines() if b"margarete" in line)
    before = project.files()
    result = forget(project.person(), mine)
    assert is_gone(project), everything(project)
    assert any("originals" in name for name in result.files)
    assert any("rollback" in warning for warning in result.warnings)
    changed = {name.split("/")[-1] for name, data in project.files().items() if before.get(name) != data}
    assert changed - {"lock", ".erased"} == {"process.jsonl", ".workflow_process_feedback.jsonl"}
    with pytest.raises(MigrationError, match="not what was stored"):
        rollback(project.person())


def test_a_whole_id_counts_before_the_end_of_one(project: Project) -> None:
    agent = project.agent()
    mine = log(agent)
    evil = {"id": f"evil-{mine}", "message": "something else"}
    with (session_folder(project) / "log.jsonl").open("a") as file:
        file.write(json.dumps(evil) + "\n")
    with pytest.raises(NotFoundError, match="2 records"):
        forget(project.person(), mine[-8:])
    assert forget(project.person(), mine.upper()).id == mine
    assert b'"message": "something else"' in everything(project)


def test_nothing_behind_a_link_is_removed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "index.sqlite").write_text("precious")
    agent = project.agent()
    mine = log(agent)
    agent.close()
    for name in ("cache", "reports"):
        shutil.rmtree(project.root / ".orchestrator" / name, ignore_errors=True)
        (project.root / ".orchestrator" / name).symlink_to(elsewhere)
    result = forget(project.person(), mine)
    assert (elsewhere / "index.sqlite").read_text() == "precious"
    assert sum("symbolic link" in warning for warning in result.warnings) == 2


def test_what_cannot_be_changed_is_named_and_the_rest_goes_on(project: Project) -> None:
    mine = log(project.agent())
    odd = session_folder(project) / "log.jsonl"
    odd.write_text(json.dumps({"message": FIX}) + "\n")
    (project.root / "second.jsonl").hardlink_to(odd)
    result = forget(project.person(), mine)
    assert any("hard link" in warning for warning in result.warnings)
    assert show_failure(project.person(), mine).context == "[FORGOTTEN]"


def test_a_dry_run_says_what_would_go(project: Project, logged: str) -> None:
    before = project.files()
    planned = forget(project.person(read_only=True), logged, dry_run=True)
    assert project.files() == before
    done = forget(project.person(), logged)
    assert (planned.dry_run, planned.others) == (True, 1)
    assert set(planned.files) <= set(done.files)
    assert set(done.files) - set(planned.files) <= {"reports/skill_update_suggestions.md"}


def test_a_second_time_nothing_is_left(project: Project, logged: str) -> None:
    forget(project.person(), logged)
    after = project.files()
    again = forget(project.person(), logged)
    assert (again.files, again.others) == ([], 0)
    assert project.files() == after


def test_reports_are_made_anew(project: Project, logged: str) -> None:
    project.person().write_report("other.md", "another report")
    forget(project.person(), logged)
    assert list((project.root / ".orchestrator/reports").iterdir()) == []


def test_one_that_was_cut_short_can_be_asked_for_again(
    project: Project, logged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator_mcp.storage import erasure

    real, calls = erasure.replace_file, []

    def cut_short(path: Path, data: bytes, mode: int) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(path, data, mode)

    monkeypatch.setattr(erasure, "replace_file", cut_short)
    with pytest.raises(KeyboardInterrupt):
        forget(project.person(), logged)
    monkeypatch.undo()
    forget(project.person(), logged)
    assert is_gone(project)


def test_writers_go_on_after_their_file_was_rewritten(project: Project) -> None:
    agent = project.agent()
    first = log(agent)
    forget(project.person(), first)
    second = log(agent, "an unrelated problem appeared", "Fix it.")
    assert show_failure(agent, second).context == "an unrelated problem appeared"
    assert b"raspberry" not in everything(project)


def test_whoever_reviews_meanwhile_does_not_bring_it_back(project: Project) -> None:
    for _ in range(30):
        log(project.agent())
    mine = log(project.agent())
    for _ in range(2):
        log(project.agent(), "Another thing broke: the disk is full", "Remove old builds.")
    stop, bugs, rounds = threading.Event(), [], [0]

    def work() -> None:
        workspace = project.agent(session="racer")
        while not stop.is_set():
            try:
                suggest_rules(workspace)
                review_patterns(workspace)
                rounds[0] += 1
            except OrchestratorError:
                continue  # the cache went, or the report's folder: the next call works
            except Exception as error:  # noqa: BLE001
                bugs.append(error)

    racers = [threading.Thread(target=work) for _ in range(2)]
    for racer in racers:
        racer.start()
    while not rounds[0]:
        pass
    result = forget(project.person(), mine)
    stop.set()
    for racer in racers:
        racer.join()
    assert (bugs, is_gone(project)) == ([], True), result.warnings
    (rule,) = suggest_rules(project.agent(), min_frequency=2).suggestions
    assert "Remove old builds" in rule.draft  # and none about the 31 that were emptied


@pytest.mark.parametrize("typed", ["", "abc", "zzzzzz", "0" * 26])
def test_nothing_is_forgotten_by_mistake(project: Project, logged: str, typed: str) -> None:
    before = project.files()
    with pytest.raises(NotFoundError, match="records have an id ending"):
        forget(project.person(), typed)
    assert project.files() == before


def test_a_store_that_is_not_there_is_not_made(project: Project) -> None:
    for dry_run in (True, False):
        with pytest.raises(NotFoundError):
            forget(project.person(), "0" * 26, dry_run=dry_run)
    assert list(project.root.iterdir()) == []


def test_what_a_person_reads() -> None:
    from orchestrator_mcp.cli.forget import _question
    from orchestrator_mcp.cli.render import text

    one = Forgotten(id="x1", files=["a", "b"], others=2)
    assert text(one) == "Forgot x1; rewrote 2 files:\n  a\n  b"
    assert text(Forgotten(id="x1", files=[])).startswith("Nothing of it is left.")
    assert _question(one) == (
        "Remove the text of x1 from 2 files? 2 other records contain the same text and lose it too. It cannot be undone."
    )
    assert _question(Forgotten(id="x1", files=["a"])) == "Remove the text of x1 from 1 file? It cannot be undone."
