"""A snapshot's passphrase: from a file descriptor, the environment or a person; never from the command line itself."""

import os
from collections.abc import Mapping

from orchestrator_mcp.errors import InvalidInputError

from .prompts import on_terminal

VARIABLE = "ORCHESTRATOR_SNAPSHOT_PASSPHRASE"
_LONGEST = 4096


def passphrase(descriptor: int | None, environ: Mapping[str, str], *, twice: bool = False) -> str:
    """The passphrase; `twice`: a person types it again, because nothing else would notice a slip.

    Raises:
        InvalidInputError: if it can be had from nowhere, or is empty.
    """
    given = _read(descriptor) if descriptor is not None else environ.get(VARIABLE)
    if given is None:
        given = _asked(twice=twice)
    if not given:
        raise InvalidInputError("The passphrase is empty. Nothing was done; give one.")
    return given


def _read(descriptor: int) -> str:
    """The first line, so that `echo` may write it."""
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(_LONGEST).split(b"\n")[0].removesuffix(b"\r").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"No passphrase can be read from file descriptor {descriptor} ({error}). Open it for us: 3< FILE"
        ) from None


def _asked(*, twice: bool) -> str:
    if not on_terminal():
        raise InvalidInputError(
            f"This needs a passphrase, and there is no terminal. Use --passphrase-fd or {VARIABLE}."
        )
    import getpass  # noqa: PLC0415  only for people

    given = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Once more: ") != given:
        raise InvalidInputError("The two were not the same. Nothing was done; try again.")
    return given
