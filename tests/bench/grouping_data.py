"""What the benchmarks of grouping share: the labelled sets, their targets, the scorer, and our own method."""

import importlib.util
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from orchestrator_mcp.analysis.grouping import Embedder, Entry, assign

Row = dict[str, Any]
Rows = list[Row]
Sets = dict[str, Rows]
Method = Callable[[Rows], list[Any]]
"""The texts of one store → the group of each."""
Groups = dict[str, Any]
Score = Callable[[list[Any], list[Any]], dict[str, float]]
Figures = dict[str, float]
Target = tuple[float, float]

DATA = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", ROOT.parent / "shared" / "data")) / "patterns" / "dev"
SEED = 7
FOLDS = 5
FIGURES = ("ga", "fga", "pair_f1", "detect", "false", "pf")
LOWER_IS_BETTER = {"false"}
BY_SYSTEM = {"loghub2k"}  # log systems are scored one by one and averaged, as the published figures are

# set, `+m` with our model: figure → (must, aim)
TARGETS: dict[str, dict[str, Target]] = {
    "loghub2k": {"ga": (0.87, 0.93), "fga": (0.91, 0.95), "detect": (0.95, 0.97), "false": (0.03, 0.01)},
    "logchunks": {"detect": (0.90, 0.95), "false": (0.05, 0.03), "pair_f1": (0.88, 0.92)},
    "pyraise": {"detect": (0.78, 0.85), "false": (0.12, 0.08), "pair_f1": (0.70, 0.80)},
    "lintdiag": {"detect": (0.84, 0.90), "false": (0.08, 0.05), "pair_f1": (0.75, 0.85)},
    "agentfail": {"detect": (0.50, 0.70), "false": (0.25, 0.10)},
    "agentfail +m": {"detect": (0.70, 0.85), "false": (0.15, 0.08), "pair_f1": (0.68, 0.80)},
}
SETS = ("loghub2k", "logchunks", "pyraise", "lintdiag", "agentfail", "banking77", "clinc150")


def load_sets(data: Path) -> Sets:
    sets = {name: _load(data / f"{name}.jsonl") for name in SETS if (data / f"{name}.jsonl").exists()}
    if not sets:
        sys.exit(f"There are no sets in {data}. Pass their folder with --data, or set ORCHESTRATOR_TEST_DATA.")
    return sets


def _load(path: Path) -> Rows:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def load_score(data: Path) -> Score:
    path = data.resolve().parents[2] / "bench" / "score.py"
    if not path.exists():
        sys.exit(f"No scorer at {path}. Pass --data a folder three levels below the one that holds bench/score.py.")
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Score = module.score
    return score


def entry_of(row: Row) -> Entry:
    return Entry(text=row["text"], context=row.get("context") or "", feedback=row.get("feedback") or "")


def ours(store: Rows) -> list[str]:
    return assign(map(entry_of, store))


def ours_with(embedder: Embedder) -> Method:
    return lambda store: assign(map(entry_of, store), embedder=embedder)


def stores(rows: Rows) -> dict[str | None, Rows]:
    """Each project has a store of its own."""
    found: dict[str | None, Rows] = defaultdict(list)
    for row in rows:
        found[row.get("project")].append(row)
    return found


def clusters(rows: Rows, method: Method = ours) -> Groups:
    """The group of each row, by its id; groups of different stores are different."""
    return {
        row["id"]: (project, group)
        for project, store in stores(rows).items()
        for row, group in zip(store, method(store), strict=True)
    }


def figures(name: str, rows: Rows, groups: Groups, score: Score) -> Figures:
    parts = stores(rows).values() if name in BY_SYSTEM else [rows]
    return _average([_figures(part, groups, score) for part in parts])


def folded(name: str, rows: Rows, method: Method, score: Score) -> Figures:
    """The same, on average over five stores with a fifth of the kinds each: smaller stores, of other kinds."""
    return _average([figures(name, part, clusters(part, method), score) for part in _folds(rows)])


def _figures(rows: Rows, groups: Groups, score: Score) -> Figures:
    found = score([row["label"] for row in rows], [groups[row["id"]] for row in rows])
    right = 1 - found["false"]
    found["pf"] = 2 * found["detect"] * right / (found["detect"] + right or 1)
    return {figure: found[figure] for figure in FIGURES}


def _average(several: Sequence[Figures]) -> Figures:
    return {figure: sum(one[figure] for one in several) / len(several) for figure in FIGURES}


def _folds(rows: Rows) -> Iterator[Rows]:
    kinds = sorted({row["label"] for row in rows if row["label"]})
    random.Random(SEED).shuffle(kinds)
    lonely = [row for row in rows if not row["label"]]
    for fold in range(FOLDS):
        kept = set(kinds[fold::FOLDS])
        chosen = {row["id"] for row in lonely[fold::FOLDS]} | {row["id"] for row in rows if row["label"] in kept}
        yield [row for row in rows if row["id"] in chosen]


def by_source(name: str, rows: Rows) -> dict[str, Rows]:
    """The rows of each source, or of each log system."""
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        source = row["project"] if name in BY_SYSTEM else row.get("source", name)
        found[name if source == name else f"{name}/{source}"].append(row)
    return dict(sorted(found.items()))


def verdict(value: float, target: Target | None, *, lower_is_better: bool = False) -> str:
    if target is None:
        return ""
    sign = -1 if lower_is_better else 1
    must, aim = (sign * limit for limit in target)
    return "aim" if sign * value >= aim else "must" if sign * value >= must else "MISSED"


def judged(value: float, target: Target, *, lower_is_better: bool = False) -> str:
    must, aim = target
    return f"{verdict(value, target, lower_is_better=lower_is_better)} (must {must:g}, aim {aim:g})"


def is_better(figure: str, one: float, other: float) -> bool:
    """Is one figure better than another as far as three digits show?"""
    sign = -1 if figure in LOWER_IS_BETTER else 1
    return sign * round(one, 3) > sign * round(other, 3)
