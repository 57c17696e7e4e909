"""What else is promised: no pattern out of nothing, the right earlier kind, sureness, and little regard for order."""

import random
from collections import Counter, defaultdict
from itertools import combinations
from types import SimpleNamespace

from grouping_data import (
    SEED,
    Method,
    Rows,
    Score,
    Sets,
    clusters,
    entry_of,
    figures,
    judged,
)

from orchestrator_mcp.analysis.grouping import Entry, canonical_of, key_of
from orchestrator_mcp.analysis.retrieval import candidates
from orchestrator_mcp.records.config import MIN_FREQUENCY
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.pattern import PatternKind
from orchestrator_mcp.services.groups import Group
from orchestrator_mcp.services.patterns import Found, confidence_of

TRIALS = 10
ONE_OFFS = 24
ORDERS = 5
PURITY = 0.8  # as the scorer has it


def print_store_checks(sets: Sets, methods: dict[str, Method]) -> None:
    """Stores that hold no pattern, and the right earlier kind among the five offered."""
    if "agentfail" not in sets:
        return
    print("\n## Reports\n")
    kinds: dict[str | None, Rows] = defaultdict(list)
    for row in sets["agentfail"]:
        kinds[row["label"]].append(row)
    lonely = kinds.pop(None, [])
    for name, method in methods.items():
        rng = random.Random(SEED)
        one_offs = [_reported(rng.sample(lonely, ONE_OFFS), method) for _ in range(TRIALS)]
        pairs = [
            _reported([row for kind in kinds.values() for row in rng.sample(kind, 2)] + lonely, method)
            for _ in range(TRIALS)
        ]
        print(f"{name}: patterns among {ONE_OFFS} unrelated one-offs: {_mean(one_offs, (0, 0))}")
        print(f"{name}: patterns among two of each kind and {len(lonely)} one-offs: {_mean(pairs, (5, 0))}")
    recall = _recall(sets["agentfail"])
    print(
        f"right earlier kind among the five offered, with or without a model: {recall:.3f} {judged(recall, (0.97, 1.0))}"
    )


def _reported(rows: Rows, method: Method) -> int:
    return sum(size >= MIN_FREQUENCY for size in Counter(clusters(rows, method).values()).values())


def _mean(counts: list[int], target: tuple[float, float]) -> str:
    mean = sum(counts) / len(counts)
    return f"{mean:.1f} {judged(mean, target, lower_is_better=True)}"


def _recall(rows: Rows) -> float:
    earlier: dict[str, list[Entry]] = defaultdict(list)
    hits = asked = 0
    for row in rows:
        kind = row["label"] or row["id"]
        if kind in earlier:
            asked += 1
            hits += kind in [one.group_id for one in candidates(entry_of(row), earlier)]
        earlier[kind].append(entry_of(row))
    return hits / asked


def print_confidence(sets: Sets) -> None:
    """How many of the patterns of each confidence are right, if every entry is from a session of its own?"""
    print("\n## Patterns that are right, by confidence; every entry in a session of its own\n")
    print(f"{'set':<11}" + "".join(f"{level:>18}" for level in Level))
    whole: Counter[tuple[Level, bool]] = Counter()
    for name, rows in sets.items():
        found = _sureness(rows)
        whole += found
        print(f"{name:<11}" + "".join(f"{_share(found, level):>18}" for level in Level))
    print(f"{'together':<11}" + "".join(f"{_share(whole, level):>18}" for level in Level))
    sure = sum(whole[Level.HIGH, right] for right in (True, False))
    if sure:
        print(
            f"\nprecision of HIGH: {whole[Level.HIGH, True] / sure:.3f}",
            judged(whole[Level.HIGH, True] / sure, (0.95, 0.98)),
        )


def _share(found: Counter[tuple[Level, bool]], level: Level) -> str:
    right, wrong = found[level, True], found[level, False]
    return f"{right / (right + wrong):.3f} of {right + wrong:>4}" if right + wrong else "-"


def _sureness(rows: Rows) -> Counter[tuple[Level, bool]]:
    sizes = Counter(row["label"] for row in rows)
    groups = clusters(rows)
    members_of: dict[object, Rows] = defaultdict(list)
    for row in rows:
        members_of[groups[row["id"]]].append(row)
    found: Counter[tuple[Level, bool]] = Counter()
    for members in members_of.values():
        if len(members) >= MIN_FREQUENCY:
            (label, count), *_ = Counter(row["label"] for row in members).most_common(1)
            right = bool(label) and sizes[label] >= MIN_FREQUENCY <= count >= PURITY * len(members)
            found[_confidence(members), right] += 1
    return found


def _confidence(members: Rows) -> Level:
    """What the review would say of these entries."""
    forms = {key_of(form): form for form in (canonical_of(entry_of(row)) for row in members)}
    keys = tuple(SimpleNamespace(template=form.template, form=form.kind) for form in forms.values())
    tally = SimpleNamespace(n=len(members), occasions=len(members))
    return confidence_of(Found("", Group(PatternKind.FAILURE, 0, keys), tally))


def print_order(sets: Sets, score: Score, methods: dict[str, Method]) -> None:
    """The same store in five orders: on which pairs of texts do the groups of any two orders agree?"""
    print(f"\n## Order: each set in {ORDERS} orders; F1 over the pairs of texts that two orders put together\n")
    print(f"{'set':<11}{'method':<22}{'mean':>7}{'least':>7}   detect          false")
    for name, rows in sets.items():
        for method_name, method in methods.items():
            _print_order(name, rows, score, method_name, method)


def _print_order(name: str, rows: Rows, score: Score, method_name: str, method: Method) -> None:
    partitions = [clusters(random.Random(seed).sample(rows, len(rows)), method) for seed in range(ORDERS)]
    results = [figures(name, rows, groups, score) for groups in partitions]
    ids = [row["id"] for row in rows]
    agreement = [
        score([one[name] for name in ids], [other[name] for name in ids])["pair_f1"]
        for one, other in combinations(partitions, 2)
    ]
    spans = [
        f"{min(result[figure] for result in results):.3f}–{max(result[figure] for result in results):.3f}"
        for figure in ("detect", "false")
    ]
    mean = sum(agreement) / len(agreement)
    print(f"{name:<11}{method_name:<22}{mean:>7.3f}{min(agreement):>7.3f}   {spans[0]}   {spans[1]}")
