"""A person is asked by a form where the client shows one; whatever comes back, nothing stated is lost and nobody waits."""

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import ElicitResult, ErrorData
from processes import ENDS, INITIALIZED, SLACK, Server, request

from orchestrator_mcp.records.feedback import ProcessFeedback, ToolFeedback
from orchestrator_mcp.records.feedback_questions import QUESTIONS
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.server.app import build_server
from orchestrator_mcp.server.forms import ANSWER, FORMS
from orchestrator_mcp.server.tools import TOOLS
from orchestrator_mcp.services.feedback_answers import MAX_ANSWER
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.workspace import Workspace

STATED = {"mode": "interactive", "learnings": "Ask first."}
ONLY_STATED = "so only what you stated was recorded."


class Person:
    """Who sits before a client that shows forms."""

    def __init__(self, answer: ElicitResult | ErrorData) -> None:
        self.answer = answer
        self.forms: list[dict[str, Any]] = []

    async def fills(self, _: object, params: Any) -> ElicitResult | ErrorData:
        self.forms.append(params.requested_schema)
        return self.answer


def record(root: Path, era: str, person: Person | None, environ: dict[str, str] | None = None, **said: Any) -> Any:
    """Call record_feedback in one era of the protocol, and give what it answered."""
    answers: list[Any] = []
    environment = {"HOME": str(root / "home"), **(environ or {})}

    async def play() -> None:
        server = build_server(lambda: open_workspace(environment, root, root=str(root), own_session=True))
        shows = {"elicitation_callback": person.fills} if person else {}
        async with Client(server, mode=era, **shows) as client:  # type: ignore[arg-type]
            with anyio.fail_after(30):
                answers.append(await client.call_tool("record_feedback", said))

    anyio.run(play)
    return answers[0]


def stored(root: Path) -> Workspace:
    return open_workspace({"HOME": str(root / "home")}, root, root=str(root), read_only=True)


def accepted(**content: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=content)


both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])


@both_eras
def test_the_form_asks_what_was_not_stated_and_fills_it_in(tmp_path: Path, era: str) -> None:
    person = Person(
        accepted(
            phase0_helpful="didn't-see", reviews_worked="skipped", confusing_items="risk_analysis, our_deploy",
            commands_failed="no", tool_suggestions="", multi_agents="yes", challenges="The mocks",
        )
    )  # fmt: skip
    result = record(tmp_path, era, person, **STATED)
    assert not result.is_error, result.content
    assert result.structured_content["recorded"] is True
    assert not [one for one in result.structured_content["warnings"] if "form" in one]
    (form,) = person.forms
    assert list(form["properties"]) == [one.name for one in QUESTIONS if one.name != "learnings"]
    assert not form.get("required")
    for one in QUESTIONS:
        shown = form["properties"].get(one.name, {"title": one.text})
        assert shown["title"] == one.text
        assert ("enum" in shown or one.name == "learnings") == (one.choices is not None or one.name == "learnings")
        assert shown.get("enum") == (list(one.choices) if one.choices else None)
        assert one.choices or one.name == "learnings" or shown["maxLength"] == MAX_ANSWER
    at = stored(tmp_path)
    (process,), (tool,) = at.read(ProcessFeedback).records, at.read(ToolFeedback).records
    assert (process.learnings, process.challenges, process.mode) == ("Ask first.", "The mocks", "interactive")
    assert (process.multi_agents, process.parallel_agents_used) == ("yes", True)
    assert (process.confusing_items, process.tool_suggestions) == (["risk_analysis", "our_deploy"], None)
    assert (tool.answers.phase0_helpful, tool.answers.commands_failed, tool.reviews_worked) == (
        "didn't-see",
        "no",
        False,
    )


@both_eras
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ElicitResult(action="decline"), f"The person declined the form, {ONLY_STATED}"),
        (ElicitResult(action="cancel"), f"The form was closed without an answer, {ONLY_STATED}"),
        (accepted(), f"The form came back empty, {ONLY_STATED}"),
        (accepted(challenges="", multi_agents=""), f"The form came back empty, {ONLY_STATED}"),
        (ElicitResult(action="accept"), f"The client's answer to the form could not be used, {ONLY_STATED}"),
        (accepted(multi_agents="perhaps"), "The form's answer to multi_agents could not be used."),
        (accepted(challenges=7, colour="blue"), "The form's answer to challenges could not be used."),
        (accepted(challenges=["a", "b"]), "The form's answer to challenges could not be used."),
        (accepted(challenges="x" * (MAX_ANSWER + 1)), f"The form's answer to challenges was cut to {MAX_ANSWER:,} characters."),
        (None, f"This client shows no forms, {ONLY_STATED} Ask the person, and pass the answers as parameters."),
    ],
    ids=["decline", "cancel", "empty", "blank", "no content", "no such choice", "number", "list", "long", "no support"],
)  # fmt: skip
def test_whatever_comes_back_the_stated_is_recorded(
    tmp_path: Path, era: str, answer: ElicitResult | None, said: str
) -> None:
    person = Person(answer) if answer else None
    result = record(tmp_path, era, person, **STATED)
    assert not result.is_error, result.content
    assert result.structured_content["recorded"] is True
    assert said in result.structured_content["warnings"]
    (process,) = stored(tmp_path).read(ProcessFeedback).records
    assert (process.learnings, process.multi_agents) == ("Ask first.", None)
    assert process.challenges is None or len(process.challenges) == MAX_ANSWER


def test_a_client_that_answers_with_an_error_loses_nothing_either(tmp_path: Path) -> None:
    """In the newer era such a client does not even come back."""
    result = record(tmp_path, "legacy", Person(ErrorData(code=-32601, message="Not implemented")), **STATED)
    assert f"The client's answer to the form could not be used, {ONLY_STATED}" in result.structured_content["warnings"]
    (process,) = stored(tmp_path).read(ProcessFeedback).records
    assert process.learnings == "Ask first."


@both_eras
@pytest.mark.parametrize(
    "said",
    [
        {"mode": "auto", "learnings": "x"},
        {"learnings": "x"},
        {"mode": "interactive", "workflow_id": ""},
        {"mode": "interactive", "challenges": "x" * (MAX_ANSWER + 1)},
        {"mode": "interactive", "colour": "blue"},
        {"mode": "interactive", "multi_agents": "perhaps"},
        {"mode": "interactive", "kind": "process", "multi_agents": "no", "what_went_well": "a", "challenges": "b",
         "learnings": "c", "improvements": "d"},
    ],
)  # fmt: skip
def test_nobody_is_asked_in_vain(tmp_path: Path, era: str, said: dict[str, Any]) -> None:
    person = Person(accepted(what_went_well="W"))
    record(tmp_path, era, person, **said)
    assert person.forms == []


@both_eras
def test_who_opted_out_is_not_asked(tmp_path: Path, era: str) -> None:
    person = Person(accepted(what_went_well="W"))
    result = record(tmp_path, era, person, {"ORCHESTRATOR_SKIP_FEEDBACK": "1"}, **STATED)
    assert (result.structured_content["recorded"], person.forms) == (False, [])
    assert "ORCHESTRATOR_SKIP_FEEDBACK" in result.structured_content["skipped"]


@both_eras
def test_a_form_that_is_declined_is_no_feedback(tmp_path: Path, era: str) -> None:
    result = record(tmp_path, era, Person(ElicitResult(action="decline")), mode="interactive")
    assert not result.structured_content["recorded"]
    assert result.structured_content["skipped"].startswith("No workflow was found and nothing was stated")
    assert stored(tmp_path).read(ProcessFeedback).records == []


@both_eras
@pytest.mark.parametrize("kind", ["tool", "process"])
def test_the_form_is_about_what_is_recorded(tmp_path: Path, era: str, kind: str) -> None:
    person = Person(accepted(reviews_worked="yes", challenges="C"))
    record(tmp_path, era, person, mode="interactive", kind=kind)
    assert list(person.forms[0]["properties"]) == [one.name for one in QUESTIONS if one.about == FeedbackKind(kind)]


def test_a_row_asks_for_parameters_of_its_tool() -> None:
    shown = {tool.name: tool.input_schema for tool in anyio.run(build_server(lambda: None).list_tools)}
    assert ANSWER not in shown["record_feedback"]["properties"]
    verbs = {row.verb for row in TOOLS}
    for verb, form in FORMS.items():
        assert verb in verbs
        parameters = set(inspect.signature(verb).parameters)
        assert set(form.reads) <= parameters
        assert set(inspect.signature(form.questions).parameters) - {"answers"} <= parameters
    assert {one.name for one in QUESTIONS} <= set(inspect.signature(next(iter(FORMS))).parameters)


HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "t", "version": "0"},
}


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[], Any]:
    """A real process whose form is open."""

    def start() -> tuple[Server, Any]:
        server = Server([sys.executable, "-m", "orchestrator_mcp", "--root", str(tmp_path)])
        server.ask(request("hello", "initialize", HELLO))
        server.send(INITIALIZED)
        return server, server.ask(request("call", "tools/call", {"name": "record_feedback", "arguments": STATED}))

    return start


@pytest.mark.parametrize(
    "garbage",
    [
        {"result": {}},
        {"result": {"action": "perhaps"}},
        {"result": {"action": "accept", "content": {"challenges": {"deep": [1, {"er": None}]}}}},
        {"result": {"action": "accept", "content": []}},
        {"result": {"action": "accept", "content": "yes"}},
        {"error": {"code": -1, "message": "no"}},
        {"error": {"code": -1, "message": "no"}, "result": None},
        *({"result": one} for one in (None, [], "x", 1)),
        {"error": "no"},
        {"id": None, "error": {"code": -1, "message": "no"}},
        {"id": 1.5, "result": {}},
        {"jsonrpc": "1.0", "result": {"action": "accept", "content": {}}},
    ],
    ids=json.dumps,
)
def test_garbage_for_an_answer_over_stdio(asked: Callable[[], Any], garbage: dict[str, Any]) -> None:
    server, form = asked()
    with server:
        assert form["method"] == "elicitation/create"
        answer = server.ask({"jsonrpc": "2.0", "id": form["id"], **garbage})
        assert answer["id"] == "call"
        assert answer["result"]["structuredContent"]["recorded"] is True
        assert [one for one in answer["result"]["structuredContent"]["warnings"] if ONLY_STATED in one]
        listed = server.ask(request("more", "tools/list"))
        assert listed["result"]["tools"]


NESTED = '{"action":"accept","content":' + '{"a":[' * 10_000 + "]}" * 10_000 + "}"
LONG = '{"action":"accept","content":{"challenges":"' + 'say \\"id\\":7 ' * 500_000 + '"}}'


@pytest.mark.parametrize(
    "line",
    [
        '{"jsonrpc":"2.0","id":ID,"result":{"action":"accept","content":{"challenges":NaN}}}',
        '{"jsonrpc":"2.0","result":{"content":{"id":99,"method":"}"},"x":NaN},"id":ID}',
        '{"jsonrpc":"2.0","id":"ID","result":Infinity}',
        '{"jsonrpc":"2.0","id":ID,"result":{"action":"accept"}',
        '{"jsonrpc":"2.0","id":ID,"result":{"action":"accept","content":{"challenges":"\udce9"}}}',
        '[{"jsonrpc":"2.0","id":ID,"result":{"action":"accept"}}]',
        '{"jsonrpc":"2.0","id":ID,"result":' + NESTED + "}",
        '{"jsonrpc":"2.0","result":' + NESTED + ',"id":ID}',
        '{"jsonrpc":"2.0","id":ID,"result":' + LONG + "}",
        '{"jsonrpc":"2.0","result":' + LONG + ',"id":ID}',
    ],
    ids=["nan", "nan and id last", "infinity", "cut", "latin-1", "batch", "deep", "deep, id last", "long", "long, id last"],
)  # fmt: skip
def test_an_answer_that_is_no_message_ends_the_form_too(asked: Callable[[], Any], line: str) -> None:
    server, form = asked()
    with server:
        answer = server.ask(line.replace("ID", str(form["id"])).encode(errors="surrogateescape"))
        assert answer["id"] == "call"
        assert answer["result"]["structuredContent"]["recorded"] is True
        assert [one for one in answer["result"]["structuredContent"]["warnings"] if ONLY_STATED in one]
        assert server.ask(request("more", "tools/list"))["result"]["tools"]


@pytest.mark.parametrize(
    "line",
    [
        '{"jsonrpc":"2.0","id":ID,"method":"ping","params":{"result":NaN}}',
        '{"jsonrpc":"2.0","id":ID,"method":"ping","params":[],"result":{}}',
        '{"jsonrpc":"2.0","id":77,"result":null}',
        '{"jsonrpc":"2.0","id":ID}',
        '{"params":{"result":{}},"id":ID}',
        "nonsense",
        '"id":ID,"result"',
        "[" * 20_000,
    ],
)
def test_a_bad_line_that_is_no_answer_to_the_form_leaves_it_open(asked: Callable[[], Any], line: str) -> None:
    """A client counts its own calls as we count ours."""
    server, form = asked()
    with server:
        assert "error" in server.ask(line.replace("ID", str(form["id"])).encode())
        content = {"challenges": "None left"}
        answer = server.ask({"jsonrpc": "2.0", "id": form["id"], "result": {"action": "accept", "content": content}})
        assert answer["id"] == "call"
        assert not [one for one in answer["result"]["structuredContent"]["warnings"] if ONLY_STATED in one]


def test_who_leaves_a_form_open_holds_nobody_up(asked: Callable[[], Any], tmp_path: Path) -> None:
    """Other calls are answered meanwhile, and the process ends with its client."""
    server, _ = asked()
    with server:
        assert server.ask(request("more", "tools/list"))["id"] == "more"
        server.stdin.close()
        assert server.seconds_until_exit() < ENDS + SLACK
    assert stored(tmp_path).read(ProcessFeedback).records == []
