"""An agent that works through this folder's workflow, as any agent would: only through MCP, over stdio.

Run it in a copy of this folder: `python play.py`. It prints what it calls and what it is answered.
"""

import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

HERE = Path(__file__).parent
SERVER = StdioServerParameters(command=sys.executable, args=["-m", "orchestrator_mcp", "--root", str(HERE)])


async def main() -> None:
    """Play it."""
    async with Client(SERVER) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            answer = result.structured_content
            if result.is_error or answer is None:
                raise SystemExit(f"{tool} answered: {result.content}")
            print(f"{tool:<16}{' '.join(map(str, arguments.values()))[:60]}")
            print(f"{'':<16}→ {answer.get('next_step') or answer.get('item_completed') or answer['warnings']}")
            return answer

        async def update(action: str, **said: Any) -> dict[str, Any]:
            return await call("update_workflow", action=action, **said)

        await call("start_workflow", task="Add a login page")
        await update("complete", item="parallel_execution_check", text="Two pages, one agent each")
        await update("event", event="parallel_agents")
        await update("complete", item="initial_plan", text="Two pages and a form")
        await update("skip", item="check_roadmap", text="There is none")
        await update("advance")
        await update("complete", item="write_tests")
        await update("event", event="command", command="pytest", exit_code=1, text="E   ImportError: no module 'forms'")
        await update("event", event="command", command="pytest", exit_code=0)
        await update("complete", item="implement_code")
        await update("advance")
        await update("event", event="review_completed", item="security", text="Nothing found")
        await update("complete", item="security_review")
        await update("advance")

        prompt = await client.get_prompt("self_review", {"task": "Add a login page"})
        print("\nself_review:", prompt.messages[0].content.text, "", sep="\n")  # type: ignore[union-attr]

        await update("complete", item="document_learnings", text="Small steps worked well. The mocks were tricky.")
        await call("record_feedback", multi_agents="yes", improvements="Share the form's fixtures")
        await update("finish", text="Shipped")


if __name__ == "__main__":
    anyio.run(main)
