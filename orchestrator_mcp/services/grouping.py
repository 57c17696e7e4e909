"""Grouping any file of texts: what recurs in a log, and how the engine is scored."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator_mcp.analysis.grouping import Entry, Group, group
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.config import MIN_FREQUENCY
from orchestrator_mcp.records.grouping import GroupedTexts, TextGroup
from orchestrator_mcp.records.pattern import Example
from orchestrator_mcp.storage.documents import read_objects, write_objects

from .meaning import WORDS, model_at_once

EXAMPLES = 3
LENGTH = 160

Row = tuple[Any, Entry]


def group_file(
    path: Path,
    *,
    field: str = "text",
    by: str | None = None,
    out: Path | None = None,
    min_frequency: int = MIN_FREQUENCY,
    words_only: bool = False,
) -> GroupedTexts:
    """Group the texts of a file with one JSON object a line.

    Args:
        path: the file. Where an object has `context` or `feedback`, those are compared and the text is ignored; its
            `id` is its line's number if it has none. Nothing else of it is read.
        field: the name of the text.
        by: a field that keeps apart what has different values in it, such as a project.
        out: where to write one `{id, cluster}` a line.
        min_frequency: how many texts make a group worth showing.
        words_only: leave out the tier of meaning, if it is installed.

    Raises:
        NotFoundError: if there is no such file.
        InvalidInputError: if a line is no object, or has no text.
    """
    shelves: dict[str | None, list[Row]] = defaultdict(list)
    for number, value in read_objects(path):
        shelf = str(value.get(by)) if by else None
        shelves[shelf].append((value.get("id", number), _entry(value, field, number, path)))
    model = None if words_only else model_at_once()
    if by and set(shelves) == {str(None)}:
        raise InvalidInputError(f"No line of {path} has {by!r}. Name a field that is there with --by.")
    found = [
        (shelf, rows, one)
        for shelf, rows in shelves.items()
        for one in group((entry for _, entry in rows), embedder=model)
    ]
    if out is not None:
        write_objects(out, _assignments(found))
    shown = [_shown(shelf, rows, one) for shelf, rows, one in found if len(one.members) >= min_frequency]
    return GroupedTexts(
        texts=sum(map(len, shelves.values())),
        groups=sorted(shown, key=lambda one: (-one.members, one.by or "", one.id)),
        alone=sum(len(one.members) == 1 for _, _, one in found),
        engine=model.name if model else WORDS,
        written=str(out) if out else None,
    )


def _entry(value: dict[str, Any], field: str, number: int, path: Path) -> Entry:
    texts = {
        name: value.get(source) for name, source in (("text", field), ("context", "context"), ("feedback", "feedback"))
    }
    given = {name: text for name, text in texts.items() if isinstance(text, str)}
    if not given:
        raise InvalidInputError(f"Line {number + 1} of {path} has no text in {field!r}. Name the field with --field.")
    return Entry(**given)


def _assignments(found: Iterable[tuple[str | None, list[Row], Group]]) -> Iterable[dict[str, Any]]:
    for shelf, rows, one in found:
        cluster = one.id if shelf is None else f"{shelf}/{one.id}"
        yield from ({"id": rows[member][0], "cluster": cluster} for member in one.members)


def _shown(shelf: str | None, rows: list[Row], one: Group) -> TextGroup:
    texts = {rows[member][1].subject: rows[member][0] for member in reversed(one.members)}
    examples = [Example(id=str(id_), text=clip(single_line(text), LENGTH)) for text, id_ in reversed(texts.items())]
    return TextGroup(
        id=one.id,
        by=shelf,
        template=clip(single_line(one.template), LENGTH),
        members=len(one.members),
        joined_by=sorted(set(one.joined_by)),
        cohesion=one.cohesion,
        examples=examples[:EXAMPLES],
    )
