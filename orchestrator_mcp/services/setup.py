"""Setting a project up: make its store, say what of it git sees, and take over a template."""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError, OrchestratorError
from orchestrator_mcp.records.config import ConfigLevel
from orchestrator_mcp.records.setup import Mode, SetUp
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.storage.config_values import Given, checked
from orchestrator_mcp.storage.environment import installed
from orchestrator_mcp.storage.files import is_file
from orchestrator_mcp.storage.git_view import GitView
from orchestrator_mcp.storage.paths import CONFIG, DIRECTORY, META, OrchestratorPaths
from orchestrator_mcp.storage.store import IGNORE_FILE, mode_here, read_meta, set_mode
from orchestrator_mcp.storage.templates import WORKFLOW, Template, find_template, place_files, refuse_replacing
from orchestrator_mcp.storage.workspace import Workspace
from orchestrator_mcp.storage.yaml_files import parse_yaml

from .workflow_definitions import defined_by

_MEANS = {
    Mode.PRIVATE: "git ignores all of it",
    Mode.SHARE_CONFIG: f"git sees {CONFIG}, and ignores all else",
    Mode.PORTABLE: "git sees what was recorded, but no secrets, no process feedback, no agents' runs, nothing derived",
    Mode.PORTABLE_WITH_PRIVATE: "git sees all that was recorded, but no secrets and nothing derived",
}

_PORTABLE = {Mode.PORTABLE, Mode.PORTABLE_WITH_PRIVATE}


def set_up(workspace: Workspace, *, mode: Mode | None = None, template: str | None = None) -> SetUp:
    """Make the store if it is not there; choose what of it git sees; take over a template's files.

    Args:
        workspace: the project.
        mode: what git sees. None leaves that as it is; a new store is private.
        template: a folder, a name in `~/.orchestrator/templates/`, or the address of a git repository.

    Raises:
        InvalidInputError: if the template cannot be used, or the store is to lie under the home folder and one lies
            in the project; then nothing was changed.
        StateConflictError: if it would replace a file; then none of its files was written.
        ForeignStoreError: if the store, or its `.gitignore`, is not ours.
    """
    _refuse_a_second_store(workspace)
    taken = _usable(workspace, template) if template is not None else Template("", {})
    files = _places(workspace, taken)
    refuse_replacing(files)
    store = workspace.paths.orchestrator_dir
    changes = [] if workspace.meta else [f"Made {store}."]
    workspace.store()
    lock = workspace.locks.of(store)
    if mode and set_mode(workspace.paths, lock, mode):
        changes.append(f"Its .gitignore is that of the mode {mode} now.")
    with lock.held():
        changes += [f"Wrote {path}, from {taken.source}." for path in place_files(files)]
    return _as_it_is(workspace, changes)


def _as_it_is(workspace: Workspace, changes: list[str]) -> SetUp:
    store = workspace.paths.orchestrator_dir
    mode = mode_here(store)
    return SetUp(
        store=str(store),
        mode=mode,
        means=_means(workspace, mode),
        changes=changes,
        next_step=_next_step(workspace),
        warnings=list(_warnings(workspace)),
        legacy_detected=workspace.legacy.detected(),
    )


def _means(workspace: Workspace, mode: Mode | None) -> str:
    if not workspace.paths.in_project:
        return "it lies outside the project, so git never sees it"
    return _MEANS[mode] if mode else "its .gitignore has lines of somebody else's, which decide"


def _refuse_a_second_store(workspace: Workspace) -> None:
    paths = workspace.paths
    inside = OrchestratorPaths(paths.base_dir)
    if not paths.in_project and workspace.meta is None and read_meta(inside) is not None:
        raise InvalidInputError(
            "The project has a store already, and two would each know half. To keep that one under your home folder, "
            f"end what writes to it and move it: mkdir -p {shlex.quote(str(paths.orchestrator_dir.parent))} && "
            f"mv {shlex.quote(str(inside.orchestrator_dir))} {shlex.quote(str(paths.orchestrator_dir))}"
        )


def _places(workspace: Workspace, template: Template) -> dict[Path, bytes]:
    places = {WORKFLOW: workspace.paths.work_root / WORKFLOW, CONFIG: workspace.paths.config_file()}
    return {places[name]: data for name, data in template.files.items()}


def _usable(workspace: Workspace, source: str) -> Template:
    """The template, with nothing in it that would be refused later."""
    template = find_template(source, workspace.settings)
    try:
        if WORKFLOW in template.files:
            defined_by(workspace, parse_yaml(template.files[WORKFLOW], WORKFLOW))
        if CONFIG in template.files:
            values = parse_yaml(template.files[CONFIG], CONFIG)
            for key, value in values.items():
                checked(Given(str(key), value, ConfigLevel.REPO, f"its {CONFIG}", values.lines.get(key)))
    except OrchestratorError as error:
        raise InvalidInputError(
            f"The template {template.source} cannot be used, and nothing was changed: {error}"
        ) from error
    return template


def _warnings(workspace: Workspace) -> Iterator[str]:
    """Where git does not do what the mode says."""
    git = GitView(workspace.paths.base_dir, workspace.settings.environ)
    mode = mode_here(workspace.paths.orchestrator_dir)
    if mode is None or not workspace.paths.in_project or not git.is_repository():
        return
    with suppress(OrchestratorError):  # git is missing, or does not answer: then nobody can tell
        tracked = set(git.tracked())
        if mode in _PORTABLE and META not in tracked.union(git.takeable()):
            yield f"git still ignores {DIRECTORY}/: another .gitignore says so. Take that line out."
        surplus = tracked - {CONFIG, IGNORE_FILE} if mode is Mode.SHARE_CONFIG else tracked
        if mode not in _PORTABLE and surplus:
            yield (
                f"git still tracks {counted(len(surplus), 'file')} of the store, as ignoring does not undo that. "
                f"`git rm -r --cached {DIRECTORY}` does; they stay on your disk."
            )


def _next_step(workspace: Workspace) -> str:
    legacy = sorted(file.name for file in workspace.legacy.waiting())
    if legacy:
        return f"Legacy files lie here: {', '.join(legacy)}. `orchestrator migrate --dry-run` says what would move."
    if is_file(workspace.paths.work_root / WORKFLOW):
        return 'Start the workflow of this project: orchestrator start "what is to be done"'
    if mode_here(workspace.paths.orchestrator_dir) in _PORTABLE:
        return f"Look at what it holds, then commit it: git add {DIRECTORY}"
    return how_to_connect()


def how_to_connect() -> str:
    """The command that has an agent start this server, as a sentence."""
    return f"Connect an agent: claude mcp add orchestrator -- {shlex.quote(installed('orchestrator-mcp'))}"
