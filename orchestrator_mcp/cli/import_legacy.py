"""`orchestrator import-legacy`: copy what older tools left anywhere, and change nothing there."""

from pathlib import Path

from orchestrator_mcp.records.migration import MigrationResult
from orchestrator_mcp.services.migration import import_legacy

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    one = parser.runs(_import)
    one.add_argument("path", type=Path, help="a project, a folder such as .learnings, or a single file")
    one.add_argument("--dry-run", action="store_true", help="only say what would be copied, with sizes")


def _import(call: Call) -> MigrationResult:
    return import_legacy(call.workspace(), call.args.path, dry_run=call.args.dry_run)
