"""How well, and how fast, are the development sets grouped, and how well do other methods group them?

    python tests/bench/grouping.py [--data ../shared/data/patterns/dev] [--large]

`pf` is the harmonic mean of `detect` and 1 − `false`; the other figures are those of the scorer. A set's best reference
is the one with the highest `pf`. `*` marks where a reference is better than we are; `+m` is with our `[semantic]` extra.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from grouping_checks import print_confidence, print_order, print_store_checks
from grouping_cost import print_costs
from grouping_data import (
    DATA,
    FIGURES,
    LOWER_IS_BETTER,
    TARGETS,
    Figures,
    Groups,
    Method,
    Rows,
    Score,
    Sets,
    by_source,
    clusters,
    figures,
    folded,
    is_better,
    load_score,
    load_sets,
    ours,
    ours_with,
    verdict,
)
from grouping_references import Family, embedder_of_the_extra, references

OURS = ("ours", "ours +m")
UNTARGETED = ("pair_f1", "detect", "false")  # what is shown of a set without targets


class Result(NamedTuple):
    """What one method made of one set."""

    name: str
    method: Method
    groups: Groups
    whole: Figures


Results = dict[str, dict[str, Result]]
"""Set → family → its best result."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=DATA, help="the folder of the labelled sets")
    arguments.add_argument("--large", action="store_true", help="also stream a million machine texts")
    options = arguments.parse_args()
    score, sets = load_score(options.data), load_sets(options.data)
    embedder = embedder_of_the_extra()
    methods: dict[str, Method] = dict(zip(OURS, (ours, ours_with(embedder)) if embedder else (ours,), strict=False))
    families, missing = references(embedder)
    both = {name: {"": method} for name, method in methods.items()} | families
    results = {
        name: {family: _best_of(family, swept, name, rows, score) for family, swept in both.items()}
        for name, rows in sets.items()
    }
    for sentence in missing:
        print(f"Missing: {sentence}")
    print_targets(sets, results, score)
    print_methods(results)
    print_sources(sets, results, score)
    print_store_checks(sets, methods)
    print_confidence(sets)
    print_order(sets, score, methods | {name: family[""] for name, family in families.items() if name == "drain3"})
    print_costs(sets, large=options.large)


def _best_of(family: str, swept: Family, name: str, rows: Rows, score: Score) -> Result:
    found = []
    for threshold, method in swept.items():
        groups = clusters(rows, method)
        found.append(Result(f"{family} {threshold}".strip(), method, groups, figures(name, rows, groups, score)))
    return max(found, key=lambda one: one.whole["pf"])


def _best_reference(results: dict[str, Result]) -> Result | None:
    references = [one for family, one in results.items() if family not in OURS]
    return max(references, key=lambda one: one.whole["pf"], default=None)


def _beside(figure: str, reference: float, own: float) -> str:
    return f"{reference:.3f}{'*' if is_better(figure, reference, own) else ' '}"


def print_targets(sets: Sets, results: Results, score: Score) -> None:
    print("\n## Figures, targets, and the best reference\n")
    print(f"{'set':<13}{'figure':<8}{'must':>5}{'aim':>6}   {'whole':<15}{'5-fold':<15}{'whole':<7}5-fold  of")
    for name, rows in sets.items():
        best = _best_reference(results[name])
        rival = (best.name, best.whole, folded(name, rows, best.method, score)) if best else None
        for family, mine in results[name].items():
            if family == "ours" or (family in OURS and mine.whole != results[name]["ours"].whole):
                label = family.replace("ours", name)
                _print_targets(label, mine.whole, folded(name, rows, mine.method, score), rival)


def _print_targets(label: str, whole: Figures, parts: Figures, rival: tuple[str, Figures, Figures] | None) -> None:
    targets = TARGETS.get(label, {})
    for figure in (*(targets or UNTARGETED), "pf"):
        target = targets.get(figure)
        wanted = f"{target[0]:>5.2f}{target[1]:>6.2f}" if target else " " * 11
        values = "".join(
            f"{value:.3f} {verdict(value, target, lower_is_better=figure in LOWER_IS_BETTER):<9}"
            for value in (whole[figure], parts[figure])
        )
        print(f"{label:<13}{figure:<8}{wanted}   {values}", end="")
        if rival:
            print(
                _beside(figure, rival[1][figure], whole[figure]),
                _beside(figure, rival[2][figure], parts[figure]),
                end=" ",
            )
        print(rival[0] if rival else "no reference")


def print_methods(results: Results) -> None:
    print("\n## Every method on the whole sets, each at its best threshold for the set\n")
    print(f"{'set':<11}{'method':<24}" + "".join(f"{figure:>8} " for figure in FIGURES))
    for name, found in results.items():
        own = found["ours"].whole
        for one in found.values():
            values = "".join(f"{_beside(figure, one.whole[figure], own[figure]):>9}" for figure in FIGURES)
            print(f"{name:<11}{one.name:<24}{values}")


def print_sources(sets: Sets, results: Results, score: Score) -> None:
    print("\n## By source\n")
    print(f"{'source':<22}{'texts':>6}" + "".join(f"{figure:>9}" for figure in FIGURES) + "   best reference: pf")
    for name, rows in sets.items():
        best = _best_reference(results[name])
        for source, part in by_source(name, rows).items():
            mine = figures(name, part, results[name]["ours"].groups, score)
            values = "".join(f"{mine[figure]:>9.3f}" for figure in FIGURES)
            rival = (
                f"{_beside('pf', figures(name, part, best.groups, score)['pf'], mine['pf'])} {best.name}"
                if best
                else ""
            )
            print(f"{source:<22}{len(part):>6}{values}   {rival or 'none'}")


if __name__ == "__main__":
    main()
