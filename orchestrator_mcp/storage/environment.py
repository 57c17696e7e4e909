"""What kind of machine this is: one that stays, or one that will be thrown away."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

FALSE = {"", "0", "false", "no", "off"}
"""What turns a setting in the environment off; anything else turns it on."""

SIGNS = {
    "CLAUDE_CODE_WEB": "an agent's session on the web",
    "CLAUDE_CODE_REMOTE": "an agent's remote session",
    "CODESPACES": "a codespace",
    "GITHUB_CODESPACES": "a codespace",
    "GITPOD_WORKSPACE_ID": "a Gitpod workspace",
    "GITHUB_ACTIONS": "a job's runner",
    "GITLAB_CI": "a job's runner",
}
"""Variable → what sets it."""
# `CI` alone is no sign: people set it on machines of their own, to have programs ask less and colour less.


def installed(name: str) -> str:
    """How a script of this installation is called: by its name where it is on PATH, else by its whole path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if shutil.which(name) is None and beside.is_file() else name


def is_true(value: str) -> bool:
    """Whether a setting in the environment is on: anything but empty, 0, false, no and off."""
    return value.strip().lower() not in FALSE


def ephemeral(environ: Mapping[str, str], home: Path | None) -> str | None:
    """Why this machine will probably be thrown away, as a sentence that names the sign; None if it stays.

    Args:
        environ: the process's environment; only the names of variables are repeated, never their values.
        home: the user's home folder, or None if it is not set.
    """
    for name, kind in SIGNS.items():
        if is_true(environ.get(name, "")):
            return f"{name} is set: this is {kind}, and what lies on its disk goes when it ends."
    if home is None:
        return "There is no home folder: HOME is not set, as in a container that does not last."
    if not os.access(home, os.W_OK | os.X_OK):
        return "The home folder cannot be written to, as in a container that does not last."
    return None
