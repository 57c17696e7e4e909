"""Which workflow does this project have? The one in `workflow.yaml` and what that includes, else the default."""

from pathlib import Path

from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.analysis.workflow_definition import FILE, default_definition
from orchestrator_mcp.analysis.workflow_includes import included, merged, substituted, variables
from orchestrator_mcp.errors import InvalidInputError, OrchestratorError
from orchestrator_mcp.records.workflow import WorkflowDefinition
from orchestrator_mcp.storage.includes import included_file
from orchestrator_mcp.storage.workspace import Workspace
from orchestrator_mcp.storage.yaml_files import Mapping, read_yaml

MAX_DEPTH, MAX_FILES, MAX_SHOWN = 8, 20, 200
_NO_KEY = bytes(32)


def project_definition(workspace: Workspace) -> tuple[WorkflowDefinition, str | None]:
    """The project's own workflow, and the file's name; else the one that is shipped.

    Raises:
        InvalidInputError: if it cannot be used, naming the file, and the chain of includes that led there.
    """
    value = read_yaml(workspace.paths.work_root / FILE)
    return (default_definition(), None) if value is None else (defined_by(workspace, value), FILE)


def defined_items(workspace: Workspace) -> frozenset[str]:
    """The ids of all items of the project's workflow; empty if it cannot be used."""
    try:
        definition, _ = project_definition(workspace)
    except OrchestratorError:
        return frozenset()
    return frozenset(item.id for phase in definition.phases for item in phase.items)


def defined_by(workspace: Workspace, value: Mapping) -> WorkflowDefinition:
    """The workflow that this content of the project's `workflow.yaml` makes, with what it includes.

    Raises:
        InvalidInputError: if it makes none.
    """
    found: dict[Path, tuple[str, Mapping]] = {}
    _collect(workspace.paths.work_root, {workspace.paths.work_root / FILE: FILE}, value, found)
    files = list(found.values())
    definition = substituted(merged(files), variables(files, workspace.config.variables))
    _refuse_secret_ids(definition)
    return definition


def _collect(work_root: Path, trail: dict[Path, str], value: Mapping, found: dict[Path, tuple[str, Mapping]]) -> None:
    """Add the last file of a trail of includes to those found, after all that it includes itself.

    One that is included twice is taken once.
    """
    *_, path = trail
    for name in included(value, trail[path]):
        try:
            target = included_file(work_root, path, name)
            _refuse_endless(trail, target, found)
            content = read_yaml(target) if target not in found else None
        except OrchestratorError as error:
            raise InvalidInputError(f"{_chain(trail, name)} cannot be included: {error}") from error
        if content is not None:
            _collect(work_root, trail | {target: name}, content, found)
    found[path] = trail[path], value


def _refuse_endless(trail: dict[Path, str], target: Path, found: dict[Path, tuple[str, Mapping]]) -> None:
    if target in trail:
        raise InvalidInputError("it includes itself. Take one of the includes out.")
    if len(trail) > MAX_DEPTH:
        raise InvalidInputError(f"files include each other at most {MAX_DEPTH} deep. Put some together.")
    if len(found) >= MAX_FILES:
        raise InvalidInputError(f"a workflow is made of at most {MAX_FILES} files. Put some together.")


def _chain(trail: dict[Path, str], name: str) -> str:
    return " → ".join(clip(single_line(one), MAX_SHOWN) for one in (*trail.values(), name))


def _refuse_secret_ids(definition: WorkflowDefinition) -> None:
    """What is stored must still be these ids. No tag is kept here, so that no store and no key of its own is needed."""
    for name in [name for phase in definition.phases for name in (phase.id, *(item.id for item in phase.items))]:
        if redact_json({"item_id": name}, _NO_KEY) != {"item_id": name}:
            raise InvalidInputError(f"{FILE} cannot be used: one of its ids looks like a secret. Rename it.")
