"""Changing one setting in a file, and leaving the rest of it as a person wrote it."""

from pathlib import Path
from typing import Any

import yaml

from orchestrator_mcp.errors import ConfigError, OrchestratorError

from .files import make_folder, read_small, replace_file
from .locks import FolderLock
from .yaml_files import MAX_BYTES, parse_yaml, spans_of

_HEAD = "# Settings of orchestrator-mcp; `orchestrator config list` says what can be set.\n"


def write_setting(path: Path, lock: FolderLock, key: str, value: Any) -> bool:
    """Set a key to a value, or remove it if the value is None. Comments and other keys stay as they are.

    Returns:
        Whether the key was set before.

    Raises:
        ConfigError: if the file cannot be read, or is laid out in a way that leaves no line to change.
    """
    make_folder(path.parent)
    with lock.held():
        try:
            data = read_small(path, MAX_BYTES)
            before = parse_yaml(data or b"", path)
        except OrchestratorError as error:
            raise ConfigError(f"Nothing was set. {error}") from error
        if value is None and key not in before:
            return False
        wanted = {name: one for name, one in before.items() if name != key} | ({} if value is None else {key: value})
        after = _rewritten(data, key, value)
        if after is None or not _says(after, path, wanted):
            raise ConfigError(f"Nothing was set: {path} is laid out in a way that only an editor can change. Edit it.")
        replace_file(path, after)
        return key in before


def with_settings(data: bytes | None, path: Path, values: dict[str, Any]) -> bytes | None:
    """What a file would be with some keys set; None if it is laid out in a way that only an editor can change."""
    wanted = parse_yaml(data or b"", path) | values
    for key, value in values.items():
        data = _rewritten(data, key, value)
        if data is None:
            return None
    return data if data is not None and _says(data, path, wanted) else None


def _rewritten(data: bytes | None, key: str, value: Any) -> bytes | None:
    try:
        return _changed(_HEAD if data is None else data.decode("utf-8-sig"), key, value).encode()
    except (UnicodeDecodeError, yaml.YAMLError):  # UTF-16, which YAML allows
        return None


def _changed(text: str, key: str, value: Any) -> str:
    line = "" if value is None else _line(key, value)
    if key not in (spans := spans_of(text)):
        return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{line}"
    start, end = spans[key]
    rest, ends_line = text[end:], text[start:end].endswith("\n")
    if value is None:
        rest = rest if ends_line else rest.partition("\n")[2]
    elif not ends_line:
        line = line.removesuffix("\n")  # what follows on the line is a comment, or its end
    return text[:start] + line + rest


def _line(key: str, value: Any) -> str:
    flow = None if isinstance(value, list | dict) else False
    shown: str = yaml.safe_dump({key: value}, default_flow_style=flow, allow_unicode=True, width=MAX_BYTES)
    return shown


def _says(data: bytes, path: Path, wanted: dict[str, Any]) -> bool:
    """Whether the new text reads as what was meant: whoever wrote the old one may have laid it out in any way."""
    try:
        return len(data) <= MAX_BYTES and parse_yaml(data, path) == wanted
    except OrchestratorError:
        return False
