"""How alike are the entries of a store, by what they mean?

The vectors are an embedder's, and numpy came with it: nothing else may use this module.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_mcp.analysis.similarity import Edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 256  # rows that are compared with all others at a time


@dataclass(frozen=True, slots=True)
class Meanings:
    """A row for each entry; the product of two rows is their likeness."""

    rows: "NDArray[Any]"

    def pairs(self, near: Edges, nearest: int) -> Iterator[tuple[int, int, float]]:
        """The pairs of `near`, and each row with the `nearest` to it, with their likeness; some pairs come twice."""
        from numpy import argpartition  # noqa: PLC0415

        first = max(0, len(self.rows) - nearest - 1)  # a row is the nearest to itself
        for start in range(0, len(self.rows), BLOCK):
            products = self.rows[start : start + BLOCK] @ self.rows.T
            found = argpartition(products, first, axis=1)[:, first:].tolist()
            for one, (row, others) in enumerate(zip(products, found, strict=True), start):
                chosen = [other for other in {*near[one], *others} if other != one]
                yield from ((one, other, value) for other, value in zip(chosen, row[chosen].tolist(), strict=True))

    def of(self, clusters: Iterable[Collection[int]]) -> "Meanings":
        """A row for each cluster, whose products are the means of those of its members."""
        from numpy import stack  # noqa: PLC0415

        return Meanings(stack([self.rows[list(members)].mean(axis=0) for members in clusters]))


def joined_meanings(
    texts: Sequence[Sequence[float]], corrections: Sequence[Sequence[float]], weights: Mapping[int, float]
) -> Meanings:
    """One row of the vectors of a text and of its correction; `weights` has that of each correction, by its place."""
    from numpy import array, sqrt, zeros  # noqa: PLC0415

    whole = array(texts, dtype="f4")
    width = whole.shape[1]
    rows = zeros((len(texts), 2 * width), dtype="f4")
    rows[:, :width] = whole
    if weights:
        corrected, shares = list(weights), array([[weight] for weight in weights.values()], dtype="f4")
        rows[corrected, :width] *= sqrt(1 - shares)
        rows[corrected, width:] = sqrt(shares) * array(corrections, dtype="f4")
    return Meanings(rows)
