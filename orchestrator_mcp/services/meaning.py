"""The optional tier of meaning, with what the model said of each text remembered."""

import sqlite3
from array import array
from collections.abc import Sequence

from orchestrator_mcp.analysis.meaning import Model, embedder_name, find_embedder, why_no_embedder
from orchestrator_mcp.errors import OrchestratorError
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
        self.name = embedder_name()
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
            self._model = find_embedder()
        if self._model is None:
            raise NotReadYetError(f"{why_no_embedder()} Words alone decide until then.")
        return self._model


def engine() -> str:
    """What tells entries apart here: the model's name, or words alone."""
    return embedder_name() or WORDS


def is_installed() -> bool:
    """Whether a model can be asked; it is loaded, in a third of a second, when it is."""
    return engine() != WORDS


def model_at_once() -> Model | None:
    """The model, for texts that are not remembered."""
    return find_embedder() if is_installed() else None
