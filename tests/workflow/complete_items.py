"""One of several processes that update the same workflow: completes its share of the items, telling each answer.

Usage: complete_items.py ROOT SESSION GATE ITEM…
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from projects import Project

from orchestrator_mcp.services.workflows import update_workflow


def main() -> None:
    root, session, gate, *items = sys.argv[1:]
    agent = Project(Path(root)).agent(session=session)
    print("ready", flush=True)
    while not Path(gate).exists():
        time.sleep(0.0005)
    for item in items:
        view = update_workflow(agent, action="complete", item=item, text=f"by {gate}", request_id=f"r-{item}")
        print(view.revision, flush=True)


if __name__ == "__main__":
    main()
