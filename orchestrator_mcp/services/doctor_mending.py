"""What the doctor may mend: modes, torn tails, leftovers, the cache, an unfinished migration, a lost .gitignore.

Each takes nothing away that anybody could miss, holds the locks that any writer holds, and can be repeated.
"""

import stat
from collections.abc import Iterator

from orchestrator_mcp.records.doctor import Repair
from orchestrator_mcp.storage.arrival import remove_leftover
from orchestrator_mcp.storage.files import refusals
from orchestrator_mcp.storage.index import unlink_database
from orchestrator_mcp.storage.inspection import make_private
from orchestrator_mcp.storage.lines import LineFile
from orchestrator_mcp.storage.locks import FolderLock
from orchestrator_mcp.storage.migration import recover, unfinished
from orchestrator_mcp.storage.paths import DIRECTORY
from orchestrator_mcp.storage.processes import age
from orchestrator_mcp.storage.store import IGNORE_FILE, ignore_again

from .doctor_data import stale, torn
from .doctor_privacy import loose
from .examination import Examination


def close_modes(seen: Examination) -> Iterator[Repair]:
    """Close what is open to others."""
    for one in loose(seen):
        mode = make_private(one)
        yield _repair(one.name, f"mode {stat.S_IMODE(one.info.st_mode):o}", f"mode {mode:o}")


def heal_tails(seen: Examination) -> Iterator[Repair]:
    """Finish or set aside half a line, as the next writer would."""
    for one in torn(seen):
        file = LineFile(one.path, _lock_of(seen, one.name))
        with file.lock.held():
            file.heal_locked()
        file.sync()
        yield _repair(one.name, f"{seen.lines[one].torn:,} bytes of half a line", "healed; nothing whole was lost")


def remove_stale(seen: Examination) -> Iterator[Repair]:
    """Remove what killed processes were building."""
    for one, idle in stale(seen):
        with seen.workspace.locks.of(seen.folder).held():
            remove_leftover(one.path)
        yield _repair(one.name, f"left {age(idle)} ago", "removed")


def rebuild_cache(seen: Examination) -> Iterator[Repair]:
    """Build the index anew."""
    if seen.cache_problem:
        folder = seen.workspace.paths.cache_dir()
        with seen.workspace.locks.of(seen.folder).held(), refusals("removing the cache from", folder):
            unlink_database(folder)
        seen.workspace.index()
        yield _repair("cache", seen.cache_problem, "built anew")


def finish_migration(seen: Examination) -> Iterator[Repair]:
    """Roll a migration or a rollback forward, or sweep away what was not yet committed."""
    if unfinished(seen.workspace.paths):
        problems = recover(seen.workspace.paths, seen.workspace.locks)
        left = unfinished(seen.workspace.paths)
        after = " ".join(problems) or ("under way in another process" if left else "finished")
        yield _repair("migration_backup", "cut short", after)


def ignore_store(seen: Examination) -> Iterator[Repair]:
    """Write the .gitignore that was lost."""
    if ignore_again(seen.workspace.paths):
        yield _repair(IGNORE_FILE, "missing", "written")


def _lock_of(seen: Examination, name: str) -> FolderLock:
    """The lock that the writers of a file hold: its session's, or the store's."""
    parts = name.split("/")
    folder = seen.folder.joinpath(*parts[:2]) if parts[0] == "sessions" else seen.folder
    return seen.workspace.locks.of(folder)


def _repair(name: str, before: str, after: str) -> Repair:
    return Repair(check="", path=f"{DIRECTORY}/{name}".rstrip("/"), before=before, after=after)
