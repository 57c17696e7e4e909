"""Which files lie in somebody's git repository? Fetched by git alone, as blobs: nothing in it is checked out or run."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from orchestrator_mcp.errors import GitError, InvalidInputError, RemoteError, UnsafePathError
from orchestrator_mcp.storage.git import Git

_SCHEMES = ("https", "ssh", "file")
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.+)")
_SHORT = re.compile(r"(?P<repo>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/[\w.-]+/[\w.-]+)(?:/(?P<folder>.+))?", re.ASCII)
_SCP = re.compile(r"(?P<url>\w[\w.-]*@\w[\w.-]*:[\w.~-][\w./~-]*?)(?://(?P<folder>.+))?", re.ASCII)
_PLAIN = {b"100644", b"100755"}
_BARE = ("clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template=")
_CLONE = "clone"


class Address(NamedTuple):
    """A repository, and a folder in it; `shown` is what may be printed of it."""

    url: str
    folder: str
    shown: str


def address_of(source: str) -> Address | None:
    """The address of a git repository that a person means; None if it looks like none.

    https, ssh and file addresses, each with `//folder` behind it; `git@host:owner/name`; `host/owner/name/folder`.

    Raises:
        InvalidInputError: for any other kind of address, or one that holds a password.
    """
    if found := _ADDRESS.fullmatch(source):
        rest, _, folder = found["rest"].partition("//")
        url = f"{found['scheme']}://{rest}"
        return Address(url, _folder(folder), _shown(url))
    if found := _SCP.fullmatch(source):
        return Address(found["url"], _folder(found["folder"] or ""), found["url"])
    if found := _SHORT.fullmatch(source):
        return Address(f"https://{found['repo']}", _folder(found["folder"] or ""), found["repo"])
    return None


def _shown(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise InvalidInputError(
            "The template's address cannot be read. Give one such as https://host/owner/name."
        ) from None
    if parts.scheme not in _SCHEMES:
        raise InvalidInputError(f"{parts.scheme} addresses are not fetched. Use https, ssh, or a folder.")
    if parts.password is not None or (parts.username and parts.scheme != "ssh") or parts.query or parts.fragment:
        raise InvalidInputError(
            "The template's address holds a password or a token, which others on this machine could read. "
            "Leave it out; git's own credential helper is asked."
        )
    if not url.isprintable() or " " in url or host.startswith("-") or (parts.scheme != "file" and not host):
        raise InvalidInputError("The template's address cannot be read. Give one such as https://host/owner/name.")
    return url


def _folder(written: str) -> str:
    parts = written.strip("/").split("/") if written.strip("/") else []
    if any(part in {"", ".", ".."} or not part.isprintable() for part in parts):
        raise InvalidInputError(f"{written[:200]!r} is no folder of a repository. Name one such as templates/web.")
    return "/".join(parts)


def fetch_files(address: Address, names: Iterable[str], limit: int, environ: Mapping[str, str]) -> dict[str, bytes]:
    """The files of these names in the address's folder, as its default branch has them now.

    Args:
        address: of the repository.
        names: those that are wanted; the others are not looked at.
        limit: bytes that a file may have.
        environ: the environment that git is started with.

    Raises:
        RemoteError: if there is no git, the repository cannot be fetched in time, or a file is larger than that.
        UnsafePathError: if one of the names is a link.
    """
    with tempfile.TemporaryDirectory(prefix="orchestrator-template-") as folder:
        git = Git(Path(folder), environ)
        try:
            git.reach(*_BARE, f"--filter=blob:limit={limit + 1}", "--", address.url, _CLONE, extra=_only(*_SCHEMES))
            found = {name: _blob(git, address, name, limit) for name in names}
        except (RemoteError, GitError) as error:
            said = re.sub(r"://[^/\s@]*@", "://", str(error))  # the person's own settings may add a password
            raise RemoteError(f"Nothing could be taken from {address.shown}. {said}") from None
    return {name: data for name, data in found.items() if data is not None}


def _only(*protocols: str) -> dict[str, str]:
    return {"GIT_ALLOW_PROTOCOL": ":".join(protocols)}


def _blob(git: Git, address: Address, name: str, limit: int) -> bytes | None:
    """A file's bytes. What the clone left out as too large is not fetched later: by now no protocol is allowed."""
    path = "/".join(filter(None, (address.folder, name)))
    listed = git.run(f"--git-dir={_CLONE}", "ls-tree", "-z", "HEAD", "--", path)
    if not listed:
        return None
    mode, _, blob = listed.partition(b"\t")[0].split(b" ")
    if mode not in _PLAIN:
        raise UnsafePathError(f"{path} in {address.shown} is a link or a folder, so it is not taken.")
    with suppress(GitError):
        if int(_read(git, "-s", blob)) <= limit:
            return _read(git, "blob", blob)
    raise RemoteError(f"{path} is larger than {limit:,} bytes, so it is not taken.")


def _read(git: Git, what: str, blob: bytes) -> bytes:
    return git.run(f"--git-dir={_CLONE}", "cat-file", what, blob.decode(), extra=_only("none"))
