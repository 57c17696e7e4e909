"""What does a text mean, in numbers? A model that knows, and the word pieces in which it is asked."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .wordpiece import ids_of

TOKENS = 128  # word pieces of a text that are read: what the model was trained on,
CHARACTERS = 2000  # among so many characters


@dataclass(frozen=True, slots=True)
class Model:
    """An `Embedder`: 384 numbers for a text's meaning, about 5 ms a sentence and 30 ms at most on one thread.

    A text is read alone: the model measures its numbers over all it reads at once, so that a text's vector would
    depend on its neighbours.
    """

    name: str
    """Vectors of equal names may be compared, and kept."""
    run: Callable[[list[int]], bytes]
    vocabulary: Mapping[str, int]

    def __call__(self, texts: Sequence[str]) -> "list[array[float]]":
        """One vector of length 1 per text, of 4-byte floats: `tobytes` keeps it in 1,536 bytes."""
        pieces = (ids_of(text[:CHARACTERS], self.vocabulary, TOKENS) for text in texts)
        return [array("f", self.run(one)) for one in pieces]
