"""What of a store may leave this machine's disk: one list for snapshots, portable stores and the orphan branch."""

from pathlib import PurePosixPath

NEVER = ("secrets", "lock", "cache", "tmp", "migration_backup", "reports", ".erased", "sync.jsonl", "current")
"""Names directly under `.orchestrator/` that stay: secrets, what is derived, and what means only this machine."""

PRIVATE = ("process.jsonl", "agent_invocations.jsonl", "success_metrics.jsonl")
"""File names that hold what a person said or an agent did; they go only where that was asked for."""


def travels(path: str, *, include_private: bool = False) -> bool:
    """Whether a file may travel. `path`: relative to `.orchestrator/`, with forward slashes."""
    parts = PurePosixPath(path).parts
    stays = parts[0] in NEVER or parts[-1] == "lock" or parts[-1].endswith(".quarantine") or ".tmp" in parts[-1]
    return not stays and (include_private or parts[-1] not in PRIVATE)
