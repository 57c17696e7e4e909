"""Checks: whose store is this, does it belong here, and what does git make of it?"""

import re
from collections.abc import Iterator

from orchestrator_mcp import __version__
from orchestrator_mcp.analysis.doctor import error, from_problem, note, ok, some, warning
from orchestrator_mcp.errors import ForeignStoreError, OrchestratorError
from orchestrator_mcp.records.base import ID_PATTERN
from orchestrator_mcp.records.doctor import Finding
from orchestrator_mcp.records.session import FORMAT, StoreMeta
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.foreign_locks import LOCK_FOLDER, MIGRATION_LOCK
from orchestrator_mcp.storage.paths import DIRECTORY, META
from orchestrator_mcp.storage.store import IGNORE_FILE, git_remote
from orchestrator_mcp.storage.travel import travels
from orchestrator_mcp.storage.trees import DEEPEST
from orchestrator_mcp.storage.upgrades import needs_upgrade

from .examination import Examination


def store(seen: Examination) -> Iterator[Finding]:
    """Whose the store is, and whether this version reads it."""
    try:
        meta = seen.workspace.meta
    except ForeignStoreError as problem:
        yield from_problem(str(problem)).model_copy(update=_restoring(seen))
        return
    if meta is None:
        yield note(
            f"There is no store yet; it would be {DIRECTORY}/.", "`orchestrator init` makes it, or the first write."
        )
    elif meta.format > FORMAT:
        yield error(
            f"The store has format {meta.format}, and version {__version__} writes format {FORMAT}.",
            "Update orchestrator-mcp; until then the store can be read, and nothing is recorded.",
            f"{DIRECTORY}/{META}",
        )
    elif needs_upgrade(seen.workspace.paths, meta, FORMAT):
        yield note(f"The store has format {meta.format}; the next write brings it to format {FORMAT}.")
    else:
        yield ok(f"format {meta.format}, of {meta.created_at:%Y-%m-%d}; read and written by version {__version__}")


def copied(seen: Examination) -> Iterator[Finding]:
    """Whether the store was made for this repository, in this place."""
    here, there = git_remote(seen.workspace.paths.base_dir), seen.meta.git_remote if seen.meta else None
    if here and there and here != there:
        yield warning(
            f"The store was made for {there}, and this is {here}: it was copied, or the repository was renamed.",
            f'If it was renamed, put "git_remote":"{here}" into meta.json. If it was copied, its records are about '
            f"the other repository: move {DIRECTORY}/ away, and the next write makes a new store.",
            f"{DIRECTORY}/{META}",
        )
    elif _made_in(seen) not in {None, str(seen.workspace.paths.base_dir)}:
        yield note("The newest session was opened while the store lay elsewhere: it was moved or copied since.")
    else:
        yield ok(f"made for {there or 'a repository without a remote'}")


def neighbours(seen: Examination) -> Iterator[Finding]:
    """What lies in the store's folder and is not ours; it is never touched."""
    known = {LOCK_FOLDER, MIGRATION_LOCK}  # the check of locks tells of them
    others = [entry for entry in seen.store.neighbours if entry.name not in known]
    for entry in others:
        yield note(
            f"{entry.name} is a {entry.kind} that is not ours. It is left alone.", path=f"{DIRECTORY}/{entry.name}"
        )
    deep = {"/".join(one.name.split("/")[:3]) for one in seen.store.ours if one.is_too_deep}
    for name in sorted(deep):
        yield warning(
            f"{name} goes more than {DEEPEST} folders deep, which nothing of ours does.",
            "Look where it came from, perhaps with a clone, and remove it.",
            f"{DIRECTORY}/{name}",
        )
    if not (others or deep):
        yield ok("nothing of another tool's")


def tracked(seen: Examination) -> Iterator[Finding]:
    """Whether git has private files of the store, or would take them."""
    if not (seen.workspace.paths.in_project and seen.git.is_repository()):
        yield ok("no git repository that the store lies in")
        return
    if not seen.git.is_installed():
        yield note("git is not installed, so nobody can tell whether it tracks the store.")
        return
    names, takeable = seen.git.tracked(), [name for name in seen.git.takeable() if _is_private(name)]
    private = sorted({*seen.git.tracked_by_mistake(), *filter(_is_private, names)})
    if private:
        yield error(
            f"git tracks what should stay on this machine: {some(private)}.",
            f"`git rm -r --cached {DIRECTORY}` and commit. What was pushed is known to others: change what is secret.",
            f"{DIRECTORY}/{private[0]}",
        )
    if takeable:
        is_lost = IGNORE_FILE not in {one.name for one in seen.store.ours}
        yield warning(
            f"git does not ignore what should stay on this machine: {some(takeable)}.",
            f"Put a {IGNORE_FILE} with the line * into {DIRECTORY}/." if is_lost else f"See {DIRECTORY}/{IGNORE_FILE}.",
            f"{DIRECTORY}/{IGNORE_FILE}", fixable=is_lost,
        )  # fmt: skip
    if names and not private:
        yield note(
            f"git tracks {counted(len(names), 'file')} of the store: whoever can read the repository can read them."
        )
    elif not (private or takeable):
        yield ok("git ignores the store")


def cleaning(seen: Examination) -> Iterator[Finding]:
    """Whether `git clean -fdx` would remove the store."""
    if not seen.workspace.paths.in_project:
        yield ok("the store lies outside the project")
    elif not seen.git.is_repository() or (seen.git.is_installed() and META in seen.git.tracked()):
        yield ok("`git clean -fdx` leaves the store alone")
    else:
        yield note(
            "`git clean -fdx` removes the store, as git does not track it.",
            f"Use `git clean -fdx -e {DIRECTORY}`; or keep the store elsewhere: `orchestrator init --home`.",
        )


def _is_private(name: str) -> bool:
    return not travels(name, include_private=True)


def _restoring(seen: Examination) -> dict[str, str]:
    """How to bring back a `meta.json` that was lost or damaged, if sessions of ours lie here."""
    try:
        is_ours = any(re.fullmatch(ID_PATTERN, name) for name in seen.workspace.sessions.list_sessions())
    except OrchestratorError:
        return {}
    if not is_ours:
        return {}
    meta = StoreMeta(repo_id="restored", created_at=seen.workspace.now()).model_dump_json(exclude_none=True)
    return {
        "advice": f"It has sessions such as ours. If meta.json was lost or damaged, write this line into it: {meta}",
        "path": f"{DIRECTORY}/{META}",
    }


def _made_in(seen: Examination) -> str | None:
    """Where the project lay when its newest session was opened."""
    metas = [one for one in seen.store.ours if one.name.startswith("sessions/") and one.name.endswith("/meta.json")]
    newest = max(metas, key=lambda one: one.info.st_mtime, default=None)
    if newest is None:
        return None
    try:
        return seen.workspace.sessions.read(newest.name.split("/")[1]).repo_root
    except OrchestratorError:
        return None  # the check of sessions tells
