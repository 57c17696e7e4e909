"""Snapshots: the store packed up as one file."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from orchestrator_mcp import __version__
from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.snapshot import MOST_FILES, LeftOut, SnapshotExported, SnapshotFile, SnapshotHeader
from orchestrator_mcp.storage.age import encrypted
from orchestrator_mcp.storage.arrival import staging
from orchestrator_mcp.storage.chunks import Measured
from orchestrator_mcp.storage.files import make_folder, replace_by_chunks
from orchestrator_mcp.storage.snapshot_archive import Progress, packed, silent, target_of
from orchestrator_mcp.storage.snapshot_contents import Content, as_it_is, captured, find
from orchestrator_mcp.storage.snapshot_difference import sessions_in
from orchestrator_mcp.storage.workspace import Workspace

NAME = "snapshot.tar.gz"

Sink = Callable[[Iterable[bytes]], None]


def export_snapshot(workspace: Workspace) -> SnapshotExported:
    """Pack this project's records into one file in the store, for a person to keep or to carry elsewhere.

    The file replaces the one before. Private records (process feedback, agent runs) and keys stay out.

    Raises:
        SnapshotError: if there is no store.
    """
    path = workspace.paths.reports_dir() / NAME

    def write(chunks: Iterable[bytes]) -> None:
        make_folder(path.parent)
        replace_by_chunks(path, chunks)

    return _export(workspace, write, path)


def export_to_file(
    workspace: Workspace,
    path: Path,
    *,
    include_private: bool = False,
    passphrase: str | None = None,
    progress: Progress = silent,
) -> SnapshotExported:
    """Pack the store into a file, which is replaced if it is there.

    Args:
        workspace: the project.
        path: the file.
        include_private: also process feedback, agent runs and how they were judged.
        passphrase: encrypt it with this.
        progress: told how far it has come.

    Raises:
        SnapshotError: if there is no store, no file can be there, or it cannot be encrypted.
    """
    target = target_of(path)

    def write(chunks: Iterable[bytes]) -> None:
        replace_by_chunks(target, chunks)

    return _export(workspace, write, path, include_private=include_private, passphrase=passphrase, progress=progress)


def export_to_stream(
    workspace: Workspace,
    stream: BinaryIO,
    *,
    include_private: bool = False,
    passphrase: str | None = None,
    progress: Progress = silent,
) -> SnapshotExported:
    """The same into a stream, such as the standard output; see `export_to_file`."""

    def write(chunks: Iterable[bytes]) -> None:
        try:
            stream.writelines(chunks)
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SnapshotError(f"The snapshot could not be written: {error.strerror}. Name a file instead.") from error

    return _export(workspace, write, None, include_private=include_private, passphrase=passphrase, progress=progress)


def require_store(workspace: Workspace) -> None:
    """Raises SnapshotError where there is no store."""
    if workspace.meta is None:
        raise SnapshotError("There is no store here yet, so there is nothing to pack up. The first write makes one.")


def pack(
    workspace: Workspace,
    stage: Path,
    content: Content = as_it_is,
    *,
    include_private: bool = False,
    only: Callable[[str], bool] = lambda _path: True,
) -> tuple[list[SnapshotFile], list[LeftOut]]:
    """Copy what travels into a folder; says what it is, and what stays."""

    def names() -> list[str]:
        return [path for path in find(workspace.paths, include_private=include_private).paths if only(path)]

    files = captured(workspace.paths, names, stage, content)
    return files, find(workspace.paths, include_private=include_private).left_out


def header_of(workspace: Workspace, files: list[SnapshotFile], *, include_private: bool = False) -> SnapshotHeader:
    """What a snapshot of these files says of itself.

    Raises:
        SnapshotError: if they are more than an import takes in.
    """
    if len(files) > MOST_FILES:
        raise SnapshotError(
            f"The store has {len(files):,} files, and a snapshot holds at most {MOST_FILES:,}. "
            "Clean up sessions that nobody needs, or copy the folder."
        )
    meta = workspace.store()
    return SnapshotHeader(
        version=__version__,
        repo_id=meta.repo_id,
        git_remote=meta.git_remote,
        exported_at=max((datetime.fromtimestamp(one.mtime, UTC) for one in files), default=meta.created_at),
        include_private=include_private,
        files=len(files),
        bytes=sum(one.size for one in files),
    )


def _export(
    workspace: Workspace,
    write: Sink,
    path: Path | None,
    *,
    include_private: bool = False,
    passphrase: str | None = None,
    progress: Progress = silent,
) -> SnapshotExported:
    require_store(workspace)
    workspace.store()  # what was cut short is finished first
    with staging(workspace.paths.tmp_dir()) as stage:
        files, left_out = pack(workspace, stage, include_private=include_private)
        header = header_of(workspace, files, include_private=include_private)
        chunks: Iterator[bytes] = packed(header, files, stage / "files", progress)
        if passphrase is not None:
            chunks = iter((encrypted(b"".join(chunks), passphrase),))
        passing = Measured(chunks)
        write(passing)
    return SnapshotExported(
        path=str(path) if path else None,
        bytes=passing.size,
        sha256=passing.sha256,
        files=len(files),
        sessions=sessions_in(files),
        left_out=left_out,
        encrypted=passphrase is not None,
        legacy_detected=workspace.legacy.detected(),
    )
