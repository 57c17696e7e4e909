"""`orchestrator snapshot`: the store as one file, to keep or to carry elsewhere."""

import argparse
import sys
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.snapshot import OnConflict
from orchestrator_mcp.services.snapshot_import import import_snapshot
from orchestrator_mcp.services.snapshots import export_to_file, export_to_stream

from .command import Arguments, Call
from .passphrase import passphrase
from .progress import told
from .render import notices, text

_STDOUT = "-"


def arguments(parser: Arguments) -> None:
    export = parser.subcommand("export", "pack the store into one file, or into a pipe", _export)
    export.add_argument("file", metavar="FILE", nargs="?", default=_STDOUT, help="the file; left out, or -: a pipe")
    export.add_argument(
        "--include-private", action="store_true", help="also process feedback, agent runs and how they were judged"
    )
    export.add_argument("--encrypt", action="store_true", help="encrypt it with a passphrase (age)")
    _passphrase(export, "; implies --encrypt")
    take = parser.subcommand("import", "take a snapshot in: what is not here is added", _import)
    take.add_argument("file", metavar="FILE", help="what `snapshot export` wrote")
    take.add_argument("--force", action="store_true", help="also if it is another repository's")
    take.add_argument(
        "--on-conflict",
        choices=[one.value for one in OnConflict],
        default=OnConflict.KEEP.value,
        help="what becomes of sessions that are here and differ: keep ours (the default), replace, which puts ours "
        "into the backup, or refuse the whole import",
    )
    take.add_argument("--dry-run", action="store_true", help="only say what would be taken in")
    _passphrase(take, "")


def _passphrase(parser: argparse.ArgumentParser, more: str) -> None:
    said = f"read the passphrase from this file descriptor{more}"
    parser.add_argument("--passphrase-fd", type=int, metavar="N", help=said)


def _export(call: Call) -> object:
    args = call.args
    workspace = call.workspace()
    is_secret = args.encrypt or args.passphrase_fd is not None
    secret = passphrase(args.passphrase_fd, workspace.settings.environ, twice=True) if is_secret else None
    if args.file != _STDOUT:
        with told("Exporting", quiet=args.quiet) as progress:
            return export_to_file(
                workspace,
                Path(args.file),
                include_private=args.include_private,
                passphrase=secret,
                progress=progress,
            )
    if sys.stdout.isatty() or args.json:
        why = "A snapshot is no text for a terminal" if sys.stdout.isatty() else "--json and the snapshot share a pipe"
        raise InvalidInputError(f"{why}. Name a file: orchestrator snapshot export state.tar.gz")
    result = export_to_stream(workspace, sys.stdout.buffer, include_private=args.include_private, passphrase=secret)
    if not args.quiet:
        print(text(result), file=sys.stderr)
    notices(result, quiet=args.quiet)
    return None


def _import(call: Call) -> object:
    args = call.args
    workspace = call.workspace()
    with told("Reading", quiet=args.quiet) as progress:
        return import_snapshot(
            workspace,
            Path(args.file),
            passphrase=lambda: passphrase(args.passphrase_fd, workspace.settings.environ),
            force=args.force,
            on_conflict=OnConflict(args.on_conflict),
            dry_run=args.dry_run,
            progress=progress,
        )
