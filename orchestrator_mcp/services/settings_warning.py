"""Broken settings keep nobody from working, but every answer says that they are broken."""

from typing import TypeVar

from pydantic import BaseModel

from orchestrator_mcp.records.base import Result, with_warnings
from orchestrator_mcp.records.settings import SettingsInForce
from orchestrator_mcp.storage.workspace import Workspace

B = TypeVar("B", bound=BaseModel)


def noted(workspace: Workspace, result: B) -> B:
    """A result, with a word among its warnings if settings are broken.

    The word quotes nothing: a file that came with a clone must not speak to an agent.
    """
    if not isinstance(result, Result) or isinstance(result, SettingsInForce):
        return result  # what shows the settings shows the whole of it
    count = len(workspace.effective().problems)
    if not count:
        return result
    what = "A setting cannot be used" if count == 1 else f"{count} settings cannot be used"
    return with_warnings(result, [f"{what}; `orchestrator config show` says which, and why."])
