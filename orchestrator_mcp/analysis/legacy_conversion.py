"""What becomes of a whole old file that is written anew? Each line one of our records, or quarantined byte for byte."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestrator_mcp.records.base import MAX_RECORD_BYTES, format_time, parse_time
from orchestrator_mcp.records.legacy import LegacyKind

from .legacy_feedback import add_feedback, add_process_feedback, add_tool_feedback
from .legacy_notes import add_notes
from .legacy_records import DIGEST, Context, Converted, add_failure, add_invocation, add_metric, digest_of

_LONGEST_LINE = MAX_RECORD_BYTES // 2  # redaction may lengthen it
_ADD: Mapping[LegacyKind, Callable[[dict[str, Any], Context, Converted], None]] = {
    LegacyKind.FEEDBACK: add_feedback,
    LegacyKind.TOOL_FEEDBACK: add_tool_feedback,
    LegacyKind.PROCESS_FEEDBACK: add_process_feedback,
    LegacyKind.FAILURES: add_failure,
    LegacyKind.INVOCATIONS: add_invocation,
    LegacyKind.METRICS: add_metric,
}


def convert(
    kind: LegacyKind,
    becomes: str,
    lines: Iterable[bytes],
    context: Context,
    into: Converted,
    *,
    written: datetime,
    skip: int = 0,
) -> None:
    """Turn one old file into records.

    Args:
        kind: what it holds.
        becomes: the file of the session beside which lies what is no entry at all.
        lines: those of the whole file, each with its newline.
        context: what the new records need beside the old lines.
        into: where they go.
        written: when the file was last written, for what has no time of its own.
        skip: how many of its first bytes were taken before.
    """
    if kind is LegacyKind.LEARNINGS:
        add_notes(b"".join(lines), context, into, written)
        return
    for offset, line in _new_lines(lines, skip):
        digest = digest_of(line)
        if digest in context.known:
            continue
        try:
            _ADD[kind](_entry(line) | {DIGEST: digest}, context, into)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            into.quarantined.setdefault(becomes, []).append(_quarantined(offset, line, context.now))


def _quarantined(offset: int, line: bytes, now: datetime) -> bytes:
    """A quarantine line, which keeps every byte of what could not be taken over."""
    note = {"at": format_time(now), "offset": offset, "bytes_b64": base64.b64encode(line).decode("ascii")}
    return json.dumps(note, separators=(",", ":")).encode() + b"\n"


def _new_lines(lines: Iterable[bytes], skip: int) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank and was not taken before, and its offset; the last may lack its newline."""
    offset = 0
    for line in lines:
        if offset + len(line) > skip and (new := line[max(0, skip - offset) :].removesuffix(b"\n")).strip():
            yield max(offset, skip), new
        offset += len(line)


def _entry(line: bytes) -> dict[str, Any]:
    """An old entry: an object with a time.

    Raises:
        ValueError: (or TypeError) if it is none.
    """
    if len(line) > _LONGEST_LINE:
        raise ValueError("too long for a record")
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    json.dumps(value, allow_nan=False)
    parse_time(value["timestamp"])
    return value
