"""`orchestrator demo`: the whole loop in one minute, through a real client and the real server."""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from orchestrator_mcp.errors import NotFoundError

from .command import Arguments, Call

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

    if call.args.keep:
        anyio.run(_play, _sample(Path(call.args.keep)))
        return
    with tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        anyio.run(_play, _sample(Path(folder) / "invoices"))


def _sample(target: Path) -> Path:
    """A copy of the sample project: from the checkout, or as it travels inside the package."""
    here = Path(__file__).parent
    for source in (here / "legacy_project", here.parents[1] / "examples" / "legacy_project"):
        if source.is_dir():
            shutil.copytree(source, target)
            return target
    raise NotFoundError("The sample project is missing from this installation. Install orchestrator-mcp again.")


async def _play(project: Path) -> None:
    _say("A project with what an older tool left in its root:", *_names(project))
    async with _agent(project) as call:
        plan = await call("migrate_state")
        _say(f"1. migrate_state plans, {len(plan['files'])} files, {plan['bytes']:,} bytes; then does it:")
        await call("migrate_state", dry_run=False)
        _say(*_names(project))
        feedback = await call("record_feedback")
        found = {name: value for name, value in feedback["inferred"].items() if value not in (None, [], {})}
        _say("2. record_feedback reads the last workflow's state and log, and infers:", *_facts(found))
    _say("3. Three agents log one mistake in four wordings:")
    for session in (1, 2, 3):
        async with _agent(project) as call:
            for wording in (text for number, text in WORDINGS if number == session):
                answer = await call("log_failure", context=wording, feedback=CORRECTION, severity="high")
                _say(f"   session {session}: {wording.splitlines()[-1][:90]}", f"              → {answer['next_step']}")
    async with _agent(project) as call:
        review = await call("review_patterns", all=True)
        _say("4. review_patterns over the whole history:", *(_pattern(one) for one in review["patterns"]))
        rules = await call("suggest_rules")
        first = rules["suggestions"][0]
        _say("5. suggest_rules drafts rules for a person to approve; the most urgent:", *_quoted(first["draft"]))
        _say(f"   priority {first['priority']}, confidence {first['confidence']}, status {first['status']}")
    _say("6. What was written where, plain JSON lines all of it:", *_tree(project / ".orchestrator"))
    one = next(one for one in review["patterns"] if one["kind"] == "failure")
    _say(f"{one['occurrences']} wordings, {one['sessions']} sessions, one pattern: {one['title']}")


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
                raise NotFoundError(f"The demo stopped: {result.content}")
            return result.structured_content

        yield call


def _pattern(one: dict[str, Any]) -> str:
    where = f"{one['occurrences']}x in {one['workflows'] or one['sessions']} "
    where += "workflows" if one["workflows"] else "sessions"
    return f"   {one['priority']:<7}{one['kind'].replace('_', ' ')}: {one['title'][:60]}  ({where})"


def _facts(found: dict[str, Any]) -> list[str]:
    return [f"   {name}: {str(value)[:90]}" for name, value in found.items()]


def _quoted(text: str) -> list[str]:
    return [f"   │ {line}" for line in text.splitlines()]


def _names(folder: Path) -> list[str]:
    return [f"   {name}" for name in sorted(path.name for path in folder.iterdir())]


def _tree(folder: Path) -> list[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    shown = [path for path in files if "cache" not in path.parts and "secrets" not in path.parts]
    return [f"   {path.relative_to(folder.parent)}  {path.stat().st_size:,} B" for path in shown]


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)
