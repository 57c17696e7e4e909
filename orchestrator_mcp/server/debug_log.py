"""Where is it written down what went wrong? On stderr in short, and on request in a file at length."""

import logging
import sys
from pathlib import Path

_LONG = "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"


def start_log(file: Path | None) -> None:
    """Set up logging before the SDK does, which would write its own remarks on every failed call to stderr."""
    short = logging.StreamHandler()
    short.setLevel(logging.WARNING)
    handlers: list[logging.Handler] = [short]
    if file is not None:
        handlers.append(_long(file))
    logging.basicConfig(level=logging.DEBUG if file else logging.WARNING, handlers=handlers, format=_LONG)


def _long(file: Path) -> logging.Handler:
    try:
        return logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        sys.exit(f"orchestrator-mcp: cannot write the debug log {file}: {error.strerror}. Name another file.")
