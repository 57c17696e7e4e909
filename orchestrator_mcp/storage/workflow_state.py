"""One session's `state.json` and the log beside it: read together, and swapped only for what was read.

The log is written first and is the truth; the state is what its events add up to, kept so that people and old readers
find it. So a crash between the two leaves a state that is behind, never one that claims what no line shows, and whoever
comes next brings it up to the log. The other way round, a state would be ahead of a log that is the only thing feedback
and reviews learn from, and an event lost there is lost for good.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from orchestrator_mcp.errors import NotFoundError, StorageError
from orchestrator_mcp.records.workflow import FINISHED, STATE_FILE, LogEvent, WorkflowState

from .files import (
    LARGEST_DOCUMENT,
    is_staged,
    make_folder,
    open_plain,
    read_small,
    refusals,
    staged_name,
    sync_folder,
    write_new,
)
from .ids import id_of
from .lines import parse_object, read_lines
from .locks import FolderLock
from .sessions import is_safe_name

_OURS = b'"_revision"'
_ABOUT_ITSELF = {"_version", "_checksum", "_updated_at"}


@dataclass(frozen=True)
class Seen:
    """What lay there at one moment.

    Args:
        data: the bytes of `state.json`; None if there is none.
        state: what they say; None too if they are no workflow's state.
        events: the log's events that are ours, in its order.
        log: the log's inode and where its last whole line ended, by which a change is noticed.
    """

    data: bytes | None
    state: WorkflowState | None
    events: tuple[LogEvent, ...]
    log: tuple[int | None, int]


class StateFile:
    """`state.json` of one session.

    Args:
        folder: the session's folder.
        log: its log.
        lock: its lock.
    """

    def __init__(self, folder: Path, log: Path, lock: FolderLock) -> None:
        self._folder = folder
        self._path = folder / STATE_FILE
        self._log = log
        self._lock = lock

    def read(self, before: Seen | None = None) -> Seen:
        """State and log, without a lock. The state first: the log may be ahead of it, and never the reverse.

        Args:
            before: what was seen a moment ago; of the same log only what came since is read.
        """
        data = read_small(self._path, LARGEST_DOCUMENT)
        state = before.state if before and before.data == data else _state(data)
        inode, end, events = _inode(self._log), 0, list[LogEvent]()
        if before and before.log[0] == inode:
            end, events = before.log[1], [*before.events]
        for line in read_lines(self._log, end):
            end = line.offset + len(line.data) + 1
            if event := _our_event(line.data):
                events.append(event)
        return Seen(data, state, tuple(events), (inode, end))

    def log_still_is(self, seen: Seen) -> bool:
        """Under the lock: whether the log holds no event of ours that was not seen."""
        inode, end = seen.log
        return _inode(self._log) == inode and not any(_our_event(line.data) for line in read_lines(self._log, end))

    def holds(self, state: WorkflowState) -> bool:
        """Whether a workflow that ended lies among those that ended."""
        return os.path.lexists(self._place_of(state))

    def swap(self, seen: Seen, state: WorkflowState) -> bool:
        """Put a state in the place of the one that was seen, or among the finished; False if another was faster.

        A file that is no state is kept beside, as `state.json.unreadable`.

        Raises:
            StorageError: (and its kin) if the operating system refuses; then the old state is still there, whole.
        """
        target = self._place_of(state) if state.is_over else self._path
        make_folder(target.parent, parents=False)  # a session that was cleaned up does not come back half
        self._sync_log()
        staged = staged_name(target)
        write_new(staged, _written(state))  # synced before the lock is taken
        with refusals("replacing", target):
            try:
                with self._lock.held():
                    if not self._replaced(seen, staged, target):
                        return False
            finally:
                staged.unlink(missing_ok=True)
            sync_folder(target.parent)
            sync_folder(self._folder)
        return True

    def _replaced(self, seen: Seen, staged: Path, target: Path) -> bool:
        # The bytes are compared, not only `_revision`: other programs, and `forget`, change them as well.
        if read_small(self._path, LARGEST_DOCUMENT) != seen.data or not staged.exists():
            return False
        if seen.data is not None and seen.state is None:
            os.replace(self._path, self._path.with_name(f"{STATE_FILE}.unreadable"))
        os.replace(staged, target)
        if target != self._path:
            self._path.unlink(missing_ok=True)
        self._sweep()
        return True

    def _sweep(self) -> None:
        """Remove what was staged by who was killed before its rename; one that still lives notices, and stages anew."""
        with contextlib.suppress(OSError):  # the state is in its place
            for left in (*self._folder.glob(f".{STATE_FILE}.*"), *(self._folder / FINISHED).glob(".*")):
                if is_staged(left.name):
                    left.unlink(missing_ok=True)

    def _sync_log(self) -> None:
        """What the state will claim must be on the disk before it: whoever wrote it may just be syncing it."""
        with refusals("syncing", self._log), contextlib.suppress(NotFoundError):
            fd = open_plain(self._log, os.O_RDWR)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_folder(self._folder)

    def _place_of(self, state: WorkflowState) -> Path:
        name = state.workflow_id or ""
        return self._folder / FINISHED / f"{name if is_safe_name(name) else id_of(name)}.json"


def state_files(folder: Path) -> list[Path]:
    """Where the states of a session's workflows lie: of the one that goes on, then of those that ended."""
    return [folder / STATE_FILE, *sorted((folder / FINISHED).glob("*.json"))]


def _inode(path: Path) -> int | None:
    with refusals("looking at", path):
        try:
            return os.stat(path, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return None


def _our_event(data: bytes) -> LogEvent | None:
    value = parse_object(data) if _OURS in data else None
    try:
        event = LogEvent.model_validate(value) if value else None
    except ValidationError:
        return None
    return event if event and event.revision is not None else None


def _state(data: bytes | None) -> WorkflowState | None:
    try:
        state = WorkflowState.model_validate(parse_object(data)) if data is not None else None
    except ValidationError:
        return None
    return state if state and state.workflow_id else None


def _written(state: WorkflowState) -> bytes:
    """As it is found in the wild: indented, and with every field that was there, null or not."""
    try:
        value = state.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except (ValueError, RecursionError) as error:  # another program's field, nested too deep
        raise StorageError(f"The state cannot be written ({error}). Correct {STATE_FILE}, or remove it.") from error
    if "_checksum" in value:  # version 3 of the tool that invented the format refuses a state whose sum is wrong
        content = {name: part for name, part in value.items() if name not in _ABOUT_ITSELF}
        value["_checksum"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
