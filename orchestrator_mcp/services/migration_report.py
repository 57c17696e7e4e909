"""A migration's result as a file that a person asked for."""

from pathlib import Path

from orchestrator_mcp.records.migration import MigrationResult
from orchestrator_mcp.storage.documents import check_replaceable, write_document

_OURS = {"action", "files", "left_alone", "next_step"}


def check_report(path: Path) -> None:
    """Whether a report may be written there, asked before anything is moved.

    Raises:
        InvalidInputError: if something else stands there, or its folder is missing.
    """
    check_replaceable(path, _OURS, "a report of a migration")


def write_report(path: Path, result: MigrationResult) -> None:
    """Write the result as JSON, whole; an earlier report is replaced.

    Raises:
        InvalidInputError: as above.
    """
    check_report(path)
    write_document(path, result.model_dump_json(indent=2) + "\n")
