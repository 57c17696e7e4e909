"""What is here and what a branch holds, as one: sessions of both sides, and of a stream the lines of both."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator_mcp.records.snapshot import SnapshotFile

from .chunks import Measured, read_chunks
from .files import make_folder, write_chunks
from .line_news import unite
from .snapshot_contents import LINES
from .state_branch import Held, StateBranch

_THEIRS = "theirs"


class Union:
    """Files that lie in a folder, to which commits are added one by one.

    Args:
        branch: the branch that the commits are of.
        folder: where the files lie, which may be changed.
        files: what they are.
    """

    def __init__(self, branch: StateBranch, folder: Path, files: Iterable[SnapshotFile]) -> None:
        self._branch = branch
        self._folder = folder
        self._files = {one.path: one for one in files}
        self._kept: dict[str, str] = {}

    @property
    def files(self) -> list[SnapshotFile]:
        """All of them, in order of their paths."""
        return [self._files[path] for path in sorted(self._files)]

    @property
    def kept(self) -> Mapping[str, str]:
        """Those that are only in commits: the git object of each."""
        return self._kept

    @property
    def unpacked(self) -> list[SnapshotFile]:
        """Those that lie in the folder."""
        return [one for one in self.files if one.path not in self._kept]

    def add(self, held: Held) -> None:
        """Add what a commit holds: files that we lack as they are, and the lines that our streams lack."""
        theirs = held.snapshot.files
        for one in theirs:
            if one.path not in self._files:
                self._files[one.path], self._kept[one.path] = one, held.objects[one.path]
        unlike = [one for one in theirs if one.path.endswith(LINES) and self._files[one.path].sha256 != one.sha256]
        for one, chunks in self._branch.contents(unlike, held.objects):
            write_chunks(self._folder.parent / _THEIRS, chunks, durable=False)
            self._unite(one)
            (self._folder.parent / _THEIRS).unlink()

    def _unite(self, theirs: SnapshotFile) -> None:
        path, ours = self._folder / theirs.path, self._files[theirs.path]
        if theirs.path in self._kept:
            make_folder(path.parent)
            for _, chunks in self._branch.contents([ours], {theirs.path: self._kept.pop(theirs.path)}):
                write_chunks(path, chunks, durable=False)
        unite(path, self._folder.parent / _THEIRS)
        passing = Measured(read_chunks(path))
        for _ in passing:
            pass
        mtime = max(theirs.mtime, ours.mtime)
        self._files[theirs.path] = SnapshotFile(path=theirs.path, size=passing.size, sha256=passing.sha256, mtime=mtime)
