"""The branch that the state is saved on: an orphan one, written by git's plumbing and read like any snapshot."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orchestrator_mcp.errors import RemoteError, SnapshotError
from orchestrator_mcp.records.base import ID_PATTERN
from orchestrator_mcp.records.snapshot import MANIFEST, SnapshotFile, SnapshotHeader

from .files import write_new
from .git import Git
from .lines import parse_object
from .snapshot_archive import LARGEST_MANIFEST, LONGEST_LINE, Contents, Snapshot, checked, checked_manifest
from .snapshot_contents import CHUNK

_FETCHED = "refs/orchestrator/"
_MODE = "100644"
_WHO = "orchestrator-mcp"
_MOST_ROOTS = 100
_PLACEHOLDER = "<repo-id>"


class Held(NamedTuple):
    """A commit of the branch: what it holds as a snapshot, and the git object of each file."""

    commit: str
    snapshot: Snapshot
    objects: Mapping[str, str]


def check_remote(git: Git, remote: str) -> None:
    """Raises RemoteError if git knows no remote of this name; an address is none."""
    if remote not in (git.asks("remote") or "").splitlines():
        raise RemoteError(
            f"state_remote is {remote[:80]!r}, and git has no remote of that name; `git remote` lists them."
        )


def branch_name(git: Git, name: str, repo_id: str | None, remote: str | None) -> str:
    """A branch's name, in which `<repo-id>` stands for the store's id; where there is none, for the only one saved.

    Args:
        git: the repository's.
        name: as it was set.
        repo_id: the store's id, if there is a store.
        remote: where to look too.

    Raises:
        SnapshotError: if no saved state fits, or several do.
    """
    before, placeholder, after = name.partition(_PLACEHOLDER)
    if not placeholder or repo_id:
        return name.replace(_PLACEHOLDER, repo_id or "")
    refs = (git.asks("for-each-ref", "--format=%(refname)", "refs/heads/") or "").split()
    if remote:
        check_remote(git, remote)
        refs += git.reach("ls-remote", "--heads", remote).decode("utf-8", "replace").split()[1::2]
    shape = re.compile(f"refs/heads/({re.escape(before)}{ID_PATTERN.strip('^$')}{re.escape(after)})")
    found = sorted({match[1] for match in map(shape.fullmatch, refs) if match})
    if len(found) != 1:
        raise SnapshotError(
            f"state_branch is {name}, there is no store whose id could stand for {_PLACEHOLDER}, and "
            f"{len(found)} saved states have such a name. Set the whole name of the branch."
        )
    return found[0]


class StateBranch:
    """One branch in the project's repository.

    Args:
        git: that repository's.
        name: the branch's name.
        most: bytes that the state may have.

    Raises:
        SnapshotError: if that is no name of a branch, or git does not work here.
    """

    def __init__(self, git: Git, name: str, most: int) -> None:
        self._git = git
        self._most = most
        git_dir = git.asks("rev-parse", "--absolute-git-dir")
        if git_dir is None:
            raise SnapshotError("git does not work in this project. Run `git status`; it says why.")
        self._git_dir = git_dir
        if name.startswith("-") or git.asks("check-ref-format", f"refs/heads/{name}") is None:
            raise SnapshotError(f"state_branch is {name[:80]!r}, which is no name of a branch. Set another.")
        self.name = name
        self.ref = f"refs/heads/{name}"

    def tip(self) -> str | None:
        """The branch's newest commit; None if there is no such branch yet.

        Raises:
            SnapshotError: if the branch is somebody's own, or checked out anywhere.
        """
        if f"branch {self.ref}" in (self._git.asks("worktree", "list", "--porcelain") or "").splitlines():
            raise SnapshotError(f"{self.name} is checked out, so it is left alone. Check out another branch there.")
        return self._ours(self._git.asks("rev-parse", "--verify", "--quiet", f"{self.ref}^{{commit}}"))

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
        return self._ours(self._git.asks("rev-parse", "--verify", "--quiet", f"{beside}^{{commit}}"))

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
        if sizes.get(MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
            raise SnapshotError(
                f"Commit {commit[:12]} of {self.name} has no manifest of ours, so nothing in it is used."
            )
        manifest = b"".join(chunks for _, one in self._blobs([objects[MANIFEST]]) for chunks in one)
        header, files = checked_manifest(manifest, self._most)
        if {one.path: one.size for one in files} | {MANIFEST: len(manifest)} != sizes:
            raise SnapshotError(
                f"Commit {commit[:12]} of {self.name} does not hold what its manifest says. Use another."
            )
        return Held(commit, Snapshot(header, files, lambda: self.contents(files, objects)), objects)

    def saved_at(self, commit: str) -> datetime:
        return datetime.fromisoformat(self._git.run("show", "-s", "--format=%cI", commit).decode().strip())

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
        entries = "".join(f"{_MODE} {objects[name]} 0\t{name}\0" for name in sorted(objects)).encode()
        self._git.run("update-index", "-z", "--index-info", stdin=entries, extra=here)
        return self._git.run("write-tree", extra=here).decode().strip()

    def tree_of(self, commit: str) -> str:
        return self._git.run("rev-parse", f"{commit}^{{tree}}").decode().strip()

    def commit(self, tree: str, parents: Iterable[str], message: str, when: datetime) -> str:
        """Make a commit, of which no branch knows yet."""
        moment = f"{int(when.timestamp())} +0000"
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
               for part, value in (("NAME", _WHO), ("EMAIL", f"{_WHO}@localhost"), ("DATE", moment))}  # fmt: skip
        words = [word for parent in parents for word in ("-p", parent)]
        return self._git.run("commit-tree", tree, *words, stdin=message.encode(), extra=who).decode().strip()

    def move(self, new: str, old: str | None) -> bool:
        """Have the branch point at a commit; False if it does not point at `old` any more."""
        expected = old or "0" * len(new)
        return self._git.asks("update-ref", "-m", "orchestrator persist save", self.ref, new, expected) is not None

    def _ours(self, commit: str | None) -> str | None:
        """The commit, if its history began with us: every root holds a manifest of ours."""
        if commit is None:
            return None
        roots = self._git.run("rev-list", "--max-parents=0", commit).decode().split()
        if len(roots) > _MOST_ROOTS or not all(map(self._is_ours, roots)):
            raise SnapshotError(
                f"The branch {self.name} was not begun by us, so it is left alone. Set state_branch to another name."
            )
        return commit

    def _is_ours(self, root: str) -> bool:
        objects, sizes = self._listed(root)
        if sizes.get(MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
            return False
        data = b"".join(chunk for _, chunks in self._blobs([objects[MANIFEST]]) for chunk in chunks)
        value = parse_object(data.split(b"\n", 1)[0][:LONGEST_LINE]) or {}
        return bool(value.get("tool") == SnapshotHeader.model_fields["tool"].default)

    def _listed(self, commit: str) -> tuple[dict[str, str], dict[str, int]]:
        """Every file of a commit: its object and its size."""
        objects, sizes = {}, {}
        for entry in self._git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0")[:-1]:
            facts, _, path = entry.partition(b"\t")
            mode, _, name, size = facts.split()
            if mode.decode() != _MODE:
                raise SnapshotError(f"Commit {commit[:12]} of {self.name} holds a link or a program; we save neither.")
            text = path.decode("utf-8", "replace")
            objects[text], sizes[text] = name.decode(), int(size)
        return objects, sizes

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
                    raise SnapshotError(
                        f"git cannot read object {name[:12]} of {self.name}. Run `git fsck`; it says more."
                    )
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
