"""YAML files, read as data alone: nothing in them can grow, repeat or run.

A merge key of 351 bytes can cost seconds, an alias can stand for gigabytes, and a duplicate key hides what a person
thinks is in force; so all of them are refused, as are tags, and files that are too large or too deep.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from orchestrator_mcp.errors import InvalidInputError

from .files import read_small

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


class Mapping(dict[Any, Any]):
    """A mapping that knows the line of its file in which it begins, and each key's, counted from 1."""

    line: int = 1
    lines: dict[str, int] = {}


class _Refused(yaml.MarkedYAMLError):
    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _PlainLoader(yaml.SafeLoader):
    """The safe loader, without what a plain file does not need."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused("it has an anchor or an alias", event.start_mark)
        if getattr(event, "tag", None):
            raise _Refused("it has a tag", event.start_mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Refused(f"it is nested deeper than {MAX_DEPTH} levels", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = next((key for key, count in Counter(keys).items() if count > 1), None)
        if repeated is not None or "<<" in keys:
            raise _Refused(f"the key {repeated or '<<'!r} is a merge or stands twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # a date that is none, a number of ten thousand digits
            raise _Refused(str(error), node.start_mark) from error

    def construct_yaml_map(self, node: Any) -> Any:
        mapping = Mapping()
        mapping.line = node.start_mark.line + 1
        mapping.lines = {
            key.value: key.start_mark.line + 1 for key, _ in node.value if isinstance(key, yaml.ScalarNode)
        }
        yield mapping
        mapping.update(self.construct_mapping(node))


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _PlainLoader.construct_yaml_map)


def read_yaml(path: Path) -> Mapping | None:
    """The mapping in a YAML file; None if there is no file.

    Raises:
        InvalidInputError: if it is anything but plain data, naming what is wrong and where.
    """
    data = read_small(path, MAX_BYTES)
    return None if data is None else parse_yaml(data, path)


def parse_yaml(data: bytes, name: Path | str) -> Mapping:
    """The mapping in the bytes of a YAML file that is called `name`.

    Raises:
        InvalidInputError: if it is anything but plain data, naming what is wrong and where.
    """
    try:
        value = yaml.load(data, _PlainLoader)  # noqa: S506  a safe loader, narrowed further
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        problem = _problem(error, data)
        raise InvalidInputError(f"{name} cannot be used: {problem}. Correct it, then try again.") from error
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"{name} cannot be used: it is no mapping. Correct it, then try again.")
    return value or Mapping()


def _problem(error: Exception, data: bytes) -> str:
    """What is wrong, and in which line where that is known."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else None
    if isinstance(error, yaml.reader.ReaderError):
        line = data.count(b"\n", 0, error.position) + 1
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return what if line is None else f"{what} in line {line}"


def spans_of(text: str) -> dict[str, tuple[int, int]]:
    """Where each entry of a mapping stands in its YAML text, from the key's first character to the value's last.

    Raises:
        yaml.YAMLError: if the text is no plain data.
    """
    root = yaml.compose(text, _PlainLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return {key.value: (key.start_mark.index, _end(value)) for key, value in pairs if isinstance(key, yaml.ScalarNode)}


def _end(node: Any) -> int:
    """A block ends, for the parser, where the next token begins: comments between belong to neither."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
