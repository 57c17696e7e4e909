"""With which key are the hashes in tool feedback made?"""

import hashlib

from orchestrator_mcp.storage.workspace import Workspace

SALT = "WORKFLOW_SALT"
SHORTEST_SALT = 16


def feedback_key(workspace: Workspace) -> bytes:
    """The installation's key: WORKFLOW_SALT, by which a person joins their projects and machines, else the store's.

    Raises:
        ReadOnlyError: under --read-only, if there is neither.
    """
    return next(iter(feedback_keys(workspace)), None) or workspace.key()


def feedback_keys(workspace: Workspace) -> list[bytes]:
    """Every key with which this installation may have made hashes, the one that is used now first; none is made."""
    salt = workspace.settings.environ.get(SALT, "")
    given = [hashlib.sha256(salt.encode("utf-8", "surrogatepass")).digest()] if len(salt) >= SHORTEST_SALT else []
    return [*given, *filter(None, [workspace.known_key()])]


def salt_warnings(workspace: Workspace) -> list[str]:
    """That the salt is no key, if it is none."""
    if 0 < len(workspace.settings.environ.get(SALT, "")) < SHORTEST_SALT:
        return [f"{SALT} is too short to be a key, so it is not used. Use {SHORTEST_SALT} or more characters."]
    return []
