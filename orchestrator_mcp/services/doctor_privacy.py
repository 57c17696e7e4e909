"""Checks: who else can read or change the store, and are its secrets secret?"""

import stat
from collections.abc import Callable, Iterator

from orchestrator_mcp.analysis.doctor import error, from_problem, note, ok, some, warning
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.records.settings import NEEDED, SecretOrigin
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.inspection import Entry, Kind, look_at
from orchestrator_mcp.storage.machine import is_writable
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.store import KEY_BYTES, KEY_FILE

from .examination import Examination
from .secrets import check_secrets, look_up_secret

_MAY_BE_A_LINK = "current"
"""Other tools make it a link; only the name of its target is read."""


def permissions(seen: Examination) -> Iterator[Finding]:
    """Whether the store is ours alone, and whether we can write it."""
    found = [*_unusable(seen), *_open(seen)]
    yield from found or [ok("readable and writable by you alone")]


def secrets(seen: Examination) -> Iterator[Finding]:
    """Whether the folders of secrets are there, whole and private, and what is in them can be used."""
    found = [*_key(seen), *_exposed(seen), *_refused(seen), *_missing(seen)]
    yield from found or [ok("private, and the key for redaction is whole")]


def loose(seen: Examination) -> list[Entry]:
    """What is open to others, or to nobody, and is ours to close. Where another tool lives too, its folder stays."""
    entries = [one for one in seen.store.ours if one.is_open or one.is_locked_out]
    folder = look_at(seen.folder, "")
    is_shared = bool(seen.store.neighbours)
    mine = [] if is_shared or not (folder.is_open or folder.is_locked_out) else [folder]
    return [one for one in (*mine, *entries) if not (one.is_foreign or one.is_too_deep)]


def _open(seen: Examination) -> Iterator[Finding]:
    entries = loose(seen)
    shut = not look_at(seen.folder, "").is_open
    exposed = [one for one in entries if one.is_open and not _is_secret(one)]
    if exposed:
        found = f"{_count(exposed)} open to other users by mode: {_names(exposed)}."
        if shut:
            yield note(f"{found} The folder itself is private.", path=_path(exposed[0]), fixable=True)
        else:
            yield warning(found, "`orchestrator doctor --fix` closes what is ours.", _path(exposed[0]), fixable=True)
    if barred := [one for one in entries if one.is_locked_out]:
        yield warning(
            f"{_count(barred)} closed to yourself by mode: {_names(barred)}.",
            "`orchestrator doctor --fix` gives you back what is yours.", _path(barred[0]), fixable=True,
        )  # fmt: skip


def _unusable(seen: Examination) -> Iterator[Finding]:
    if not is_writable(seen.folder):
        yield error("The store cannot be written to.", "Check its owner, its mode, and whether the disk is read-only.")
    for unread in seen.store.unread:
        yield error(f"A folder of the store cannot be listed: {unread}.", "Check its owner and its mode.")
    yield from _each(seen, lambda one: one.is_foreign, "of another user's", "Give them back: `sudo chown -R`.")
    yield from _each(seen, _is_strange, "of links, devices or the like, which are never followed", "Remove them.")
    yield from _each(
        seen,
        lambda one: one.kind is Kind.FILE and one.info.st_nlink > 1,
        "with a second one (a hard link), so left alone",
        "Copy them to files of their own.",
    )


def _each(seen: Examination, fits: Callable[[Entry], bool], what: str, advice: str) -> Iterator[Finding]:
    found = [one for one in (look_at(seen.folder, ""), *seen.store.ours) if fits(one)]
    if found:
        yield error(f"{_count(found)} {what}: {_names(found)}.", advice, _path(found[0]))


def _is_strange(one: Entry) -> bool:
    return one.kind is Kind.OTHER or (one.kind is Kind.LINK and one.name != _MAY_BE_A_LINK)


def _is_secret(one: Entry) -> bool:
    return one.name.split("/")[0] == "secrets"


def _key(seen: Examination) -> Iterator[Finding]:
    key = next((one for one in seen.store.ours if one.name == f"secrets/{KEY_FILE}"), None)
    if key is None:
        yield note("There is no key for redaction yet; the first entry makes it.")
    elif key.info.st_size != KEY_BYTES:
        yield warning(
            f"The key for redaction has {key.info.st_size} bytes instead of {KEY_BYTES}: the next entry makes another.",
            "Copy it from where it was whole; else a secret taken out before and after will not look the same.",
            _path(key),
        )


def _exposed(seen: Examination) -> Iterator[Finding]:
    for one in _open_secrets(seen):
        yield error(
            f"{one.name} is open to others (mode {stat.S_IMODE(one.info.st_mode):o}).",
            "`orchestrator doctor --fix` closes it. If others may have read it, replace the secret.",
            _path(one), fixable=True,
        )  # fmt: skip


def _refused(seen: Examination) -> Iterator[Finding]:
    """Secrets that are stored and would not be used, for another reason than the modes told of before."""
    told = SecretOrigin.REPO if _open_secrets(seen) else None
    for one in check_secrets(seen.workspace).secrets:
        if one.problem and one.origin is not told:
            yield from_problem(f"The secret {one.name} is not used. {one.problem}")


def _missing(seen: Examination) -> Iterator[Finding]:
    """Secrets that a setting needs."""
    for setting, secret in NEEDED.items():
        if getattr(seen.workspace.config, setting) and not look_up_secret(seen.workspace, secret).present:
            yield warning(
                f"{setting} is set, and the secret {secret}, which it needs, is not there.",
                f"`orchestrator secrets set {secret} --global` stores it.",
            )


def _open_secrets(seen: Examination) -> list[Entry]:
    return [one for one in loose(seen) if _is_secret(one) and one.is_open]


def _count(entries: list[Entry]) -> str:
    return counted(len(entries), "name")


def _names(entries: list[Entry]) -> str:
    return some([one.name or DIRECTORY for one in entries])


def _path(one: Entry) -> str:
    return f"{DIRECTORY}/{one.name}".rstrip("/")
