"""The table of legacy files: where each was, what it becomes, and how its content shows whose it is."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from .config import Config


class LegacyKind(StrEnum):
    """What a legacy file holds."""

    STATE = "state"
    LOG = "log"
    CHECKPOINTS = "checkpoints"
    FEEDBACK = "feedback"
    TOOL_FEEDBACK = "tool_feedback"
    PROCESS_FEEDBACK = "process_feedback"
    FEEDBACK_FOLDER = "feedback_folder"
    SESSION = "session"
    FAILURES = "failures"
    INVOCATIONS = "invocations"
    METRICS = "metrics"
    LEARNINGS = "learnings"
    PRD = "prd"
    CONFIG = "config"


FOLDERS = frozenset({LegacyKind.CHECKPOINTS, LegacyKind.FEEDBACK_FOLDER, LegacyKind.SESSION})
"""Kinds that are folders; all else is a file."""

REWRITTEN = frozenset(
    {LegacyKind.FEEDBACK, LegacyKind.TOOL_FEEDBACK, LegacyKind.PROCESS_FEEDBACK, LegacyKind.FAILURES}
    | {LegacyKind.INVOCATIONS, LegacyKind.METRICS, LegacyKind.LEARNINGS}
)
"""Read and written anew, as our own records; all else is copied byte for byte."""

OF_THE_STORE = frozenset({LegacyKind.CONFIG, LegacyKind.PRD})
"""They belong to no session: `becomes` is relative to the store."""


@dataclass(frozen=True)
class LegacyFile:
    """One row. A record of ours has one of `any_of` and all of `all_of`.

    `name` is relative to the work tree; a part of it may be a pattern. `becomes` is relative to the session.
    """

    kind: LegacyKind
    name: str
    becomes: str = ""
    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()

    @property
    def is_pattern(self) -> bool:
        return "*" in self.name or "[" in self.name

    @property
    def is_certain(self) -> bool:
        """Whether only the old tool uses this name: a strange thing there is better looked at than passed by."""
        return self.name.startswith(".workflow_")

    @property
    def beneath(self) -> str:
        """The folder of the work tree that it lies in; empty for the root itself."""
        return self.name.rpartition("/")[0]

    def fits(self, fields: Collection[str]) -> bool:
        """Whether something with these fields at its top may be a record of this file."""
        return self.all_of.issubset(fields) and not self.any_of.isdisjoint(fields)


_SIGNS: dict[LegacyKind, tuple[set[str], set[str]]] = {
    LegacyKind.STATE: ({"phases"}, {"workflow_id", "id"}),
    LegacyKind.LOG: ({"timestamp"}, {"event_type", "type"}),
    LegacyKind.CHECKPOINTS: ({"checkpoint_id"}, {"workflow_id"}),
    LegacyKind.FEEDBACK: ({"timestamp"}, {"mode", "task", "multi_agents_used", "parallel_agents_used"}),
    LegacyKind.TOOL_FEEDBACK: ({"timestamp"}, {"workflow_id_hash", "orchestrator_version", "repo_type"}),
    LegacyKind.PROCESS_FEEDBACK: ({"timestamp"}, {"workflow_id", "task", "repo"}),
    LegacyKind.FAILURES: ({"timestamp", "type", "context", "feedback"}, {"category", "severity"}),
    LegacyKind.INVOCATIONS: ({"timestamp", "agent_name", "task_description"}, {"invocation_id"}),
    LegacyKind.METRICS: ({"timestamp", "invocation_id"}, {"success", "outcome", "quality_score"}),
    LegacyKind.PRD: ({"prd_id", "prd_title", "tasks"}, {"prd_file", "completed_tasks", "checkpoint_interval"}),
    LegacyKind.SESSION: ({"session_id", "created_at"}, {"repo_root"}),
}


def _row(kind: LegacyKind, name: str, becomes: str = "") -> LegacyFile:
    all_of, any_of = _SIGNS.get(kind, (set(), set()))
    return LegacyFile(kind, name, becomes, frozenset(all_of), frozenset(any_of))


_HEX = "[0-9a-f]" * 8

CONTAINED = ".orchestrator"
"""Where the older orchestrator's later releases kept their files: in a folder of the name that ours has."""

SETTINGS = frozenset(
    {"test_command", "build_command", "lint_command", "smoke_test_command", "docs_dir", "tests_dir", "default_executor"}
    | {"review_model", "reviews", "roadmap_file", "changelog_file", "supervision_mode"}
)
"""What a workflow definition of old could set; in our config each is one of `variables`."""

LEGACY_FILES = (
    _row(LegacyKind.STATE, ".workflow_state.json", "state.json"),
    _row(LegacyKind.LOG, ".workflow_log.jsonl", "log.jsonl"),
    _row(LegacyKind.CHECKPOINTS, ".workflow_checkpoints", "checkpoints"),
    _row(LegacyKind.FEEDBACK, ".workflow_feedback.jsonl", "feedback/process.jsonl"),
    _row(LegacyKind.TOOL_FEEDBACK, ".workflow_tool_feedback.jsonl", "feedback/tool.jsonl"),
    _row(LegacyKind.PROCESS_FEEDBACK, ".workflow_process_feedback.jsonl", "feedback/process.jsonl"),
    _row(LegacyKind.FAILURES, "logs/feedback.jsonl", "failures.jsonl"),
    _row(LegacyKind.FAILURES, "skills/*/logs/feedback.jsonl", "failures.jsonl"),
    _row(LegacyKind.FAILURES, "failure_loop/logs/feedback.jsonl", "failures.jsonl"),
    _row(LegacyKind.INVOCATIONS, "telemetry/agent_invocations.jsonl", "agent_invocations.jsonl"),
    _row(LegacyKind.METRICS, "telemetry/success_metrics.jsonl", "success_metrics.jsonl"),
    _row(LegacyKind.STATE, f"{CONTAINED}/state.json", "state.json"),
    _row(LegacyKind.LOG, f"{CONTAINED}/log.jsonl", "log.jsonl"),
    _row(LegacyKind.CHECKPOINTS, f"{CONTAINED}/checkpoints", "checkpoints"),
    _row(LegacyKind.FEEDBACK_FOLDER, f"{CONTAINED}/feedback", "feedback"),
    _row(LegacyKind.SESSION, f"{CONTAINED}/sessions/{_HEX}"),
    _row(LegacyKind.PRD, ".claude/prd_state.json", "prd/prd_state.json"),
    _row(LegacyKind.CONFIG, ".orchestrator.yaml", "config.yaml"),
    _row(LegacyKind.CONFIG, ".orchestra.yaml", "config.yaml"),
)
"""What `migrate` moves. Of two that set the same, the earlier row wins."""

CONFIG_KEYS = SETTINGS | Config.model_fields.keys()
"""A settings file without one of these at its top is another tool's."""

_ONLY_IMPORTED = (
    _row(LegacyKind.LEARNINGS, ".learnings/ERRORS.md", "failures.jsonl"),
    _row(LegacyKind.LEARNINGS, ".learnings/LEARNINGS.md", "feedback/process.jsonl"),
    _row(LegacyKind.LEARNINGS, ".learnings/FEATURE_REQUESTS.md", "feedback/process.jsonl"),
)
_IN_FOLDERS_OF_ANY_NAME = {LegacyKind.FAILURES, LegacyKind.INVOCATIONS, LegacyKind.METRICS, LegacyKind.LEARNINGS}

IMPORTED_FILES = (
    *LEGACY_FILES,
    *_ONLY_IMPORTED,
    *{
        row.name: row
        for row in (replace(row, name=row.name.rpartition("/")[2]) for row in (*LEGACY_FILES, *_ONLY_IMPORTED))
        if row.kind in _IN_FOLDERS_OF_ANY_NAME
    }.values(),
)
"""What `import-legacy` copies: a live tool's notes too, and what lies in a folder that was named itself."""

TELEMETRY_FILES = tuple(
    replace(row, name=row.name.rpartition("/")[2]) for row in LEGACY_FILES if row.beneath == "telemetry"
)
"""What `$OAK_TELEMETRY_DIR` may hold."""

FAMILIAR = (
    (".workflow_feedback.jsonl.migrated", "it was already split into the two newer feedback files"),
    (".workflow_migration_in_progress", "a migration of the old tool stopped half-way here; nothing depends on it"),
    (".workflow_*.tmp*", "a crash of the old tool left it"),
    (".workflow_state.tmp", "a crash of the old tool left it"),
    (".workflow_*.bak", "it is a backup that the old tool made"),
    (".workflow_sessions", "it holds transcripts, which are not sessions"),
    (".workflow_telemetry.jsonl", "no release of the old tool wrote it, so its format is not known"),
    (".workflow_state_*.json", "no release of the old tool wrote it, so its format is not known"),
    (".deferred_recommendations.jsonl", "no release of the old tool wrote it, so its format is not known"),
    (".workflow_approvals.db", "it is not workflow state"),
    (".model_registry.json", "it is not workflow state"),
    (".review_history", "it is not workflow state"),
    (".wfo_logs", "it is not workflow state"),
    (".secrets.enc", "it holds secrets, which a migration never reads"),
    ("secrets.enc.yaml", "it holds secrets, which a migration never reads"),
    (".sops.yaml", "it holds secrets, which a migration never reads"),
    (".manus/secrets.enc*", "it holds secrets, which a migration never reads"),
    (".workflow-orchestrator/keys", "it holds secrets, which a migration never reads"),
    (".workflow_*", "this version does not know what it is"),
    (".claude/squad_sessions.json*", "it belongs to agents that may be running"),
    (".claude/job_queue", "it belongs to agents that may be running"),
    (".orchestrator/sessions/*.jsonl", "it is a transcript, which is not a session"),
    (".orchestrator/audit.jsonl", "it is the old tool's own audit log"),
    (".orchestrator/migration.log", "it is the old tool's own log"),
    (".orchestrator/v[34]", "it belongs to another program of the old tool"),
    (".orchestrator/worktrees", "it belongs to another program of the old tool"),
    (".orchestrator/locks", "it belongs to another program of the old tool"),
    (".orchestrator/agent_workflow.yaml", "it belongs to another program of the old tool"),
    (".orchestrator/server.*", "it belongs to another program of the old tool"),
    ("telemetry/performance_stats.json", "it is derived from the telemetry, and can be made again"),
)
"""Other names that old tools left, and why they stay where they are; the first pattern that fits counts."""
