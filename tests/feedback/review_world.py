"""Logs and feedback files as many workflows leave them, and what a review says of them."""

import json
import random
from pathlib import Path

from feedback_world import raw
from projects import Project

from orchestrator_mcp.records.feedback_review import FeedbackReview
from orchestrator_mcp.records.pattern import Pattern, PatternKind
from orchestrator_mcp.services.feedback_review import review_feedback

DAY = 24 * 3600


def write(path: Path, lines) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")


def log(project: Project, lines) -> None:
    write(project.root / ".workflow_log.jsonl", lines)


def review(project: Project, **how) -> FeedbackReview:
    return review_feedback(project.person(), **{"all": True, **how})


def only(found: FeedbackReview, kind: PatternKind) -> list[Pattern]:
    return [one for one in (*found.patterns, *found.challenges) if one.kind is kind]


def rate_of(found: FeedbackReview, kind: PatternKind) -> tuple[int, int] | None:
    rates = [one.rate for one in only(found, kind)]
    return (rates[0].k, rates[0].n) if rates and rates[0] else None


def workflow(number: int, *, seconds=None, reviewed=None, skipped=(), parallel=None, ended=True, busy=None):
    """One whole workflow: phases with their seconds, what happened in them, and a note every so many busy seconds."""
    name, at = f"wf_{number:08x}", number * DAY
    lines = [raw("workflow_started", at, workflow=name, message="Started workflow: x")]
    for phase, long in (seconds or {"PLAN": 600, "REVIEW": 300}).items():
        lines.append(raw("phase_started", at, phase=phase, workflow=name))
        if phase == "PLAN":
            lines += [raw("item_skipped", at, one, workflow=name, phase=phase, reason=f"r{number}") for one in skipped]
            if parallel is not None:
                lines.append(raw("note_added", at, workflow=name, phase=phase, parallel_agents_used=parallel))
        if phase == "REVIEW" and reviewed is not None:
            done = "item_completed" if reviewed else "item_skipped"
            lines.append(raw(done, at, "security_review", workflow=name, phase=phase))
        lines += [
            raw("note_added", at + then, workflow=name, phase=phase) for then in range(busy or long, long, busy or 1)
        ]
        at += long
        lines.append(raw("phase_completed", at, phase=phase, workflow=name))
    return [*lines, raw("workflow_completed", at, workflow=name)] if ended else lines


def workflows(count: int, **how):
    return [line for number in range(count) for line in workflow(number, **how)]


def npm_failure(chance: random.Random, name: str, second: float):
    """The real log's failure, in which user, path and time differ every time."""
    user, stamp = (
        chance.choice(["ubuntu", "bob", "amy"]),
        f"2026-01-{chance.randrange(1, 29):02}T02_32_21_{chance.randrange(1000):03}Z",
    )
    path = f"/home/{user}/project-{chance.randrange(99)}/package.json"
    stderr = (
        f"npm error code ENOENT\nnpm error syscall open\nnpm error path {path}\nnpm error errno -2\n"
        f"npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '{path}'\n"
        f"npm error A complete log of this run can be found in: /home/{user}/.npm/_logs/{stamp}-debug-0.log\n"
    )
    return raw(
        "verification_failed", second, chance.choice(["write_tests", "run_tests", "build"]), workflow=name, phase="EXECUTE",
        message="Verification failed: Command failed (exit code 254, expected 0)",
        type="command", command="npm run build", exit_code=254, stdout="", stderr=stderr,
    )  # fmt: skip
