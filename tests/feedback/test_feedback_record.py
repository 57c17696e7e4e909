"""record_feedback: what is asked, what is kept where, and that a retry or an opt-out writes nothing."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from feedback_world import START, event, process_entries, raw, sample, tool_entries, workspace, write_log

from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.errors import InvalidInputError, ReadOnlyError, StateConflictError
from orchestrator_mcp.records.feedback import RepoType
from orchestrator_mcp.records.fields import Applicable, FeedbackKind, FeedbackMode, Helpful, ReviewsAnswer, YesNo
from orchestrator_mcp.services.feedback import record_feedback
from orchestrator_mcp.services.feedback_entries import at_finish
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.project import get_repo_type

LOG = [
    raw("workflow_started", 0, message="Started workflow: Add login"),
    raw("item_completed", 5, "document_learnings", notes="Pairing helped. Mock setup was tricky."),
    raw("workflow_completed", 9),
]


@pytest.mark.parametrize(
    ("value", "on"),
    [(value, True) for value in ("1", "true", "yes", "on", "TRUE", "2", "y", "anything", " 1 ")]
    + [(value, False) for value in ("", "0", "no", "off", "false", "FALSE", "Off", " 0 ", " ")],
)
def test_opting_out(value, on, tmp_path):
    write_log(tmp_path, LOG)
    at = open_workspace({"ORCHESTRATOR_SKIP_FEEDBACK": value}, tmp_path, root=str(tmp_path))
    answer = record_feedback(at, learnings="x")
    assert answer.recorded is not on
    assert (answer.tool_id is None, answer.process_id is None) == (on, on)
    assert (tmp_path / ".orchestrator").exists() is not on
    assert answer.legacy_detected
    if on:
        assert answer.skipped == (
            "ORCHESTRATOR_SKIP_FEEDBACK is set, so no feedback was recorded. Unset it to record feedback."
        )


def test_without_a_workflow_the_answers_are_still_recorded(tmp_path):
    at = workspace(tmp_path)
    answer = record_feedback(at, learnings="Ask first.")
    assert (answer.recorded, answer.workflow_id, answer.legacy_detected) == (True, None, False)
    assert answer.warnings == [
        "No workflow's state or log was found, so only what you stated was recorded and workflow_id is null."
    ]
    (tool,), (process,) = tool_entries(at), process_entries(at)
    assert (tool.workflow_id_hash, tool.duration_seconds, tool.items_skipped_pct) == (None, None, None)
    assert (process.workflow_id, process.learnings) == (None, "Ask first.")


def test_a_workflow_that_nobody_recorded_keeps_its_name(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    answer = record_feedback(at, workflow_id="wf_elsewhere", learnings="Ask first.")
    assert answer.workflow_id == "wf_elsewhere"
    assert answer.warnings == [
        "No state or log mentions the workflow wf_elsewhere, so only what you stated was recorded."
    ]
    assert process_entries(at)[0].task is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"mode": "interactive"},
        {"workflow_id": "wf_elsewhere"},
        {"confusing_items": [], "learnings": ""},
        {"kind": "tool", "learnings": "what no tool entry holds"},
        {"kind": "process", "commands_failed": "yes"},
    ],
)
def test_without_a_workflow_and_without_an_answer_there_is_nothing_to_record(said, tmp_path):
    at = workspace(tmp_path)
    answer = record_feedback(at, **said)
    assert (answer.recorded, answer.tool_id, answer.process_id) == (False, None, None)
    assert answer.skipped.startswith("No workflow was found and nothing was stated, so there was nothing to record.")
    assert (tool_entries(at), process_entries(at)) == ([], [])


@pytest.mark.parametrize(("kind", "tool", "process"), [("both", 1, 1), ("tool", 1, 0), ("process", 0, 1)])
def test_kind_narrows(kind, tool, process, tmp_path):
    at = workspace(tmp_path)
    write_log(tmp_path, LOG)
    answer = record_feedback(at, kind=kind)
    assert (len(tool_entries(at)), len(process_entries(at))) == (tool, process)
    assert (answer.tool_id is not None, answer.process_id is not None) == (bool(tool), bool(process))


def test_inferred_answers_are_marked_and_stated_ones_win(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    answer = record_feedback(at, challenges="The database.")
    (process,) = process_entries(at)
    assert process.inferred == ["what_went_well"]
    assert (process.what_went_well, process.challenges) == ("Pairing helped.", "The database.")
    assert process.learnings == "Pairing helped. Mock setup was tricky."
    assert answer.inferred["what_went_well"] == {"text": "Pairing helped.", "untrusted": True}
    assert "challenges" not in answer.inferred


def test_interactive_mode_guesses_no_persons_answer(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    record_feedback(at, mode=FeedbackMode.INTERACTIVE, improvements="Fewer mocks")
    (process,) = process_entries(at)
    assert (process.what_went_well, process.challenges, process.inferred) == (None, None, [])
    assert (process.mode, process.task) == ("interactive", "Add login")


def test_questions_that_nobody_answered_add_no_entry(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    first = record_feedback(at)
    answer = record_feedback(at, mode=FeedbackMode.INTERACTIVE)
    assert (answer.tool_id, answer.process_id) == (first.tool_id, first.process_id)
    assert answer.warnings[0] == "mode is interactive, but no question was answered."
    assert (len(tool_entries(at)), len(process_entries(at))) == (1, 1)


def test_where_there_is_nothing_to_record_no_store_is_made(tmp_path):
    assert not record_feedback(workspace(tmp_path)).recorded
    assert list(tmp_path.iterdir()) == []


def test_all_ten_answers_land_where_they_belong(tmp_path):
    at = workspace(tmp_path)
    record_feedback(
        at,
        mode=FeedbackMode.INTERACTIVE,
        phase0_helpful=Helpful.DIDNT_SEE,
        reviews_worked=ReviewsAnswer.SKIPPED,
        confusing_items=["risk_analysis", "our_deploy"],
        commands_failed=YesNo.YES,
        tool_suggestions="Say less.",
        multi_agents=Applicable.YES,
        what_went_well="W",
        challenges="C",
        learnings="L",
        improvements="I",
    )
    (tool,), (process,) = tool_entries(at), process_entries(at)
    assert tool.answers.model_dump(mode="json") == {
        "phase0_helpful": "didn't-see",
        "reviews_worked": "skipped",
        "commands_failed": "yes",
    }
    assert (tool.reviews_worked, tool.confusing_items, tool.tool_suggestions) == (False, ["risk_analysis"], None)
    assert (process.tool_suggestions, process.confusing_items) == ("Say less.", ["risk_analysis", "our_deploy"])
    assert (process.multi_agents, process.parallel_agents_used) == ("yes", True)
    assert (process.what_went_well, process.challenges, process.learnings, process.improvements) == ("W", "C", "L", "I")


@pytest.mark.parametrize(("answer", "used"), [("yes", True), ("no", False), ("not-applicable", None)])
def test_what_is_stated_of_agents_wins_over_the_log(answer, used, tmp_path):
    write_log(tmp_path, [raw("parallel_agents_used", 0)])
    at = workspace(tmp_path)
    record_feedback(at, multi_agents=answer)
    assert process_entries(at)[0].parallel_agents_used is used


def test_free_text_with_kind_tool_is_not_lost_silently(tmp_path):
    at = workspace(sample(tmp_path))
    answer = record_feedback(at, kind=FeedbackKind.TOOL, tool_suggestions="Say less.")
    assert answer.warnings == [
        "Free text and answers about the project belong to the process entry, which kind=tool leaves out."
    ]


def test_a_retry_gives_the_same_ids_even_when_the_log_has_grown(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    first = record_feedback(at, challenges="C", request_id="call-1")
    write_log(tmp_path, [*LOG, raw("item_skipped", 20, "write_tests"), raw("workflow_completed", 90)])
    later = workspace(tmp_path, now=START.replace(year=2027))
    again = record_feedback(later, challenges="C", request_id="call-1")
    assert (again.tool_id, again.process_id) == (first.tool_id, first.process_id)
    assert (len(tool_entries(later)), len(process_entries(later))) == (1, 1)
    assert record_feedback(later, request_id="call-2").tool_id != first.tool_id


def test_the_same_feedback_once_more_adds_nothing(tmp_path):
    write_log(tmp_path, LOG)
    at = workspace(tmp_path)
    first = record_feedback(at, learnings="Validate on the server")
    again = record_feedback(workspace(tmp_path), learnings="Validate on the server", request_id="call-2")
    assert (again.tool_id, again.process_id) == (first.tool_id, first.process_id)
    assert again.warnings == [
        "The same process and tool feedback was recorded before, so nothing of it was added.",
    ]
    assert (len(tool_entries(at)), len(process_entries(at))) == (1, 1)
    assert record_feedback(at, learnings="Validate on the client too").process_id != first.process_id


def test_what_was_added_is_not_denied(tmp_path):
    at = workspace(tmp_path)
    record_feedback(at, learnings="x")
    answer = record_feedback(at, learnings="y")
    assert (len(tool_entries(at)), len(process_entries(at))) == (1, 2)
    assert answer.warnings[1:] == ["The same tool feedback was recorded before, so nothing of it was added."]


def test_the_same_feedback_with_a_secret_in_it_adds_nothing(tmp_path):
    at = workspace(tmp_path, redact=redact_json)
    for _ in range(2):
        record_feedback(at, learnings=f"The token ghp_{'a1B2' * 9} leaked.")
    (entry,) = process_entries(at)
    assert "ghp_" not in entry.learnings


def test_threads_that_say_the_same_at_once_say_it_once(tmp_path):
    at, threads = workspace(tmp_path), 4
    record_feedback(at, learnings="first")
    together = threading.Barrier(threads)

    def say(_: int) -> list[str]:
        found = []
        for number in range(30):
            together.wait()
            found.append(record_feedback(at, kind="process", learnings=f"answer {number}").process_id)
        return found

    with ThreadPoolExecutor(threads) as pool:
        ids = list(pool.map(say, range(threads)))
    assert len(process_entries(at)) == 31
    assert ids == [ids[0]] * threads


def test_threads_that_say_different_things_lose_none(tmp_path):
    """The first of them replaces what was recorded by itself; the others are added."""
    write_log(tmp_path, LOG)
    at, threads = workspace(tmp_path), 4
    record_feedback(at, workflow_id="wf_1", request_id=at_finish("wf_1"))
    together = threading.Barrier(threads)

    def say(number: int) -> None:
        together.wait()
        record_feedback(at, kind="process", workflow_id="wf_1", learnings=f"answer {number}")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(say, range(threads)))
    assert sorted(entry.learnings for entry in process_entries(at)) == [f"answer {number}" for number in range(threads)]


def test_a_retry_finishes_what_a_crash_left_half_done(tmp_path):
    at = workspace(tmp_path)
    half = record_feedback(at, kind=FeedbackKind.PROCESS, learnings="L", request_id="call-1")
    whole = record_feedback(at, learnings="L", request_id="call-1")
    assert whole.process_id == half.process_id
    assert whole.tool_id is not None
    assert (len(tool_entries(at)), len(process_entries(at))) == (1, 1)


def test_the_same_request_id_for_other_answers_is_refused(tmp_path):
    at = workspace(tmp_path)
    record_feedback(at, challenges="C", request_id="call-1")
    with pytest.raises(StateConflictError, match="already used"):
        record_feedback(at, challenges="D", request_id="call-1")
    with pytest.raises(StateConflictError, match="already used"):
        record_feedback(at, challenges="C", commands_failed=YesNo.NO, request_id="call-1")


def test_a_request_id_finds_its_entry_only_by_its_hash(tmp_path):
    at = workspace(tmp_path)
    record_feedback(at, learnings="L", request_id="toolu_bob")
    assert "toolu_bob" not in tool_entries(at)[0].model_dump_json()
    assert process_entries(at)[0].request_id == "toolu_bob"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("challenges", "x" * 2001),
        ("confusing_items", ["x"] * 51),
        ("confusing_items", ["x" * 301]),
        ("workflow_id", ""),
        ("workflow_id", "w" * 301),
    ],
)
def test_too_much_is_refused_before_anything_is_written(argument, value, tmp_path):
    with pytest.raises(InvalidInputError, match=r"at most|1 to 300"):
        record_feedback(workspace(tmp_path), **{argument: value})
    assert list(tmp_path.iterdir()) == []


def test_read_only_refuses(tmp_path):
    with pytest.raises(ReadOnlyError):
        record_feedback(workspace(tmp_path, read_only=True), learnings="x")
    assert list(tmp_path.iterdir()) == []


def test_bad_lines_are_counted_and_the_rest_is_used(tmp_path):
    write_log(tmp_path, [LOG[0], "not json\n", "[1]\n", '{"event_type": 7}\n', *LOG[1:]])
    at = workspace(tmp_path)
    answer = record_feedback(at)
    assert answer.warnings == ["3 lines of .workflow_log.jsonl could not be read."]
    assert process_entries(at)[0].task == "Add login"


def test_a_broken_state_in_the_session_is_said_and_survived(tmp_path):
    at = workspace(tmp_path)
    folder = at.paths.for_session(at.session_id()).session_dir()
    (folder / "state.json").write_text("[]")
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LOG))
    answer = record_feedback(at)
    assert answer.workflow_id == "wf_1"
    assert answer.warnings == ["state.json could not be read as a workflow's state and was left out."]


def test_a_finished_workflows_state_is_found_by_name_and_never_by_path(tmp_path):
    at = workspace(tmp_path)
    folder = at.paths.for_session(at.session_id()).session_dir()
    (folder / "workflows").mkdir()
    state = {"workflow_id": "wf_old", "task_description": "Older", "phases": {}}
    (folder / "workflows" / "wf_old.json").write_text(json.dumps(state))
    (folder / "state.json").write_text(json.dumps({"workflow_id": "wf_new", "task_description": "Newer", "phases": {}}))
    assert record_feedback(at).workflow_id == "wf_new"
    record_feedback(at, workflow_id="wf_old")
    assert not record_feedback(at, workflow_id="../state").recorded
    assert [entry.task for entry in process_entries(at)] == ["Newer", "Older"]


def test_foreign_files_of_the_same_name_are_not_read(tmp_path):
    (tmp_path / ".workflow_state.json").write_text(
        '{"current_step": 4, "status": "in_progress", "timestamp": "2025-06-30"}'
    )
    answer = record_feedback(workspace(tmp_path))
    assert (answer.workflow_id, answer.legacy_detected) == (None, False)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["pyproject.toml"], RepoType.PYTHON),
        (["setup.py"], RepoType.PYTHON),
        (["requirements.txt", "package.json"], RepoType.PYTHON),
        (["package.json"], RepoType.JAVASCRIPT),
        (["go.mod"], RepoType.GO),
        (["Cargo.toml"], RepoType.RUST),
        (["README.md"], RepoType.UNKNOWN),
        ([], RepoType.UNKNOWN),
    ],
)
def test_repo_type(files, kind, tmp_path):
    for name in files:
        (tmp_path / name).touch()
    assert get_repo_type(tmp_path) is kind
    at = workspace(tmp_path)
    record_feedback(at, reviews_worked="yes")
    assert tool_entries(at)[0].repo_type == kind


def test_the_repository_is_named_in_the_process_entry_only(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text('[remote "origin"]\n\turl = https://bob:tok@github.com/acme/api.git\n')
    at = workspace(tmp_path)
    record_feedback(at, learnings="L")
    assert process_entries(at)[0].repo == "github.com/acme/api"
    assert "acme" not in tool_entries(at)[0].model_dump_json()


def test_an_event_is_read_as_it_is_written():
    assert event("item_skipped", 1, "x", reason="r").details == {"reason": "r"}
