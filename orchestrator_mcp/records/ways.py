"""How is a next step taken? With a tool where an agent reads of it, with a command where a person does."""

_WAYS = {
    "advance": ("Advance to the next phase", "Advance to the next phase: `orchestrator workflow advance`"),
    "category": ("", '; or add your own: `orchestrator config set categories "Style"`'),
    "drafts": ("suggest_rules drafts a rule", "`orchestrator rules suggest` drafts a rule"),
    "end": ("Finish or abandon it", "End it with `orchestrator workflow finish` or `orchestrator workflow abandon`"),
    "feedback": ("Record its feedback", "Record its feedback with `orchestrator feedback`"),
    "finish": ("Finish the workflow", "Finish the workflow: `orchestrator workflow finish`"),
    "link": ('call log_failure with failure_id="{id}" and same_as={to}', "`orchestrator failure answer {id} {to}`"),
    "migrate": ("Call migrate_state", "Run `orchestrator migrate`"),
    "resume": ("Resume it", "Resume it with `orchestrator workflow resume`"),
    "rule": ("Ask suggest_rules for a rule", "`orchestrator rules suggest` drafts a rule"),
    "start": ("start_workflow starts one", '`orchestrator start "what is to be done"` starts one'),
    "whole": ("all=true", "--all"),
}  # fmt: skip


def way(source: str, step: str, **parts: str) -> str:
    """The words for a step.

    Args:
        source: who reads it: `agent`, or else a person at the command line.
        step: which one.
        parts: the ids that it names.
    """
    for_agents, for_people = _WAYS[step]
    return (for_agents if source == "agent" else for_people).format(**parts)
