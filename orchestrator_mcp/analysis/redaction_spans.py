"""One stretch of a text that is a secret, once, however many ways it was found."""

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    start: int
    end: int
    kind: str


def merged_spans(spans: Iterable[Span]) -> list[Span]:
    """Overlapping finds become one, under the kind of the first detector that saw any of it."""
    ranked = sorted(enumerate(spans), key=lambda numbered: numbered[1].start)
    merged: list[tuple[int, Span]] = []
    for rank, span in ranked:
        if merged and span.start < merged[-1][1].end:
            before_rank, before = merged[-1]
            best = min((before_rank, before.kind), (rank, span.kind))
            merged[-1] = (best[0], Span(before.start, max(before.end, span.end), best[1]))
        else:
            merged.append((rank, span))
    return [span for _, span in merged]
