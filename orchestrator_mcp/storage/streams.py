"""Streams of records: append once per request, supersede by id, fold on read."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic

from pydantic import ValidationError

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError, StorageError

from .flusher import Flusher
from .lines import Line, LineFile, encode_line, parse_object
from .locks import FolderLock
from .lookup import Lookup
from .parts import extent
from .reading import R, Read, read_records

Redact = Callable[[dict[str, Any]], dict[str, Any]]

_VOLATILE = {"id", "rev", "timestamp", "request_id", "session_id", "invocation_id"}


class Stream(Generic[R]):
    """One file of records of one model.

    Args:
        model: the record model.
        path: the file.
        lock: its folder's lock.
        redact: takes secrets out of a record's fields before anything is written.
        durable: sync before acknowledging, instead of within a second.
        room: told how many bytes a new record takes, raises if there is no room for it. What runs already can go on:
            later versions of a record, and events of a workflow, are taken in any case.
    """

    def __init__(
        self,
        model: type[R],
        path: Path,
        lock: FolderLock,
        redact: Redact,
        flusher: Flusher,
        *,
        durable: bool,
        room: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.model = model
        self.path = path
        self._file = LineFile(path, lock)
        self._lock = lock
        self._redact = redact
        self._flusher = flusher
        self._durable = durable
        self._room = room
        self._seen = Lookup(path)

    def append(self, record: R) -> R:
        """Append a record; one with a request id that was stored before is returned as it was stored then.

        Raises:
            StateConflictError: if that request id was used for something else.
            InvalidInputError: if the record is too large.
            StorageFullError: if the store holds as much as it may.
        """
        value = self._fields(record)
        data = encode_line(value)
        self._room(len(data))
        request = value.get("request_id")
        if request is None:
            self._file.append(data)
        else:
            earlier = self._append_once(request, value, data)
            if earlier is not None:
                self._acknowledge()
                return self._stored(earlier)
        self._acknowledge()
        return self.model.model_validate(parse_object(data))

    def append_all(self, records: Sequence[R], *, still: Callable[[], bool]) -> list[R] | None:
        """Append several records by one write, if what they were drawn from still holds; else None, and nothing.

        Args:
            records: what to append. A crash may leave the first of them without the last.
            still: asked under the lock, when the tail is whole.

        Raises:
            InvalidInputError: if a record is too large.
        """
        lines = [encode_line(self._fields(record)) for record in records]
        with self._lock.held():
            self._file.heal_locked()
            if not still():
                return None
            self._file.append_locked(b"".join(lines))
        self._acknowledge()
        return [self.model.model_validate(parse_object(line)) for line in lines]

    def confirm(self, record_id: str) -> None:
        """Have a record on the disk that an earlier attempt stored and perhaps did not live, or manage, to sync."""
        with self._lock.held():
            self._take_in_all()
            self._write_again(self._seen.newest_line(record_id))
        self._acknowledge()

    def supersede(self, record_id: str, change: Callable[[R], R], *, request_id: str | None = None) -> R:
        """Append the newest version of a record, changed, with `rev` + 1; one that is not changed is left as it is.

        Raises:
            NotFoundError: if the stream has no such record.
        """

        def change_existing(old: R | None) -> R:
            if old is None:
                raise NotFoundError(f"There is no record {record_id} in {self.path.name}. Check the id.")
            return change(old)

        return self.put(record_id, change_existing, request_id=request_id)

    def put(
        self,
        record_id: str,
        change: Callable[[R | None], R],
        *,
        request_id: str | None = None,
        still: Callable[[], None] = lambda: None,
    ) -> R:
        """Append the next version of a record, or its first.

        Args:
            record_id: the record.
            change: given the newest version, or None, makes the next. It may be asked again if another process was
                faster: all the thinking is done before the lock is taken.
            request_id: of a call that may be repeated. Repeated, it changes nothing and gives the newest version.
            still: asked under the lock, raises if what the change was drawn from is no longer so.

        Raises:
            StateConflictError: if that request id was used for another record.
        """
        request = self._redact({"request_id": request_id})["request_id"] if request_id else None
        while True:
            newest = self._newest(record_id)
            old = None if newest is None else self._stored(newest)
            if old is not None and self._is_repeated(request, record_id):
                return self._confirmed(old, record_id)
            new = change(old)
            if old is not None and _without_request(new) == _without_request(old):
                return self._confirmed(old, record_id)
            value = self._fields(new) | {"rev": 1 if old is None else getattr(old, "rev", 1) + 1}
            if request is not None:
                value["request_id"] = request
            data = encode_line(value)
            with self._lock.held():
                self._take_in_all()
                still()
                if self._seen.newest(record_id) == newest and not self._is_repeated(request, record_id):
                    self._file.append_locked(data)
                    break
        self._acknowledge()
        return self.model.model_validate(parse_object(data))

    def _newest(self, record_id: str) -> dict[str, Any] | None:
        """The fields of a record's newest version. That there is none is said under the lock only."""
        self._seen.grow()
        newest = self._seen.newest(record_id)
        if newest is None and extent(self.path):  # perhaps the file was replaced between those two
            with self._lock.held():
                self._take_in_all()
                newest = self._seen.newest(record_id)
        return newest

    def _is_repeated(self, request: str | None, record_id: str) -> bool:
        earlier = None if request is None else self._seen.of_request(request)
        if earlier is not None and earlier.get("id") != record_id:
            raise StateConflictError(
                f"Request id {request} was already used for record {earlier.get('id')}. "
                "Use a new request id for another record."
            )
        return earlier is not None

    def read(self) -> Read[R]:
        """See `read_records`."""
        return read_records(self.model, self.path)

    def _append_once(self, request: str, value: dict[str, Any], data: bytes) -> dict[str, Any] | None:
        self._seen.grow()  # the long part of reading happens before the lock
        with self._lock.held():
            self._take_in_all()
            earlier = self._seen.of_request(request)
            if earlier is None:
                self._file.append_locked(data)
            elif _content(earlier) != _content(value):
                raise StateConflictError(
                    f"Request id {request} was already used for record {earlier.get('id')} with other content. "
                    "Use a new request id for new content."
                )
            else:
                self._write_again(self._seen.line_of_request(request))
        return earlier

    def _confirmed(self, stored: R, record_id: str) -> R:
        if self._durable:
            self.confirm(record_id)
        return stored

    def _write_again(self, line: Line | None) -> None:
        if self._durable and line is not None:
            self._file.rewrite_locked(line)

    def _take_in_all(self) -> None:
        """Under the lock. A dead writer's last line may lack no more than its newline: healed first, it is seen."""
        self._file.heal_locked()
        self._seen.grow()

    def _acknowledge(self) -> None:
        if self._durable:
            self._file.sync()
        else:
            self._flusher.mark(self._file)

    def _stored(self, value: dict[str, Any]) -> R:
        try:
            return self.model.model_validate(value)
        except ValidationError as error:
            raise StorageError(
                f"Record {value.get('id')} in {self.path} cannot be read: it was changed by something else. "
                "Correct that line, or use another id."
            ) from error

    def _fields(self, record: R) -> dict[str, Any]:
        try:
            return self._redact(record.model_dump(mode="json", exclude_none=True))
        except (ValueError, RecursionError) as error:  # nested too deep, or no JSON at all
            raise InvalidInputError(
                f"This cannot be stored as JSON ({error}). Send plain text and numbers, less deeply nested."
            ) from error


def _without_request(record: R) -> R:
    return record.model_copy(update={"request_id": None, "rev": 1})


def _content(value: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in value.items() if k not in _VOLATILE}, sort_keys=True)
