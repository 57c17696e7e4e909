"""What does a client get when a function of ours raises? A sentence, whatever was raised."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from mcp.shared.exceptions import MCPError

from orchestrator_mcp.analysis.sanitize import sanitize
from orchestrator_mcp.errors import OrchestratorError

T = TypeVar("T")
_log = logging.getLogger("orchestrator_mcp.server")


class Boundary:
    """Lends the workspace to functions of ours: opened at the first call, once even if two threads ask.

    A workspace that could not be opened is tried again by the next call.
    """

    def __init__(self, open_workspace: Callable[[], Any]) -> None:
        self._open = open_workspace
        self._lock = Lock()
        self._opened: list[Any] = []

    def ask(self, name: str, function: Callable[[Any], T], raised: Callable[[str], Exception]) -> T:
        """Call `function(workspace)`.

        Raises:
            Exception: what `raised` makes of a sentence, and nothing else.
        """
        try:
            answer = function(self._workspace())
        except OrchestratorError as error:
            raise raised(sanitize(str(error))) from error
        except BaseException as error:  # SystemExit too: one tool must not end the server for every other
            _log.exception("%s failed", name)
            raise raised(
                f"Internal error in {name} ({type(error).__name__}); the server's log has the details: stderr, or the "
                "file given by --debug-log. Nothing else is affected; go on without this call, or report it."
            ) from error
        _log.debug("%s answered", name)
        return answer

    def _workspace(self) -> Any:
        with self._lock:
            if not self._opened:
                self._opened.append(self._open())
            return self._opened[0]


def protocol_error(sentence: str) -> MCPError:
    """Wrap a sentence for prompts and completions, where only a protocol error keeps its text."""
    return MCPError(-32602, sentence)
