"""`orchestrator demo`: the whole loop in one minute, through a real client and the real server."""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, OrchestratorError
from orchestrator_mcp.services.setup import how_to_connect

from .command import Arguments, Call

ID_LENGTH = 26
CORRECTION = "Add pyyaml to the dependencies in pyproject.toml, then install again."
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/ada/invoices/app.py", line 3, in <module>
    from invoices import settings
  File "/home/ada/invoices/settings.py", line 1, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'"""
WORDINGS = (
    (1, "ModuleNotFoundError: No module named 'yaml'"),
    (1, "E   ModuleNotFoundError: No module named 'yaml'"),
    (2, TRACEBACK),
    (3, "tests failed at /home/x/t_7.py: ModuleNotFoundError: No module named 'yaml'"),
)


def arguments(parser: Arguments) -> None:
    demo = parser.runs(_demo)
    demo.add_argument("--keep", metavar="FOLDER", help="a new folder for the sample project, kept afterwards")


def _demo(call: Call) -> None:
    import anyio  # noqa: PLC0415  the client is heavy, and only this needs it

    with tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        project = _sample(Path(call.args.keep) if call.args.keep else Path(folder) / "invoices")
        try:
            anyio.run(_play, project)
        except* OrchestratorError as problems:
            raise problems.exceptions[0] from None
    if call.args.keep:
        _say("", f"The project is kept in {call.args.keep}; look into .orchestrator/.")
    _say("", f"In a project of yours: {how_to_connect()}")


def _sample(target: Path) -> Path:
    """A copy of the sample project: from the checkout, or as it travels inside the package."""
    if target.exists():
        raise InvalidInputError(f"{target} exists already. Name a new folder.")
    here = Path(__file__).parent
    for source in (here / "legacy_project", here.parents[1] / "examples" / "legacy_project"):
        if source.is_dir():
            shutil.copytree(source, target)
            return target
    raise NotFoundError("The sample project is missing from this installation. Install orchestrator-mcp again.")


async def _play(project: Path) -> None:
    _say("Agents forget; this project's server does not. Everything below goes through a real client and server.", "")
    _say("1. Three agents, one after the other, make one mistake and log it in four wordings:")
    for session in (1, 2, 3):
        async with _agent(project) as call:
            for wording in (text for number, text in WORDINGS if number == session):
                answer = await _log(call, wording)
                _say(f"   agent {session}  {_short(wording)}", f"            → {answer['next_step']}")
    async with _agent(project) as call:
        answer = await _log(call, WORDINGS[0][1])
        _say("", "2. A fourth agent runs into it, and is told at once what helped before:")
        _say(f"   agent 4  seen {answer['pattern']['occurrences']} times: {answer['pattern']['correction']}")
        rules = await call("suggest_rules")
        first = rules["suggestions"][0]
        _say("", "3. suggest_rules drafts a rule, in people's own words, for a person to take over:")
        _say(
            *_quoted(first["draft"]),
            f"   priority {first['priority']}, confidence {first['confidence']}, {first['status']}",
        )
        _say("", "4. An older tool left its files in this project's root. migrate_state takes them over:")
        plan = await call("migrate_state")
        _say(
            f"   {len(plan['files'])} files, {plan['bytes']:,} bytes, into one session; the originals go into a backup"
        )
        await call("migrate_state", dry_run=False)
        found = (await call("record_feedback"))["inferred"]
        _say("", "5. record_feedback reads the last workflow's log:", f"   {_phases(found['phases'])}")
        _say(f"   skipped: {', '.join(found['items_skipped'])}")
        review = await call("review_patterns", all=True)
        _say("", "6. review_patterns sees what recurs, over all of it:", *(_pattern(one) for one in review["patterns"]))
    _say("", "7. All of it is plain files, ignored by git:", *_tree(project / ".orchestrator"))
    one = next(one for one in review["patterns"] if one["kind"] == "failure")
    _say("", f"Four wordings, {one['sessions']} sessions, one pattern ({one['id']}): {one['title']}")


async def _log(call: Any, wording: str) -> Any:
    return await call("log_failure", context=wording, feedback=CORRECTION, category="testing", severity="high")


def _short(wording: str) -> str:
    """A wording on one line: of many lines the first, the last, and how many."""
    lines = wording.splitlines()
    return wording if len(lines) == 1 else f"{lines[0]} … {lines[-1]}  ({len(lines)} lines)"


def _phases(seconds: dict[str, int]) -> str:
    return ", ".join(f"{name} {value // 60} min" for name, value in seconds.items())


@asynccontextmanager
async def _agent(project: Path) -> AsyncIterator[Any]:
    """One agent's conversation: a server process of its own, and a function that calls its tools."""
    from mcp import Client, StdioServerParameters  # noqa: PLC0415

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLAUDE", "ORCHESTRATOR_"))}
    command = ["-m", "orchestrator_mcp", "--root", str(project)]
    async with Client(StdioServerParameters(command=sys.executable, args=command, env=kept)) as client:

        async def call(tool: str, **arguments: Any) -> Any:
            result = await client.call_tool(tool, arguments)
            if result.is_error:
                raise OrchestratorError(f"{tool} answered: {result.content}. Run the demo again, or report it.")
            return result.structured_content

        yield call


def _pattern(one: dict[str, Any]) -> str:
    where = f"{one['workflows']} workflows" if one["workflows"] else f"{one['sessions']} sessions"
    return f"   {one['priority']:<7}{one['occurrences']}x in {where:<12} {one['title']}"


def _quoted(text: str) -> list[str]:
    return [f"   │ {line}" for line in text.splitlines()]


def _tree(folder: Path) -> list[str]:
    """The store's folders with what lies directly in them; sessions of one kind are shown once."""
    lines: dict[str, None] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path.name != "lock" and not {"cache", "secrets", "tmp"} & set(inside.parts):
            shown = ["<id>" if len(part) == ID_LENGTH else part for part in inside.parts]
            lines["/".join(shown[:3])] = None
    return [f"   .orchestrator/{line}" for line in lines]


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)
