"""May feedback be sent, and if not, which condition is missing?"""

from collections.abc import Callable

from orchestrator_mcp.errors import ConfigError, InvalidInputError, UnsafePathError
from orchestrator_mcp.records.config import Config
from orchestrator_mcp.records.feedback_sync import TargetKind
from orchestrator_mcp.records.settings import NEEDED
from orchestrator_mcp.storage.environment import is_true
from orchestrator_mcp.storage.remote.address import check_address, gist_address
from orchestrator_mcp.storage.workspace import Workspace

from .secrets import find

OPT_OUT = "DO_NOT_TRACK"
"""The variable of the environment that stops every target, files too, as the one that turns feedback off does."""

TOKEN = NEEDED["feedback_gist"]

Condition = Callable[[Workspace, Config], str | None]


def opted_out(workspace: Workspace) -> str | None:
    """Why nothing leaves, as a sentence, if the environment says so."""
    settings = workspace.settings
    name = OPT_OUT if is_true(settings.environ.get(OPT_OUT, "")) else settings.skip_feedback
    return f"{name} is set, so nothing leaves this machine. Unset it to share feedback." if name else None


def missing(workspace: Workspace, kind: TargetKind) -> list[str]:
    """Every condition that is not met, a sentence each. An empty list means that an explicit call may send."""
    try:
        config = workspace.effective().sound()
    except ConfigError as error:
        return [str(error)] if CONDITIONS[kind] else []
    return [said for condition in CONDITIONS[kind] if (said := condition(workspace, config))]


def default_kind(workspace: Workspace) -> TargetKind:
    """Where feedback goes if nobody says: to the person's endpoint once they allowed it and set one, else to a file."""
    return TargetKind.FILE if missing(workspace, TargetKind.ENDPOINT) else TargetKind.ENDPOINT


def github_token(workspace: Workspace) -> str | None:
    """The token that may write gists: of the environment, or of the project's or the person's secrets.

    Raises:
        UnsafePathError: if others can read the file in which it lies.
    """
    return find(workspace, TOKEN)


def _allowed(_: Workspace, config: Config) -> str | None:
    said = "Sending is not allowed yet. Allow it with `orchestrator config set feedback_sync true --global`."
    return None if config.feedback_sync else said


def _endpoint(_: Workspace, config: Config) -> str | None:
    if config.feedback_endpoint is None:
        return "No endpoint is set. Set one with `orchestrator config set feedback_endpoint https://… --global`."
    return _refused(lambda: check_address(config.feedback_endpoint or "", "feedback_endpoint"))


def _gist(_: Workspace, config: Config) -> str | None:
    if config.feedback_gist is None:
        return "No gist is set. Make one, then `orchestrator config set feedback_gist ID --global`."
    return _refused(lambda: gist_address(config.feedback_gist or ""))


def _token(workspace: Workspace, _: Config) -> str | None:
    try:
        token = github_token(workspace)
    except (UnsafePathError, InvalidInputError) as error:
        return str(error)
    if not token:
        return f"There is no {TOKEN}. Set it in the environment, or with `orchestrator secrets set {TOKEN}`."
    fine = token.isascii() and token.isprintable() and " " not in token  # else it would end a header
    return None if fine else f"The {TOKEN} holds what no token does, such as a space or a line's end. Set it again."


def _refused(check: Callable[[], object]) -> str | None:
    try:
        check()
    except ConfigError as error:
        return str(error)
    return None


CONDITIONS: dict[TargetKind, tuple[Condition, ...]] = {
    TargetKind.FILE: (),
    TargetKind.ENDPOINT: (_allowed, _endpoint),
    TargetKind.GIST: (_allowed, _gist, _token),
}
