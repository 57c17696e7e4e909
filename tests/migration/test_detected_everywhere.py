"""Every tool's result says that legacy files wait, and what is read meanwhile comes from them too."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from migration_world import EVENT, lines, make_legacy, outside
from whole_world import put

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from test_every_tool import CALLS, RUN, in_process

from orchestrator_mcp.services.patterns import review_patterns
from orchestrator_mcp.services.workspace import open_workspace

pytestmark = pytest.mark.torn  # legacy files are as torn as they were


def test_every_result_says_that_legacy_files_wait(tmp_path: Path) -> None:
    make_legacy(tmp_path)
    found: dict[str, Any] = {}

    async def call_all() -> None:
        async with in_process(tmp_path, "legacy") as client:
            run = ""
            for name, arguments in CALLS.items():
                given = {key: run if value == RUN else value for key, value in arguments.items()}
                result = await client.call_tool(name, given)
                content = result.structured_content or {}
                run = content.get("invocation_id", run)
                found[name] = content.get("legacy_detected")

    anyio.run(call_all)
    assert [name for name, said in found.items() if said is not True] == []


def test_a_review_reads_what_waits_and_writes_nothing(tmp_path: Path) -> None:
    failed = EVENT | {"event_type": "verification_failed", "details": {"stderr": "npm ERR! code ENOENT"}}
    put(tmp_path, ".workflow_log.jsonl", lines(failed))
    put(tmp_path, ".orchestrator/log.jsonl", lines(failed | {"workflow_id": "wf_2"}))
    before = outside(tmp_path)
    review = review_patterns(open_workspace({}, tmp_path), all=True)
    assert [(one.kind, one.workflows) for one in review.patterns] == [("workflow_error", 2)]
    assert review.legacy_detected
    assert outside(tmp_path) == before
    assert [path.name for path in (tmp_path / ".orchestrator").iterdir()] == ["log.jsonl"]
