"""Where is a template, and which of its files are taken? A folder's, a named one's, or a git repository's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError, NotFoundError, StateConflictError

from .files import FILE_MODE, read_small, write_new
from .paths import CONFIG, HomePaths
from .remote.repository import address_of, fetch_files
from .settings import Settings
from .yaml_files import MAX_BYTES

WORKFLOW = "workflow.yaml"
KNOWN = (WORKFLOW, CONFIG)
"""What a template may bring; whatever else lies there is not looked at."""
_MODES = {WORKFLOW: 0o644}  # the project's own file, to be committed


@dataclass(frozen=True)
class Template:
    """The files that a template brings, and where it was found."""

    source: str
    files: Mapping[str, bytes]


def find_template(source: str, settings: Settings) -> Template:
    """The template that a person means: a name in `~/.orchestrator/templates/`, a folder, or a git repository.

    Args:
        source: what the person wrote.
        settings: where they stand, where their home is, and the environment that git is started with.

    Raises:
        NotFoundError: if there is none.
        InvalidInputError: if it brings nothing that is known, or its address cannot be used.
        UnsafePathError: if one of its files is a link.
        StorageError: if one is too large, or cannot be read.
        RemoteError: if the repository cannot be fetched.
    """
    folder = _folder(source, settings)
    address = None if folder else address_of(source)
    if folder:
        found = {name: read_small(folder / name, MAX_BYTES) for name in KNOWN}
        template = Template(str(folder), {name: data for name, data in found.items() if data is not None})
    elif address:
        template = Template(address.shown, fetch_files(address, KNOWN, MAX_BYTES, settings.environ))
    else:
        raise NotFoundError(
            f"There is no template {source[:200]!r}: no folder of that name here or in ~/.orchestrator/templates/. "
            "Name a folder, or a git repository such as github.com/owner/name/folder."
        )
    if not template.files:
        raise InvalidInputError(f"{template.source} brings neither {' nor '.join(KNOWN)}. Name a folder that does.")
    return template


def _folder(source: str, settings: Settings) -> Path | None:
    """The folder that is meant; a bare name means a template of the person's own first."""
    is_name = source not in {"", ".", ".."} and Path(source).name == source
    own = [HomePaths(settings.home).templates_dir() / source] if settings.home and is_name else []
    places = [*own, settings.path(source)] if source else []
    return next((place for place in places if os.path.isdir(place)), None)  # noqa: PTH112  is_dir raises at a long name


def refuse_replacing(files: Mapping[Path, bytes]) -> None:
    """Make sure that none of these files is there already with another content.

    Raises:
        StateConflictError: if one is.
    """
    other = [path.name for path, data in files.items() if read_small(path) not in {None, data}]
    if other:
        raise StateConflictError(
            f"{' and '.join(other)} is there already, and the template's is another. "
            "Nothing was changed. Move yours away to take the template's."
        )


def place_files(files: Mapping[Path, bytes]) -> list[Path]:
    """Write the files that are not there yet, all or none; returns those written.

    Raises:
        StateConflictError: if something else is at one of the places; then nothing was written.
    """
    refuse_replacing(files)
    written: list[Path] = []
    try:
        for path in [path for path in files if read_small(path) is None]:
            write_new(path, files[path], _MODES.get(path.name, FILE_MODE))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written
