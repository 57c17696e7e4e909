"""What every record has in common."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

B = TypeVar("B", bound=BaseModel)

ID_PATTERN = r"^[0-7][0-9a-hjkmnp-tv-z]{25}$"
"""A lower-case ULID: 26 characters of Crockford's base 32, 128 bits."""

OUR_OWN_FIELDS = frozenset(
    {"id", "session_id", "timestamp", "finished_at", "invocation_id"}
    | {"pattern_id", "failure_id", "wordings", "content_sha256", "workflow_id_hash", "installation_hash", "synced_ids"}
)
"""Fields that identify: random by nature, made by us or matched exactly, so redaction leaves them alone."""

FORGOTTEN = "[FORGOTTEN]"
"""What stands where a text was that a person asked to forget."""

MAX_RECORD_BYTES = 256 * 1024
"""The longest line a stream accepts, its final newline included."""


def parse_time(value: Any) -> datetime:
    """Read any ISO 8601 time; one without an offset is taken as UTC.

    Raises:
        ValueError: if it is no such time. Pydantic turns that into a validation error.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """Write a time the one way we write times: UTC, microseconds, `Z`. Such strings sort as times do."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_time(value: Any) -> datetime:
    if not isinstance(value, str | datetime):
        msg = "a time is a string such as 2026-11-21T03:19:00Z"
        raise ValueError(msg)  # noqa: TRY004  pydantic reports ValueError, and passes TypeError through
    try:
        return parse_time(value)
    except OverflowError as error:
        msg = "a time lies between the years 1 and 9999 in UTC"
        raise ValueError(msg) from error


Timestamp = Annotated[
    datetime,
    BeforeValidator(_read_time),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Model(BaseModel):
    """Immutable data. Schemas are built on first use, because start-up time counts."""

    model_config = ConfigDict(
        frozen=True, defer_build=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


class Record(Model):
    """One line of a stream. A later line with the same `id` and a higher `rev` replaces it.

    Fields that a reader does not know are kept, so that an older version never drops what a newer wrote.
    """

    model_config = ConfigDict(extra="allow")

    id: str
    rev: int = 1
    timestamp: Timestamp
    session_id: str | None = None
    request_id: str | None = None


class Result(Model):
    """What a verb answers, on every face. `warnings` are sentences for the caller."""

    warnings: list[str] = []
    legacy_detected: bool = False


def with_warnings(result: B, notes: Sequence[str]) -> B:
    """A result that says more, and that first; what is no `Result` has no room for it."""
    if not notes or not isinstance(result, Result):
        return result
    return result.model_copy(update={"warnings": [*notes, *result.warnings]})
