"""Which addresses may something be sent to? https ones; plain http goes to this machine alone."""

import ipaddress
import re
from urllib.parse import urlsplit

from orchestrator_mcp.errors import ConfigError

_GISTS = "https://api.github.com/gists/"
_GIST_ID = re.compile(r"[0-9a-f]{20,40}")


def check_address(url: str, key: str) -> str:
    """The address, if something may be sent there.

    Raises:
        ConfigError: if it is not https to a host, or http to this machine; `key` is the setting that holds it.
    """
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(f"{key} is no address. Set it to one such as https://feedback.example/submit.") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_here(parts.hostname))
    if not (secure and parts.hostname and port_is_right and url.isascii() and url.isprintable() and " " not in url):
        raise ConfigError(
            f"{key} is not an https address (http only to this machine), so nothing is sent there. Set another."
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ConfigError(f"{key} holds a name, a password or a fragment. Set an address without.")
    return url


def gist_address(gist: str) -> str:
    """Where a gist is changed: its id on github.com, or its whole address in the API of another server.

    Raises:
        ConfigError: if it is neither.
    """
    return check_address(_GISTS + gist if _GIST_ID.fullmatch(gist) else gist, "feedback_gist")


def place_of(url: str) -> str:
    """Host and port of an address, to be shown: what else it holds may be a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_here(host: str | None) -> bool:
    """Whether a host is this very machine, and not reached from another."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
