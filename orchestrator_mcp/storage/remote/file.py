"""Feedback into a file, which a person hands on, or not."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.storage.files import make_folder, read_small, refusals, replace_file

_LARGEST = 1 << 30


@dataclass(frozen=True)
class FileTarget:
    """A file; in a folder, one that is called after the batch."""

    path: Path
    own_folder: bool = False
    """Whether the folder is the store's: then it is made if it is not there."""

    def send(self, name: str, body: bytes) -> str:
        """Write the batch into a file that is not there yet, or that holds just this."""
        if self.own_folder:
            make_folder(self.path)
        with refusals("looking at", self.path):
            path = self.path / f"feedback-{name[:12]}.json" if self.path.is_dir() else self.path
            is_placed = path.parent.is_dir()
        if not is_placed:
            raise InvalidInputError(f"There is no folder {path.parent}. Make it first, or name another file.")
        existing = read_small(path, _LARGEST)
        if existing is None:
            replace_file(path, body)
        elif existing != body:
            raise InvalidInputError(f"{path} is there already and holds something else. Name another file.")
        return str(path)
