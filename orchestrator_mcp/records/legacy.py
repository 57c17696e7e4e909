"""The table of legacy files: where each was, what it becomes, and how its content shows whose it is."""

from dataclasses import dataclass
from enum import StrEnum


class LegacyKind(StrEnum):
    """What a legacy file holds."""

    STATE = "state"
    LOG = "log"
    CHECKPOINTS = "checkpoints"
    FEEDBACK = "feedback"
    TOOL_FEEDBACK = "tool_feedback"
    PROCESS_FEEDBACK = "process_feedback"


@dataclass(frozen=True)
class LegacyFile:
    """One row. `becomes` is relative to the session. A record of ours has one of `any_of` and all of `all_of`."""

    kind: LegacyKind
    name: str
    becomes: str
    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()


LEGACY_FILES = (
    LegacyFile(
        LegacyKind.STATE, ".workflow_state.json", "state.json",
        frozenset({"phases"}), frozenset({"workflow_id", "id"}),
    ),
    LegacyFile(
        LegacyKind.LOG, ".workflow_log.jsonl", "log.jsonl",
        frozenset({"timestamp"}), frozenset({"event_type", "type"}),
    ),
    LegacyFile(
        LegacyKind.CHECKPOINTS, ".workflow_checkpoints", "checkpoints",
        frozenset({"checkpoint_id"}), frozenset({"workflow_id"}),
    ),
    LegacyFile(
        LegacyKind.FEEDBACK, ".workflow_feedback.jsonl", "feedback/process.jsonl",
        frozenset({"timestamp"}), frozenset({"mode", "task", "multi_agents_used", "parallel_agents_used"}),
    ),
    LegacyFile(
        LegacyKind.TOOL_FEEDBACK, ".workflow_tool_feedback.jsonl", "feedback/tool.jsonl",
        frozenset({"timestamp"}), frozenset({"workflow_id_hash", "orchestrator_version", "repo_type"}),
    ),
    LegacyFile(
        LegacyKind.PROCESS_FEEDBACK, ".workflow_process_feedback.jsonl", "feedback/process.jsonl",
        frozenset({"timestamp"}), frozenset({"workflow_id", "task", "repo"}),
    ),
)  # fmt: skip

FAMILIAR = (
    (".workflow_feedback.jsonl.migrated", "it was already split into the two newer feedback files"),
    (".workflow_migration_in_progress", "a migration of the old tool stopped half-way here; nothing depends on it"),
    (".workflow_*.tmp*", "a crash of the old tool left it"),
    (".workflow_*.bak", "it is a backup that the old tool made"),
    (".workflow_sessions", "it holds transcripts, which are not sessions"),
    (".workflow_approvals.db", "it is not workflow state"),
    (".model_registry.json", "it is not workflow state"),
    (".review_history", "it is not workflow state"),
    (".wfo_logs", "it is not workflow state"),
    (".workflow_*", "this version does not know what it is"),
)
"""Other names that old tools left, and why they stay where they are; the first pattern that fits counts."""

NOTICE = """\
╔════════════════════════════════════════════════════════════╗
║ Orchestrator File Structure Update                         ║
╠════════════════════════════════════════════════════════════╣
║ We're updating how orchestrator organizes its files.       ║
║                                                            ║
║ Old: Multiple .workflow_* files in your repository root    ║
║ New: Everything organized in a single .orchestrator/ folder║
║                                                            ║
║ Benefits:                                                  ║
║ • Cleaner repository root                                  ║
║ • Easier to gitignore (just .orchestrator/)                ║
║ • Better for using across multiple repositories            ║
║                                                            ║
║ Run 'orchestrator migrate' to update now                   ║
╚════════════════════════════════════════════════════════════╝"""
