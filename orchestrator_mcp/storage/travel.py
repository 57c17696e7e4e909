"""What of a store may leave this machine's disk: one list for snapshots, portable stores and the orphan branch."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

NEVER = (
    "secrets", "lock", "cache", "tmp", "migration_backup", "reports", ".erased", "sync.jsonl", "current", "rotated",
    "upgrade",
)  # fmt: skip
"""Names directly under `.orchestrator/` that stay: secrets, what is derived, and what means only this machine."""

PASSING = ("lock", "*.quarantine", "*.tmp*")
"""Names of files that stay wherever they lie: locks, torn lines, and what is just being written."""

PRIVATE = ("process.jsonl", "agent_invocations.jsonl", "success_metrics.jsonl")
"""File names that hold what a person said or an agent did; they go only where that was asked for."""


def travels(path: str, *, include_private: bool = False) -> bool:
    """Whether a file may travel. `path`: relative to `.orchestrator/`, with forward slashes."""
    parts = PurePosixPath(path).parts
    staying = PASSING if include_private else PASSING + PRIVATE
    return parts[0] not in NEVER and not any(fnmatchcase(parts[-1], one) for one in staying)


def patterns(*, include_private: bool) -> list[str]:
    """The same as lines of a `.gitignore` in `.orchestrator/`."""
    return [f"/{name}" for name in NEVER] + list(PASSING if include_private else PASSING + PRIVATE)
