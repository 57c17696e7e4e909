"""Secrets: finding one, storing one, and saying what is there. A value is only ever handed to the code that uses it."""

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.settings import (
    SecretChecks,
    SecretFound,
    SecretLine,
    SecretList,
    SecretOrigin,
    SecretWritten,
)
from orchestrator_mcp.storage.secrets import NAME, Secrets, check_name, write_secret
from orchestrator_mcp.storage.workspace import Workspace

_NO_NAME = "It is not named as secrets are: up to 64 capitals, digits and underscores. Rename it, or move it away."


def find(workspace: Workspace, name: str) -> str | None:
    """A secret's value: of the environment, else the project's, else the person's; None if there is none.

    Raises:
        InvalidInputError: if that is no name of a secret, or what lies there is no text.
        UnsafePathError: if others can read or change it.
    """
    return _secrets(workspace).get(name)


def set_secret(workspace: Workspace, name: str, value: str, *, everywhere: bool = False) -> SecretWritten:
    """Store a secret for this project, or with `everywhere` for every project of this person.

    Raises:
        InvalidInputError: if that is no name of a secret or no value of one, or if there is no home folder.
    """
    check_name(name)
    workspace.check_writable()
    if not everywhere:
        workspace.store()
        origin, folder = SecretOrigin.REPO, workspace.paths.secrets_dir()
    elif workspace.home is None:
        raise InvalidInputError("There is no home folder, so nothing was stored. Set HOME, or leave out --global.")
    else:
        origin, folder = SecretOrigin.GLOBAL, workspace.home.secrets_dir()
    replaced = write_secret(folder, workspace.locks.of(folder), name, value)
    over = _secrets(workspace).origins(name)[0]
    warnings = [] if over is origin else [f"Another one is used: that of the {over.value}."]
    return SecretWritten(name=name, origin=origin, replaced=replaced, warnings=warnings)


def list_secrets(workspace: Workspace) -> SecretList:
    """The secrets that lie in files, and where; the environment is asked by name alone."""
    return SecretList(secrets=[one for one in _lines(workspace) if NAME.fullmatch(one.name)])


def look_up_secret(workspace: Workspace, name: str) -> SecretFound:
    """Whether a secret is there and may be used, and where it comes from.

    Raises:
        InvalidInputError: if that is no name of a secret.
    """
    known = _secrets(workspace)
    origin = next(iter(known.origins(name)), None)
    if origin is None:
        return SecretFound(name=name, present=False)
    return SecretFound(name=name, present=True, origin=origin, problem=known.problem(name, origin))


def check_secrets(workspace: Workspace) -> SecretChecks:
    """Whether every secret in a file is named well, private and text."""
    lines = _lines(workspace)
    return SecretChecks(secrets=lines, problems=sum(one.problem is not None for one in lines))


def _lines(workspace: Workspace) -> list[SecretLine]:
    known = _secrets(workspace)
    return [line for name in known.names() for line in _lines_of(known, name)]


def _lines_of(known: Secrets, name: str) -> list[SecretLine]:
    if not NAME.fullmatch(name):
        return [
            SecretLine(name=name, origin=origin, in_force=False, problem=_NO_NAME) for origin in known.holding(name)
        ]
    origins = known.origins(name)
    return [
        SecretLine(name=name, origin=one, in_force=one is origins[0], problem=known.problem(name, one))
        for one in origins
    ]


def _secrets(workspace: Workspace) -> Secrets:
    return Secrets(workspace.paths, workspace.home, workspace.settings.environ)
