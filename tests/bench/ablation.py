"""What does each idea of the grouping buy? Each is switched off in turn; one row per idea, one column per set.

    python tests/bench/ablation.py [--data ../shared/data/patterns/dev] [--sets agentfail …]

Nothing in the product can be switched off: the ideas are patched out from here. Prints Markdown. Where an idea needs
another threshold to be fair without it, several are tried, and the one with the best mean `pf` is shown.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from grouping_data import (
    DATA,
    SETS,
    Figures,
    Method,
    Score,
    Sets,
    clusters,
    figures,
    load_score,
    load_sets,
    ours,
    ours_with,
)
from grouping_references import embedder_of_the_extra

from orchestrator_mcp.analysis import (
    canonical,
    grouping,
    grouping_headline,
    grouping_stream,
    grouping_tiers,
    similarity,
)
from orchestrator_mcp.analysis.grouping_tiers import PROSE, Entry
from orchestrator_mcp.analysis.similarity import STEM, Vector

Patch = tuple[ModuleType, str, Any]
Idea = list[list[Patch]]
"""What is patched; several lists are alternatives."""

THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35)
SHOWN = ("ga", "fga", "pair_f1", "detect", "false")
NAMES = {"ga": "GA", "fga": "FGA", "pair_f1": "F1"}


def _letters_as_stems(text: str) -> Counter[str]:
    return Counter({STEM + feature: n for feature, n in similarity.letters(text).items()})


def _vectors_of(change: Callable[[Entry], Entry]) -> Callable[[Sequence[Entry]], list[Vector]]:
    vectors_of = grouping_tiers.prose_vectors
    return lambda entries: vectors_of([change(entry) for entry in entries])


def _as_one_text(entry: Entry) -> Entry:
    return Entry(text=f"{entry.subject} {entry.feedback}")


def _uncorrected(entry: Entry) -> Entry:
    return Entry(text=entry.subject)


IDEAS: dict[str, Idea] = {
    "masks": [[(canonical, "masked", lambda line, **_: line)]],
    "prefixes taken off": [[(grouping_headline, "_unwrapped", str.strip)]],
    "headline of several lines": [[(canonical, "headline", lambda lines: lines[0].strip() if lines else "")]],
    "quoted words where little else is left": [[(canonical, "MIN_CONTENT", 0)]],
    "what says nothing stays apart": [[(canonical, "says_nothing", lambda _: False)]],
    "frames": [[(grouping_stream, "_frames", lambda _: iter(()))]],
    "a second and third variable": [[(grouping_stream, "DEPTH", 0)]],
    "multi-line tier": [[(grouping, "WHOLE_STORE_KINDS", ("prose",))]],
    "prose tier": [[(grouping, "WHOLE_STORE_KINDS", ("lines",))]],
    "correction counted once more": [[(grouping_tiers, "prose_vectors", _vectors_of(_as_one_text))]],
    "correction at all": [[(grouping_tiers, "prose_vectors", _vectors_of(_uncorrected))]],
    "hub correction": [[(grouping_tiers, "PROSE", replace(PROSE, hub=0.0, threshold=limit))] for limit in THRESHOLDS],
    "letters (stems only)": [[(grouping_tiers, "letters", similarity.stems)]],
    "stems (letters only)": [[(grouping_tiers, "stems", _letters_as_stems)]],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the labelled sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    options = parser.parse_args()
    score = load_score(options.data)
    sets = {name: rows for name, rows in load_sets(options.data).items() if name in options.sets}
    table = {"**everything**": _measured(sets, score, ours)}
    embedder = embedder_of_the_extra()
    if embedder:
        table["**everything, and the model**"] = _measured(sets, score, ours_with(embedder))
    table |= {f"− {name}": _without(idea, sets, score) for name, idea in IDEAS.items()}
    _print_table(table, list(sets))
    if not embedder:
        print("\nThe `semantic` extra is not installed: no row for the model.")


def _measured(sets: Sets, score: Score, method: Method) -> dict[str, Figures]:
    return {name: figures(name, rows, clusters(rows, method), score) for name, rows in sets.items()}


def _without(idea: Idea, sets: Sets, score: Score) -> dict[str, Figures]:
    results = []
    for patches in idea:
        with ExitStack() as stack:
            for module, name, value in patches:
                stack.enter_context(patch.object(module, name, value))
            results.append(_measured(sets, score, ours))
    return max(results, key=lambda found: sum(one["pf"] for one in found.values()))


def _print_table(table: dict[str, dict[str, Figures]], sets: list[str]) -> None:
    whole = next(iter(table.values()))
    print(f"{' / '.join(NAMES.get(figure, figure) for figure in SHOWN)}; an empty cell is as it is with everything.\n")
    print(f"| | {' | '.join(sets)} |")
    print(f"|---{'|---' * len(sets)}|")
    for row, found in table.items():
        cells = [
            _cell(found[name]) if found is whole or _cell(found[name]) != _cell(whole[name]) else "" for name in sets
        ]
        print(f"| {row} | {' | '.join(cells)} |")


def _cell(found: Figures) -> str:
    return " / ".join(_short(found[figure]) for figure in SHOWN)


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


if __name__ == "__main__":
    main()
