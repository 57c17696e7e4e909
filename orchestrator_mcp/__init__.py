"""Notices what coding agents get wrong again and again, and turns it into rules.

Public names are loaded on first use: importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .analysis.grouping import group
    from .errors import OrchestratorError
    from .services.telemetry_classes import TelemetryAnalyzer, TelemetryLogger
    from .services.workspace import open_workspace
    from .storage.config import ConfigLoader
    from .storage.paths import OrchestratorPaths
    from .storage.sessions import SessionManager
    from .storage.workspace import Workspace

_PUBLIC = {
    "ConfigLoader": "storage.config",
    "OrchestratorError": "errors",
    "OrchestratorPaths": "storage.paths",
    "SessionManager": "storage.sessions",
    "TelemetryAnalyzer": "services.telemetry_classes",
    "TelemetryLogger": "services.telemetry_classes",
    "Workspace": "storage.workspace",
    "group": "analysis.grouping",
    "open_workspace": "services.workspace",
}

__all__ = [
    "ConfigLoader",
    "OrchestratorError",
    "OrchestratorPaths",
    "SessionManager",
    "TelemetryAnalyzer",
    "TelemetryLogger",
    "Workspace",
    "__version__",
    "group",
    "open_workspace",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
