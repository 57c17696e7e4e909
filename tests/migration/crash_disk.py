"""A disk in memory that remembers every change a run makes, and gives back every state a crash could leave.

`History.after(n)` is what a killed process leaves after n
of them; `History.power_losses(n)` are states that a power loss may leave: what was not synced is there or is not, file
data by its own fsync, names by their folder's; only the names of one file keep their order.
"""

import hashlib
import os
import random
import re
import stat
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

Tree = dict[str, tuple[str, int, int | None, bytes]]
"""Path → (kind, mode, mtime_ns or None where the run's clock set it, content)."""


@dataclass
class Node:
    kind: str
    mode: int
    mtime: int | None
    data: bytes = b""
    names: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One change. `nodes` are the nodes it changes; `naming` is the node whose name it changes."""

    what: str
    folder: int = -1
    name: str = ""
    node: int = -1
    to_folder: int = -1
    to_name: str = ""
    offset: int = 0
    data: bytes = b""
    mode: int | None = None
    mtime: int | None = None


class Disk:
    """Nodes by number; number 0 is the root."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        self.nodes = nodes

    def copy(self) -> "Disk":
        return Disk({n: Node(d.kind, d.mode, d.mtime, d.data, dict(d.names)) for n, d in self.nodes.items()})

    def find(self, path: str) -> int | None:
        node: int | None = 0
        for part in path.split("/") if path != "." else ():
            node = self.nodes[node].names.get(part) if node is not None else None
        return node

    def apply(self, change: Change) -> None:
        node = self.nodes[change.node]
        match change.what:
            case "link":
                self._name(change.folder)[change.name] = change.node
            case "unlink":
                self._name(change.folder).pop(change.name, None)
            case "rename":
                self._name(change.folder).pop(change.name, None)
                self._name(change.to_folder)[change.to_name] = change.node
            case "write":
                data = node.data.ljust(change.offset, b"\0")
                node.data = data[: change.offset] + change.data + data[change.offset + len(change.data) :]
                node.mtime = None
            case "truncate":
                node.data = node.data[: change.offset].ljust(change.offset, b"\0")
                node.mtime = None
            case "meta":
                node.mode = node.mode if change.mode is None else change.mode
                node.mtime = node.mtime if change.mtime is None else change.mtime

    def _name(self, folder: int) -> dict[str, int]:
        self.nodes[folder].mtime = None
        return self.nodes[folder].names

    def tree(self) -> Tree:
        found: Tree = {}

        def walk(number: int, prefix: str) -> None:
            for name, child in sorted(self.nodes[number].names.items()):
                node = self.nodes[child]
                found[prefix + name] = (node.kind, node.mode, node.mtime, node.data)
                if node.kind == "folder":
                    walk(child, f"{prefix}{name}/")

        walk(0, "")
        return found


def read_tree(root: Path, *, times: bool = True) -> Tree:
    """The real thing, in the same shape."""
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder) / name
            info = path.lstat()
            kind = "folder" if stat.S_ISDIR(info.st_mode) else "file"
            data = path.read_bytes() if kind == "file" else b""
            mtime = info.st_mtime_ns if times else None
            found[path.relative_to(root).as_posix()] = (kind, stat.S_IMODE(info.st_mode), mtime, data)
    return found


def build_tree(root: Path, tree: Tree) -> None:
    """Make a real tree; parents come before children in `tree`'s order."""
    root.mkdir(parents=True)
    for name, (kind, mode, mtime, data) in sorted(tree.items()):
        path = str(root / name)
        if kind == "folder":
            Path(path).mkdir()
        else:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(fd, data)
            os.fchmod(fd, mode)
            os.close(fd)
            if mtime is not None:
                os.utime(path, ns=(mtime, mtime))
    for name, (kind, mode, mtime, _) in sorted(tree.items(), reverse=True):
        if kind == "folder":
            os.chmod(root / name, mode)
            if mtime is not None:
                os.utime(root / name, ns=(mtime, mtime))


_RANDOM = re.compile(r"(?<=\.)[0-9a-f]{16}(?=\.tmp)|\b[0-7][0-9a-hjkmnp-tv-z]{25}\b")


def fingerprint(tree: Tree) -> str:
    """Equal for trees that differ in nothing but random names and the run's own clock."""
    seen: dict[str, str] = {}
    digest = hashlib.sha256()
    for name, (kind, mode, _, data) in sorted(tree.items()):
        label = _RANDOM.sub(lambda match: seen.setdefault(match.group(), f"<{len(seen)}>"), name)
        digest.update(f"{label}|{kind}|{mode}|{len(data)}|".encode() + hashlib.sha256(data).digest())
    return digest.hexdigest()


class History:
    """Where a run began, and every change it made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.start = Disk({0: Node("folder", 0o700, None)})
        self.now = self.start
        for name, (kind, mode, mtime, data) in sorted(read_tree(root).items()):
            parent, _, base = name.rpartition("/")
            number = self._new(Node(kind, mode, mtime, data))
            folder = self.start.find(parent or ".")
            assert folder is not None
            self.start.nodes[folder].names[base] = number
        self.now = self.start.copy()
        self.changes: list[Change] = []
        self.syncs: list[tuple[int, int]] = []  # (after how many changes, node)
        self._durable: list[int] = []
        self._durable_of = (-1, -1)
        self._names_of: dict[int, list[int]] = {}

    def resumed(self, root: Path, count: int) -> "History":
        """A second run in `root`, which is what a kill left after `count` changes: nothing more is synced by that."""
        then = copy(self)
        then.root, then.start = root, self.start.copy()
        then.changes = self.changes[:count]
        then.syncs = [(at, node) for at, node in self.syncs if at < count]
        then.now = then.start.copy()
        for change in then.changes:
            then.now.apply(change)
        return then

    def _new(self, node: Node) -> int:
        number = len(self.now.nodes)
        self.now.nodes[number] = node
        return number

    def add(self, change: Change) -> None:
        self.changes.append(change)
        self.now.apply(change)

    def create(self, folder: int, name: str, kind: str, mode: int) -> int:
        number = self._new(Node(kind, mode, None))
        self.start.nodes[number] = Node(kind, mode, None)  # there, but without a name
        self.add(Change("link", folder=folder, name=name, node=number))
        return number

    def after(self, count: int, dropped: frozenset[int] = frozenset()) -> Tree:
        disk = self.start.copy()
        for number, change in enumerate(self.changes[:count]):
            if number not in dropped:
                disk.apply(change)
        return disk.tree()

    def power_losses(self, count: int, rng: random.Random, samples: int, *, over: bool = False) -> Iterator[Tree]:
        """States after `count` changes, and the syncs before the last of them; `over`: after every sync."""
        pending = self.pending(count, over=over)
        choices = [set(pending)] + [{one} for one in pending[:samples]]
        choices += [set(pending) - {one} for one in pending[:samples]]
        choices += [
            {one for one in pending if rng.random() < share} for share in (0.2, 0.5, 0.8) for _ in range(samples)
        ]
        for choice in choices:
            yield self.after(count, frozenset(self._closed(choice, count)))

    def pending(self, count: int, *, over: bool = False) -> list[int]:
        """The changes, of the first `count`, that a power loss may take back."""
        last = count if over else count - 1
        return [number for number, at in enumerate(self._durable_at()[:count]) if at > last]

    def _durable_at(self) -> list[int]:
        """For every change, after how many changes it was synced; a name's change, when a later one of it was."""
        if self._durable_of == (len(self.changes), len(self.syncs)):
            return self._durable
        never = len(self.changes) + 1
        by_node: dict[int, list[int]] = {}
        for at, node in self.syncs:
            by_node.setdefault(node, []).append(at)
        self._durable = [
            min((at for at in by_node.get(_synced_by(change), ()) if at > number), default=never)
            for number, change in enumerate(self.changes)
        ]
        self._names_of = {}
        for number in range(len(self.changes) - 1, -1, -1):
            change = self.changes[number]
            if change.what in NAMING:
                later = self._names_of.setdefault(change.node, [])
                if later:
                    self._durable[number] = min(self._durable[number], self._durable[later[-1]])
                later.append(number)
        self._durable_of = (len(self.changes), len(self.syncs))
        return self._durable

    def _closed(self, dropped: set[int], count: int) -> set[int]:
        """Dropping a name's change drops the later changes of the same file's name."""
        names = [number for number in dropped if self.changes[number].what in NAMING]
        same = {(one, later) for one in names for later in self._names_of[self.changes[one].node]}
        return dropped | {later for one, later in same if one < later < count}


NAMING = frozenset({"link", "unlink", "rename"})


def _synced_by(change: Change) -> int:
    """The node whose sync makes a change durable."""
    if change.what in {"link", "unlink"}:
        return change.folder
    return change.to_folder if change.what == "rename" else change.node
