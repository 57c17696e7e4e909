"""The branch that the state is saved on: an orphan one, written by git's plumbing and read like any snapshot."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orchestrator_mcp.errors import GitError, SnapshotError
from orchestrator_mcp.records.snapshot import MANIFEST, MOST_FILES, TOOL, SnapshotFile

from .files import CHUNK, write_new
from .git import Git
from .snapshot_manifest import LARGEST_MANIFEST, Contents, Snapshot, checked, checked_manifest, says_it_is_ours
from .state_names import check_name, check_remote

_FETCHED = "refs/orchestrator/"
_MODE, _FOLDER = b"100644", b"040000"
_MOST_ROOTS = 100
_MOST_ENTRIES = 4 * MOST_FILES
"""Files and the folders that they lie in."""


class Held(NamedTuple):
    """A commit of the branch: what it holds as a snapshot, and the git object of each file."""

    commit: str
    snapshot: Snapshot
    objects: Mapping[str, str]


class StateBranch:
    """One branch in the project's repository.

    Args:
        git: that repository's.
        name: the branch's name.
        most: bytes that the state may have.

    Raises:
        SnapshotError: if that is no name of a branch, or of something else too.
        GitError: if git is missing, or does not work here.
    """

    def __init__(self, git: Git, name: str, most: int) -> None:
        self._git = git
        self._most = most
        self._git_dir = os.fsdecode(git.run("rev-parse", "--absolute-git-dir").rstrip(b"\r\n"))
        check_name(git, name)
        self.name = name
        self.ref = f"refs/heads/{name}"

    def tip(self) -> str | None:
        """The branch's newest commit; None if there is no such branch yet.

        Raises:
            SnapshotError: if the branch is somebody's own, or checked out anywhere.
        """
        if f"branch {self.ref}" in (self._git.asks("worktree", "list", "--porcelain") or "").splitlines():
            raise SnapshotError(f"{self.name} is checked out, so it is left alone. Check out another branch there.")
        return self._ours(self._at(self.ref))

    def fetch(self, remote: str) -> str | None:
        """The remote's newest commit of the branch, fetched beside the user's own refs; None if it has none.

        Raises:
            RemoteError: if there is no such remote, or it cannot be reached.
            SnapshotError: if the branch is somebody's own.
        """
        check_remote(self._git, remote)
        if not self._git.reach("ls-remote", remote, self.ref):
            return None
        beside = f"{_FETCHED}{remote}/{self.name}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")
        self._git.reach("fetch", *options, remote, f"+{self.ref}:{beside}")
        return self._ours(self._at(beside))

    def push(self, remote: str, commit: str) -> None:
        """Give the remote a commit, if it only adds to what the remote has.

        Raises:
            RemoteError: if the remote does not take it.
        """
        options = ("--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no")
        self._git.reach("push", *options, remote, f"{commit}:{self.ref}")

    def read(self, commit: str) -> Held:
        """What a commit holds.

        Raises:
            SnapshotError: if it is more, or other, than we would have saved.
        """
        objects, sizes = self._listed(commit)
        manifest = self._manifest(objects, sizes)
        if manifest is None:
            raise SnapshotError(
                f"Commit {commit[:12]} of {self.name} has no manifest of ours, so nothing in it is used."
            )
        header, files = checked_manifest(manifest, self._most)
        if {one.path: one.size for one in files} | {MANIFEST: len(manifest)} != sizes:
            raise SnapshotError(
                f"Commit {commit[:12]} of {self.name} does not hold what its manifest says. Use another."
            )
        return Held(commit, Snapshot(header, files, lambda: self.contents(files, objects)), objects)

    def saved_at(self, commit: str) -> datetime | None:
        """When a commit says that it was made; None if it names no moment."""
        said = self._git.run("show", "-s", "--no-show-signature", "--format=%ct", commit)
        try:
            return datetime.fromtimestamp(int(said), UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def leads_to(self, older: str, newer: str) -> bool:
        """Whether a commit is among the other's ancestors, or the same."""
        return self._git.asks("merge-base", "--is-ancestor", older, newer) is not None

    def write(self, folder: Path, new: Sequence[SnapshotFile], kept: Mapping[str, str], manifest: bytes) -> str:
        """Write a tree: files that lie in `folder`, objects that are kept, and the manifest. Returns its id."""
        write_new(folder / MANIFEST, manifest)
        names = [MANIFEST, *(one.path for one in new)]
        here = {"GIT_DIR": self._git_dir, "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(folder.parent / "index")}
        paths = "".join(f"{name}\n" for name in names).encode()
        said = self._git.run(
            "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=paths, extra=here, folder=folder
        )
        ids = said.decode().split()
        objects = {**kept, **dict(zip(names, ids, strict=True))}
        entries = "".join(f"{_MODE.decode()} {objects[name]} 0\t{name}\0" for name in sorted(objects)).encode()
        self._git.run("update-index", "-z", "--index-info", stdin=entries, extra=here)
        return self._git.run("write-tree", extra=here).decode().strip()

    def tree_of(self, commit: str) -> str:
        return self._git.run("rev-parse", f"{commit}^{{tree}}").decode().strip()

    def commit(self, tree: str, parents: Iterable[str], message: str, when: datetime) -> str:
        """Make a commit, of which no branch knows yet."""
        moment = f"{int(when.timestamp())} +0000"
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
               for part, value in (("NAME", TOOL), ("EMAIL", f"{TOOL}@localhost"), ("DATE", moment))}  # fmt: skip
        words = [word for parent in parents for word in ("-p", parent)]
        return self._git.run("commit-tree", tree, *words, stdin=message.encode(), extra=who).decode().strip()

    def move(self, new: str, old: str | None) -> bool:
        """Have the branch point at a commit; False if others made it point elsewhere than at `old`.

        Raises:
            GitError: if git refuses for another reason, such as a lock that a killed git left behind.
        """
        try:
            told = ("--no-deref", "-m", "orchestrator persist save")
            self._git.run("update-ref", *told, self.ref, new, old or "0" * len(new))
        except GitError:
            if self._at(self.ref) == old:
                raise
            return False
        return True

    def _at(self, ref: str) -> str | None:
        """What a ref points at, be it there or not; None if there is no such ref.

        Raises:
            SnapshotError: if it stands for another ref, which whatever is done to it would be done to.
        """
        found = self._git.asks("rev-parse", "--verify", "--quiet", ref)
        with suppress(GitError):  # a broken one stands for no other; git says more when it is to be moved
            if other := self._git.asks("symbolic-ref", "--quiet", ref):
                raise SnapshotError(f"{ref} stands for {other}, so it is left alone. Set state_branch to another name.")
        return found

    def _ours(self, commit: str | None) -> str | None:
        """The commit, if its history began with us: every root holds a manifest of ours."""
        if commit is None:
            return None
        most = f"--max-count={_MOST_ROOTS + 1}"
        roots = self._git.run("rev-list", "--max-parents=0", most, commit).decode().split()
        if len(roots) > _MOST_ROOTS or not all(map(self._is_ours, roots)):
            raise SnapshotError(
                f"The branch {self.name} was not begun by us, so it is left alone. Set state_branch to another name."
            )
        return commit

    def _is_ours(self, root: str) -> bool:
        manifest = self._manifest(*self._listed(root, MANIFEST))
        return manifest is not None and says_it_is_ours(manifest)

    def _manifest(self, objects: Mapping[str, str], sizes: Mapping[str, int]) -> bytes | None:
        """The manifest among a commit's files; None if there is none, or none of a size that we write."""
        if sizes.get(MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
            return None
        return b"".join(chunk for _, chunks in self._blobs([objects[MANIFEST]]) for chunk in chunks)

    def _listed(self, commit: str, *paths: str) -> tuple[dict[str, str], dict[str, int]]:
        """Every file of a commit, or those with these paths: its object and its size."""
        objects, sizes = dict[str, str](), dict[str, int]()
        entries = self._git.listed("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", commit, "--", *paths)
        for number, entry in enumerate(entries, 1):
            if number > _MOST_ENTRIES or len(sizes) > MOST_FILES:
                raise SnapshotError(f"Commit {commit[:12]} of {self.name} holds more files than we save. Use another.")
            facts, _, path = entry.partition(b"\t")
            mode, _, name, size = facts.split()
            if mode == _FOLDER:
                continue
            if mode != _MODE:
                raise SnapshotError(f"Commit {commit[:12]} of {self.name} holds a link or a program; we save neither.")
            if not size.isdigit():
                raise self._unreadable(name.decode())
            text = path.decode("utf-8", "replace")
            objects[text], sizes[text] = name.decode(), int(size)
        return objects, sizes

    def _unreadable(self, name: str) -> SnapshotError:
        return SnapshotError(f"git cannot read object {name[:12]} of {self.name}. Run `git fsck`; it says more.")

    def contents(self, files: Sequence[SnapshotFile], objects: Mapping[str, str]) -> Contents:
        """The content of files, each checked as it passes; `objects`: the git object of each."""
        blobs = self._blobs([objects[one.path] for one in files])
        for file, (_, chunks) in zip(files, blobs, strict=True):
            content = checked(file, chunks)
            yield file, content
            for _ in content:  # what the reader left
                pass

    def _blobs(self, names: Sequence[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The content of objects, one after the other."""
        with self._git.piped("cat-file", "--batch") as (ask, answer):
            for name in names:
                ask.write(f"{name}\n".encode())
                ask.flush()
                words = answer.readline().split()
                if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004
                    raise self._unreadable(name)
                chunks = _exactly(answer, int(words[2]))
                yield name, chunks
                for _ in chunks:
                    pass
                answer.read(1)


def _exactly(answer: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        chunk = answer.read(min(size, CHUNK))
        if not chunk:
            raise SnapshotError("git ended while its answer was read. Nothing was changed; try again.")
        size -= len(chunk)
        yield chunk
