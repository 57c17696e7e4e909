"""Watching the mutating system calls of a real run, and writing them down as changes of a disk in memory."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crash_disk import Change, History


@contextlib.contextmanager
def recorded(root: Path | History, *, devices: tuple[str, ...] = (), unsynced: str | None = None) -> Iterator[History]:
    """Watch a run in this process. `devices`: top folders that play different file systems.

    `unsynced`: play a program that never syncs its `file`s, or its `folder`s.
    """
    history = root if isinstance(root, History) else History(root)
    recorder = _Recorder(history, devices, unsynced)
    originals = {name: getattr(os, name) for name in _WATCHED}
    for name, original in originals.items():
        setattr(os, name, recorder.watch(name, original))
    try:
        yield history
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


_WATCHED = ("open", "close", "pwrite", "write", "fsync", "fdatasync", "rename", "replace", "link", "symlink", "unlink",
            "remove", "mkdir", "rmdir", "utime", "chmod", "fchmod", "ftruncate", "truncate")  # fmt: skip


class _Recorder:
    def __init__(self, history: History, devices: tuple[str, ...], unsynced: str | None) -> None:
        self.history = history
        self.unsynced = unsynced
        self.devices = devices
        self.open_nodes: dict[int, int] = {}

    def watch(self, name: str, original: Any) -> Any:
        note = getattr(self, f"_{name}", None)

        def call(*args: Any, **kwargs: Any) -> Any:
            assert "dir_fd" not in kwargs or kwargs["dir_fd"] is None, f"os.{name} by dir_fd is not modelled"
            if note is None:
                raise AssertionError(f"os.{name} is not modelled")
            return note(original, *args, **kwargs)

        return call

    def _where(self, path: Any) -> tuple[int, str] | None:
        text, root = os.fspath(path), f"{self.history.root}/"
        if not f"{text}/".startswith(root):
            return None
        parent, _, name = text[len(root) :].rpartition("/")
        folder = self.history.now.find(parent or ".")
        return None if folder is None else (folder, name)

    def _node(self, target: Any) -> int | None:
        if isinstance(target, int):
            return self.open_nodes.get(target)
        where = self._where(target)
        return None if where is None else self.history.now.nodes[where[0]].names.get(where[1])

    def _open(self, original: Any, path: Any, flags: int, mode: int = 0o777, **kwargs: Any) -> int:
        node = self._node(path)
        fd: int = original(path, flags, mode, **kwargs)
        self.open_nodes.pop(fd, None)
        where = self._where(path)
        if where is not None and where[1]:
            if node is None:
                node = self.history.create(*where, "file", stat.S_IMODE(os.fstat(fd).st_mode))
            self.open_nodes[fd] = node
        elif where is not None:
            self.open_nodes[fd] = 0
        return fd

    def _close(self, original: Any, fd: int) -> None:
        self.open_nodes.pop(fd, None)
        original(fd)

    def _pwrite(self, original: Any, fd: int, data: Any, offset: int) -> int:
        # two bites, so that a torn write is a state too
        raw = bytes(data)
        written: int = original(fd, raw[: (len(raw) + 1) // 2], offset)
        node = self._node(fd)
        if node is not None:
            self.history.add(Change("write", node=node, offset=offset, data=raw[:written]))
        return written

    def _fsync(self, original: Any, fd: int) -> None:
        node = self._node(fd)
        if node is not None and self.history.now.nodes[node].kind != self.unsynced:
            self.history.syncs.append((len(self.history.changes), node))

    _fdatasync = _fsync

    def _rename(self, original: Any, source: Any, target: Any) -> None:
        old, new, node = self._where(source), self._where(target), self._node(source)
        if self._device(source) != self._device(target):
            raise OSError(18, "Invalid cross-device link")
        original(source, target)
        if old and new and node is not None:
            self.history.add(Change("rename", folder=old[0], name=old[1], node=node, to_folder=new[0], to_name=new[1]))

    _replace = _rename

    def _device(self, path: Any) -> str:
        top = Path(path).relative_to(self.history.root).parts[0]
        return top if top in self.devices else ""

    def _unlink(self, original: Any, path: Any, **kwargs: Any) -> None:
        where, node = self._where(path), self._node(path)
        original(path)
        if where and node is not None:
            self.history.add(Change("unlink", folder=where[0], name=where[1], node=node))

    _remove = _rmdir = _unlink

    def _mkdir(self, original: Any, path: Any, mode: int = 0o777, **kwargs: Any) -> None:
        original(path, mode)
        where = self._where(path)
        if where:
            self.history.create(*where, "folder", stat.S_IMODE(os.lstat(path).st_mode))

    def _utime(self, original: Any, target: Any, times: Any = None, *, ns: Any = None) -> None:
        original(target, ns=ns)
        node = self._node(target)
        if node is not None:
            self.history.add(Change("meta", node=node, mtime=ns[1]))

    def _chmod(self, original: Any, target: Any, mode: int, **kwargs: Any) -> None:
        original(target, mode)
        node = self._node(target)
        if node is not None:
            self.history.add(Change("meta", node=node, mode=mode))

    def _ftruncate(self, original: Any, fd: int, length: int) -> None:
        original(fd, length)
        node = self._node(fd)
        if node is not None:
            self.history.add(Change("truncate", node=node, offset=length))
